/** What `compare` and `run` do, from a resolved call to the results on their way out. */
import { isComplete } from './columns.ts';
import { describeError, EXIT, exitCodeOf } from './errors.ts';
import { interruption } from './interrupt.ts';
import { logLines } from './log.ts';
import { type MeasuredCall, measureCall } from './measure-call.ts';
import type { Call } from './options.ts';
import { print, wantsColour, writeJson, writeWhole } from './output.ts';
import { createProgress } from './progress.ts';
import { writeReport } from './report/file.ts';
import { renderReport } from './report/html.ts';
import type { Run } from './results.ts';
import type { StallLog } from './stall-log.ts';
import { renderResults } from './table.ts';
import { writeTrace } from './trace/file.ts';

/**
 * Measures, prints and writes.
 * @returns the exit code
 * @throws UsageError, InterruptedError
 */
export async function measureCommand(call: Call): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, call.quiet);
  try {
    // Loaded for who asks for it alone: it takes as long as the command does to start.
    const stalls = call.hdr === null ? null : (await import('./stall-log.ts')).openStallLog(call.config);
    const measured = await measureCall(call, {
      ...{ signal, progress },
      onRun: (one) => {
        logRun(call.log, one.run);
        stalls?.add(one);
      },
    });
    progress.end();
    return report(call, measured, stalls);
  } finally {
    progress.end();
  }
}

/** Also where progress is not wanted. */
function logRun(log: Call['log'], run: Run): void {
  if (log === null) return;
  for (const line of logLines(run, log)) process.stderr.write(`${line}\n`);
}

/** Shows and writes the results, and then says what failed: what was measured until then is not lost. */
function report(
  { json, trace, report: page, hdr }: Call,
  { results, failure, traced }: MeasuredCall,
  stalls: StallLog | null,
): number {
  const runs = results.runs.filter(isComplete);
  if (json !== '-' && runs.length > 0) {
    print(renderResults({ ...results, runs }, wantsColour(process.stdout)));
  }
  const unwritten = failuresOf([
    () => json !== null && writeJson('--json', json, results),
    () => trace !== null && writeTrace(trace, traced, results),
    () => page !== null && writeReport(page, renderReport(results)),
    () => hdr !== null && stalls !== null && writeWhole('--hdr', hdr, stalls.text()),
  ]);
  const failures = failure ? [...unwritten, failure] : unwritten;
  for (const one of failures) process.stderr.write(`minorfault: ${describeError(one)}\n`);
  return failures.length === 0 ? EXIT.done : exitCodeOf(failures.at(-1));
}

/** Does all of these, also what comes after one that fails. */
function failuresOf(works: readonly (() => unknown)[]): readonly unknown[] {
  return works.flatMap((work) => {
    try {
      work();
      return [];
    } catch (error) {
      return [error];
    }
  });
}
