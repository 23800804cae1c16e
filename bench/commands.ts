/** What `compare` and `run` do, from a resolved call to the results on their way out. */
import { openHeap } from '../gc/index.ts';
import { formatBytes } from '../heap/errors.ts';
import { type Comparison, compareModes } from './compare.ts';
import { describeError, EXIT, exitCodeOf, UsageError } from './errors.ts';
import { describeHost } from './host.ts';
import { interruption, unlessInterrupted } from './interrupt.ts';
import { copyOverContinue } from './metrics/copy-over-continue.ts';
import { type Call, type CommandName, type Config, type RawOptions, resolveOptions } from './options.ts';
import { checkWritable, print, wantsColour, writeJson } from './output.ts';
import { createProgress } from './progress.ts';
import { RESULTS_SCHEMA, type Results, type ResultsConfig } from './results.ts';
import { suggestion } from './suggest.ts';
import { renderResults } from './table.ts';
import { type PreparedWorkload, type Workload, workloads } from './workloads/workload.ts';

/**
 * Measures, prints and writes.
 * @returns the exit code
 * @throws UsageError, HostError, InterruptedError
 */
export async function measureCommand(
  command: CommandName,
  workloadName: string | undefined,
  raw: RawOptions,
): Promise<number> {
  const call = resolveOptions(command, workloadName, raw);
  const workload = findWorkload(call);
  if (call.json !== null) checkWritable('--json', call.json);
  const signal = interruption();
  const host = describeHost();
  const progress = createProgress(process.stderr, call.quiet);
  try {
    progress.watch(() => `preparing ${workload.name}`);
    const prepared = await unlessInterrupted(signal, prepare(workload, call));
    if (call.note) progress.note(call.note);
    const program = { module: workload.module, data: prepared.data };
    const comparison = await compareModes(call.config, program, { openHeap, signal, progress });
    progress.end();
    return report(call, comparison, resultsOf(call.config, prepared, comparison, host));
  } finally {
    progress.end();
  }
}

/** The workload of the call, which knows all parameters that the call sets. */
function findWorkload({ config, settings }: Call): Workload {
  const workload = workloads.get(config.workload);
  if (!workload) {
    const names = [...workloads.keys()];
    const near = suggestion(config.workload, names);
    throw new UsageError(`${config.workload}: no such workload${near}; the workloads are ${names.join(', ')}`);
  }
  const known = Object.keys(workload.parameters);
  const unknown = [...settings.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const has = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
    throw new UsageError(
      `--set ${unknown}: no such parameter of ${workload.name}${suggestion(unknown, known)}; ${has}`,
    );
  }
  return workload;
}

async function prepare(workload: Workload, { config, settings }: Call): Promise<PreparedWorkload> {
  const { heap: heapBytes, mutators, live, seed, cycles } = config;
  const prepared = await workload.prepare({ heapBytes, mutators, live, seed, cycles, settings });
  if (prepared.liveBytes >= heapBytes) {
    throw new UsageError(
      `--heap ${formatBytes(heapBytes)}: too small for ${workload.name}, which keeps ` +
        `${formatBytes(prepared.liveBytes)} alive; use a larger heap`,
    );
  }
  return prepared;
}

function resultsOf(
  config: Config,
  prepared: PreparedWorkload,
  { runs, failure }: Comparison,
  host: Results['host'],
): Results {
  const resolved: ResultsConfig = {
    ...config,
    parameters: prepared.parameters,
    liveBytes: prepared.liveBytes,
  };
  return {
    schema: RESULTS_SCHEMA,
    host,
    config: resolved,
    runs,
    summary: { copyOverContinue: copyOverContinue(runs, config.seed) },
    ...(failure ? { failure: failure.message } : {}),
  };
}

/** Shows and writes the results, and then says what failed: what was measured until then is not lost. */
function report({ json }: Call, { failure }: Comparison, results: Results): number {
  const complete = results.runs.some((run) => run.mutators.length > 0);
  if (json !== '-' && complete) print(renderResults(results, wantsColour(process.stdout)));
  if (json !== null) writeJson('--json', json, results);
  if (!failure) return EXIT.done;
  process.stderr.write(`minorfault: ${describeError(failure)}\n`);
  return exitCodeOf(failure);
}
