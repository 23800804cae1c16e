/** What `fuzz` tells of programs that have shown no difference. */
import { CheckError, EXIT } from '../errors.ts';
import { print, writeJson } from '../output.ts';
import { type Coverage, gapsOf } from './coverage.ts';
import { coverageData, renderCoverage } from './coverage-table.ts';
import type { FuzzCall } from './options.ts';

const FUZZ_SCHEMA = 'minorfault/fuzz/1';

/** What has been run since when. */
export interface Ran {
  readonly began: number;
  programs: number;
  /** Of these on both kernels: all but with --gaps-only. */
  onLinux: number;
}

export function howFast({ gapsOnly }: FuzzCall, { began, programs, onLinux }: Ran): string {
  const rate = ((programs / (performance.now() - began)) * 1000).toFixed(0);
  return `, ${rate} a second${gapsOnly ? `, ${onLinux} of them on linux, too` : ''}`;
}

/** @returns the exit code. @throws CheckError if a rule is wrong */
export function report(call: FuzzCall, coverage: Coverage, ran: Ran): number {
  const { json, steps, seed } = call;
  const { programs, onLinux } = ran;
  if (json !== '-') print(renderCoverage(coverage));
  if (json !== null)
    writeJson('--json', json, {
      ...{ schema: FUZZ_SCHEMA, programs, onLinux, steps, seed },
      ...coverageData(coverage),
    });
  const { wrong } = gapsOf(coverage);
  if (wrong.length > 0)
    throw new CheckError(
      `the kernel has answered what it cannot by bench/fuzz/*-rules.ts: mend the rule of ${wrong.join('; ')}`,
    );
  if (json !== '-')
    print(`${programs} programs of up to ${steps} steps (seed ${seed})${howFast(call, ran)}: no difference`);
  return EXIT.done;
}
