/** A process that has had a heap ends by itself: nothing is left running, however the run came to its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fixture, MODE_NAMES } from './gc-heaps.ts';

const run = promisify(execFile);
const DEADLINE_MS = 45_000;

const ends = [
  ['normally', '2000'],
  ['closedWhileRunning', 'closed'],
  ['mutatorThrows', 'mutator 1 failed: the program is wrong'],
  ['collectorDies', 'collector'],
] as const;

describe.each(MODE_NAMES)('%s', (mode) => {
  it.each(ends)('%s', async (how, says) => {
    const script = fileURLToPath(fixture('whole-run'));
    const { stdout, stderr } = await run(process.execPath, [script, how, mode], { timeout: DEADLINE_MS });
    expect([stdout.trim(), stderr]).toEqual([says, '']);
  });
});
