/** The options of `sweep`. */

/** As the command line gives them. */
export interface RawSweepOptions {
  readonly shard?: string;
  readonly out?: string;
  readonly list?: boolean;
  readonly schema?: boolean;
  readonly quiet?: boolean;
}

/** Flags and help. */
export const SWEEP_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--out <folder>', 'where the results of each cell are, and go (default: results)'],
  ['--shard <i/n>', 'only the i-th of n parts, which are for as many processes or hosts'],
  ['--list', 'list the cells and whether they have been measured; measure nothing'],
  ['--schema', 'print the JSON schema of sweep files'],
  ['--quiet', 'no progress on standard error'],
];
