/** Progress: a rewritten line on a terminal, a line per run elsewhere, nothing if quiet. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress } from '../../dist/bench/progress.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorded(isTTY: boolean, quiet = false) {
  const written: string[] = [];
  const progress = createProgress({ isTTY, columns: 20, write: (text) => written.push(text) }, quiet);
  progress.note('a note');
  progress.watch(() => 'working on something long');
  vi.advanceTimersByTime(1000);
  progress.finished('done');
  progress.end();
  vi.advanceTimersByTime(1000);
  return written;
}

it('elsewhere: notes and finished runs', () => {
  expect(recorded(false)).toEqual(['a note\n', 'done\n']);
});

it('elsewhere: what is going on, once a minute, until the end', () => {
  const written: string[] = [];
  const progress = createProgress({ write: (text) => written.push(text) }, false);
  let ran = 0;
  progress.watch(() => `${ran} programs`);
  vi.advanceTimersByTime(60_000);
  ran = 7;
  vi.advanceTimersByTime(119_000);
  progress.end();
  vi.advanceTimersByTime(300_000);
  expect(written).toEqual(['0 programs, 60 s\n', '7 programs, 120 s\n']);
});

it('on a terminal: one line, at most four times a second, cut to its width, gone at the end', () => {
  const written = recorded(true).join('');
  expect(written.match(/working/g)).toHaveLength(4);
  expect(written).toContain('\r\x1b[2Kworking on somethin');
  expect(written).not.toContain('something');
  expect(written).not.toContain('done');
  expect(written.endsWith('\r\x1b[2K')).toBe(true);
});

it('quiet: nothing', () => {
  expect(recorded(true, true)).toEqual([]);
});
