/** What `compare` and `run` do, from a resolved call to the results on their way out. */
import { measureApart } from './apart/apart.ts';
import { type Comparison, compareModes } from './compare.ts';
import { describeError, EXIT, exitCodeOf } from './errors.ts';
import { describeHost } from './host.ts';
import { interruption, unlessInterrupted } from './interrupt.ts';
import { logLines } from './log.ts';
import { copyOverContinue, pageOverPage } from './metrics/copy-over-continue.ts';
import type { Call, Config } from './options.ts';
import { print, wantsColour, writeJson } from './output.ts';
import { requireMoving } from './page-sizes.ts';
import { createProgress } from './progress.ts';
import { writeReport } from './report/file.ts';
import type { Results, ResultsConfig, Run } from './results.ts';
import { renderResults } from './table.ts';
import { writeTrace } from './trace/file.ts';
import { findWorkload } from './workloads/load.ts';
import type { PreparedWorkload, Workload } from './workloads/workload.ts';

/**
 * Measures, prints and writes.
 * @returns the exit code
 * @throws UsageError, InterruptedError
 */
export async function measureCommand(call: Call): Promise<number> {
  const workload = await findWorkload(call.config.workload);
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
    const comparison = await compareModes(call.config, program, {
      measure: measureApart,
      ...{ signal, progress, record },
      onRun: (run) => logRun(call.log, run),
    });
    progress.end();
    return report(call, comparison, resultsOf(call.config, prepared, comparison, host));
  } finally {
    progress.end();
  }
}

/** Also where progress is not wanted. */
function logRun(log: Call['log'], run: Run): void {
  if (log === null) return;
  for (const line of logLines(run, log)) process.stderr.write(`${line}\n`);
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
  { json, trace, report: page }: Call,
  { failure, traced }: Comparison,
  results: Results,
): number {
  const runs = results.runs.filter(isComplete);
  if (json !== '-' && runs.length > 0) {
    print(renderResults({ ...results, runs }, wantsColour(process.stdout)));
  }
  if (json !== null) writeJson('--json', json, results);
  if (trace !== null) writeTrace(trace, traced, results);
  if (page !== null) writeReport(page, results);
  if (!failure) return EXIT.done;
  process.stderr.write(`minorfault: ${describeError(failure)}\n`);
  return exitCodeOf(failure);
}
