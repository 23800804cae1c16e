/** The options of `merge`. */

/** As the command line gives them. */
export interface RawMergeOptions {
  readonly groupBy?: string;
  readonly json?: string;
  readonly report?: string;
  readonly force?: boolean;
}

/** Flags and help. */
export const MERGE_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--group-by <what>', 'host: results of several hosts apart; without it they are refused'],
  ['--json <file>', 'write what was merged as JSON; - is standard output'],
  ['--report <file>', 'write a report to look at, one HTML file'],
  ['--force', 'overwrite what --report names, also if it is no report'],
];
