/** `minorfault report FILE`: the report of results that are there already. */
import { UsageError } from '../errors.ts';
import { readResults } from '../read-results.ts';
import { checkReport, writeReport } from './file.ts';
import { renderReport } from './html.ts';

/** Options as the command line gives them. */
export interface RawReportOptions {
  readonly report?: string;
  readonly force?: boolean;
}

/**
 * Writes the report.
 * @returns the exit code
 * @throws UsageError for a file that is not there or holds no results, or a report that cannot be written there
 */
export async function reportCommand(
  file: string,
  { report, force = false }: RawReportOptions,
): Promise<number> {
  const target = report ?? `${file.replace(/(\.results)?\.json$/, '')}.html`;
  if (target === '-') throw new UsageError('--report -: is not written to standard output; give it a file');
  checkReport(target, force);
  const results = readResults(file);
  writeReport(target, renderReport(results));
  process.stderr.write(`${target}: the report of ${results.runs.length} runs\n`);
  return 0;
}
