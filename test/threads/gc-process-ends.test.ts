/** A process that has had a heap ends by itself: nothing is left running, however the run came to its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fixture, KERNEL, MODES_HERE, turnAbout } from './gc-heaps.ts';

const run = promisify(execFile);
const DEADLINE_MS = 45_000;

const ends = [
  ['normally', '2000'],
  ['closedWhileRunning', 'closed'],
  ['mutatorThrows', 'mutator 1 failed: the program is wrong'],
  ['collectorDies', 'collector'],
] as const;

const MOMENTS = [
  ['processExit', '', { code: 7, signal: null }, /^$/],
  ['uncaught', '', { code: 1, signal: null }, /nobody catches it/],
  ['unhandled', '', { code: 1, signal: null }, /nobody handles it/],
  ['signal', 'SIGTERM', { code: null, signal: 'SIGTERM' }, /^$/],
  ['signal', 'SIGINT', { code: null, signal: 'SIGINT' }, /^$/],
  ['signal', 'SIGKILL', { code: null, signal: 'SIGKILL' }, /^$/],
] as const;

describe.each(MODES_HERE)('%s', (mode) => {
  it.each(ends)('%s', async (how, says) => {
    const script = fileURLToPath(fixture('whole-run'));
    const { stdout, stderr } = await run(process.execPath, [script, how, mode], { timeout: DEADLINE_MS });
    expect([stdout.trim(), stderr]).toEqual([says, '']);
  });

  // Nobody closes the heap: mutators are at work, or asleep in a fault, when the process goes.
  it.each(KERNEL === 'linux' ? MOMENTS : turnAbout(MOMENTS))(
    'at any moment: %s %s',
    async (how, signal, ended, says) => {
      const script = fileURLToPath(fixture('whole-run'));
      const error = await run(process.execPath, [script, how, mode, signal], { timeout: DEADLINE_MS }).catch(
        (error) => error,
      );
      expect(error).toMatchObject(ended);
      expect(error.stderr).toMatch(says);
    },
  );
});
