/** `minorfault merge FILES`: results of many calls, or of the cells of a sweep, beside each other. */
import { resolve } from 'node:path';
import { EXIT, UsageError } from '../errors.ts';
import { checkWritable, print, printable, writeJson } from '../output.ts';
import { readResults } from '../read-results.ts';
import { checkReport, writeReport } from '../report/file.ts';
import { renderMergedReport } from './html.ts';
import { mergeResults } from './merge.ts';
import type { RawMergeOptions } from './options.ts';
import { renderMerged } from './render.ts';

/**
 * Merges, prints and writes.
 * @returns the exit code: 1 if something in the results had failed
 * @throws UsageError for a file that holds no results, and for results of several hosts that are not to be grouped
 */
export async function mergeCommand(files: readonly string[], raw: RawMergeOptions): Promise<number> {
  const { groupBy, json, report, force = false } = raw;
  if (groupBy !== undefined && groupBy !== 'host')
    throw new UsageError(`--group-by ${groupBy}: must be host`);
  if (json !== undefined) checkWritable('--json', json);
  if (report !== undefined) checkReport(report, force);
  for (const [option, output] of [
    ['--json', json],
    ['--report', report],
  ] as const)
    if (output !== undefined && files.some((file) => resolve(file) === resolve(output)))
      throw new UsageError(`${option} ${output}: is one of the files to merge; name another`);
  if (json !== undefined && report !== undefined && resolve(json) === resolve(report))
    throw new UsageError(`--report ${report}: is the file of --json, too; name another`);
  const sources = files.map((file) => ({ file, results: readResults(file) }));
  const merged = mergeResults(sources, groupBy ?? null);
  if (json !== '-') print(printable(renderMerged(merged)));
  if (json !== undefined) writeJson('--json', json, merged);
  if (report !== undefined) writeReport(report, renderMergedReport(merged));
  const failed = merged.groups.some(({ cells }) => cells.some(({ failures }) => failures.length > 0));
  return failed ? EXIT.failed : EXIT.done;
}
