/** The file of a report: one that is there already is overwritten only if it is a report of ours. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { checkWritable, writeWhole } from '../output.ts';
import { GENERATOR } from './parts.ts';

/** Where in a report it says that it is one. */
const HEAD_BYTES = 1024;

/**
 * Makes sure that a report can be written there, before anything is measured.
 * @throws UsageError
 */
export function checkReport(file: string, force: boolean): void {
  checkWritable('--report', file);
  const found = statSync(file, { throwIfNoEntry: false });
  if (force || !found?.isFile() || found.size === 0 || isReport(file)) return;
  throw new UsageError(
    `--report ${file}: is there already and is no report of minorfault; name another file, or add --force to overwrite it`,
  );
}

function isReport(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.toString('utf8', 0, readSync(fd, head)).includes(GENERATOR);
  } finally {
    closeSync(fd);
  }
}

/** @throws CheckError if it cannot be written */
export function writeReport(file: string, html: string): void {
  writeWhole('--report', file, html);
}
