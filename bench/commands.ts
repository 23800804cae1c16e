/** What `compare` and `run` do, from a resolved call to the results on their way out. */
import { measureApart } from './apart/apart.ts';
import { type Comparison, compareModes } from './compare.ts';
import { describeError, EXIT, exitCodeOf, UsageError } from './errors.ts';
import { describeHost } from './host.ts';
import { interruption, unlessInterrupted } from './interrupt.ts';
import { logLines } from './log.ts';
import { copyOverContinue, pageOverPage } from './metrics/copy-over-continue.ts';
import type { Call, Config } from './options.ts';
import { print, wantsColour, writeJson, writeWhole } from './output.ts';
import { requireMoving } from './page-sizes.ts';
import { createProgress } from './progress.ts';
import { writeReport } from './report/file.ts';
import type { Results, ResultsConfig, Run } from './results.ts';
import type { StallLog } from './stall-log.ts';
import { suggestion } from './suggest.ts';
import { renderResults } from './table.ts';
import { writeTrace } from './trace/file.ts';
import { workloads } from './workloads/index.ts';
import type { PreparedWorkload, Workload } from './workloads/workload.ts';

/**
 * Measures, prints and writes.
 * @returns the exit code
 * @throws UsageError, InterruptedError
 */
export async function measureCommand(call: Call): Promise<number> {
  const workload = findWorkload(call);
  const signal = interruption();
  const host = describeHost();
  const progress = createProgress(process.stderr, call.quiet);
  try {
    progress.watch(() => `preparing ${workload.name}`);
    const prepared = await unlessInterrupted(signal, prepare(workload, call));
    for (const note of call.notes) progress.note(note);
    const { data, nonMovingBytes = 0, largeBytes = 0 } = prepared;
    requireMoving(call.config.pages, nonMovingBytes + largeBytes);
    const program = { module: workload.module, data, nonMovingBytes, largeBytes };
    const record = call.trace !== null || call.report !== null;
    // Loaded for who asks for it alone: it takes as long as the command does to start.
    const stalls = call.hdr === null ? null : (await import('./stall-log.ts')).openStallLog(call.config);
    const comparison = await compareModes(call.config, program, {
      measure: measureApart,
      ...{ signal, progress, record },
      onRun: (measured) => {
        logRun(call.log, measured.run);
        stalls?.add(measured);
      },
    });
    progress.end();
    return report(call, comparison, resultsOf(call.config, prepared, comparison, host), stalls);
  } finally {
    progress.end();
  }
}

/** Also where progress is not wanted. */
function logRun(log: Call['log'], run: Run): void {
  if (log === null) return;
  for (const line of logLines(run, log)) process.stderr.write(`${line}\n`);
}

function findWorkload({ config }: Call): Workload {
  const workload = workloads.get(config.workload);
  if (!workload) {
    const names = [...workloads.keys()];
    const near = suggestion(config.workload, names);
    throw new UsageError(
      `${config.workload}: no such workload${near}; the workloads are ${names.join(', ')}`,
    );
  }
  return workload;
}

function prepare(workload: Workload, { config, settings }: Call): Promise<PreparedWorkload> {
  const { heap: heapBytes, mutators, live, seed, cycles } = config;
  return workload.prepare({ heapBytes, mutators, live, seed, cycles, settings });
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
    schema: 'minorfault/results/1',
    host,
    config: resolved,
    runs,
    summary: summaryOf(config, runs.filter(isComplete)),
    ...(failure ? { failure: failure.message } : {}),
  };
}

function summaryOf(config: Config, runs: readonly Run[]): Results['summary'] {
  const onFirst = runs.filter(({ page }) => page === config.page);
  return {
    copyOverContinue: copyOverContinue(onFirst, config.seed),
    pageOverPage: pageOverPage(runs, config, config.seed),
  };
}

/** Whether the run got to its end: figures of one that did not are in the file, and in no median. */
function isComplete(run: Run): boolean {
  return run.mutators.length > 0;
}

/** Shows and writes the results, and then says what failed: what was measured until then is not lost. */
function report(
  { json, trace, report: page, hdr }: Call,
  { failure, traced }: Comparison,
  results: Results,
  stalls: StallLog | null,
): number {
  const runs = results.runs.filter(isComplete);
  if (json !== '-' && runs.length > 0) {
    print(renderResults({ ...results, runs }, wantsColour(process.stdout)));
  }
  if (json !== null) writeJson('--json', json, results);
  if (trace !== null) writeTrace(trace, traced, results);
  if (page !== null) writeReport(page, results);
  if (hdr !== null && stalls !== null) writeWhole('--hdr', hdr, stalls.text());
  if (!failure) return EXIT.done;
  process.stderr.write(`minorfault: ${describeError(failure)}\n`);
  return exitCodeOf(failure);
}
