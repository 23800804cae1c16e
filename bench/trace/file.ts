/** The file of a timeline: written piece by piece, since it may be larger than a string. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { CheckError } from '../errors.ts';
import type { Results } from '../results.ts';
import { type TracedRun, traceEvents } from './chrome.ts';
import type { Trace } from './schema.ts';

/** Characters that are gathered before they are written. */
const PIECE = 1 << 20;

/** @throws CheckError if it cannot be written, or not all of it: the message names the file */
export function writeTrace(file: string, runs: readonly TracedRun[], { host, config }: Results): void {
  try {
    const fd = openSync(file, 'w');
    try {
      writeAll(fd, textOf(runs, { schema: 'minorfault/trace/1', host, config }));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new CheckError(`--trace ${file}: could not be written whole: ${(error as Error).message}`);
  }
}

function* textOf(runs: readonly TracedRun[], about: Trace['otherData']): Generator<string> {
  yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify(about)},"traceEvents":[\n`;
  let isFirst = true;
  for (const event of traceEvents(runs)) {
    yield `${isFirst ? '' : ',\n'}${JSON.stringify(event)}`;
    isFirst = false;
  }
  yield '\n]}\n';
}

function writeAll(fd: number, texts: Iterable<string>): void {
  let pending: string[] = [];
  let length = 0;
  const flush = (): void => {
    const bytes = Buffer.from(pending.join(''));
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    [pending, length] = [[], 0];
  };
  for (const text of texts) {
    pending.push(text);
    length += text.length;
    if (length >= PIECE) flush();
  }
  flush();
}
