/** Modes that users write: one that works, and ones that do not, which are named; nothing hangs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openHeap } from '../../dist/gc/index.js';
import {
  expectEveryPageOnce,
  fixture,
  KERNEL,
  MIB,
  recordsOf,
  rejection,
  runProgram,
  turnAbout,
  withHeap,
} from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterAll(() => expect(workersLeft()).toBe(0));

const remap = new URL('../../dist/bench/examples/remap-mode.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'minorfault-modes-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The path of a module that exports that one of the broken modes. */
function broken(which: string): string {
  const path = join(folder, `${which.replaceAll(' ', '-')}.mjs`);
  const all = new URL('../fixtures/modes/broken.mjs', import.meta.url).href;
  writeFileSync(path, `import { modes } from '${all}';\nexport default modes['${which}'];\n`);
  return path;
}

const open = (mode: string) => openHeap({ kernel: KERNEL, heapBytes: MIB, mutators: 1, mode });

describe('the example: pages published by mmap', () => {
  const options = { mode: remap, verify: 'phases', nonMovingBytes: MIB, heapBytes: 2 * MIB } as const;

  it('objects survive, pinned ones in their places', async () => {
    const data = { objects: 2000, rounds: 40, collections: 6, large: 0, seed: 7 };
    const { results, cycles } = await runProgram(
      'pinned',
      { ...options, mutators: 2, gcThreads: 2, batch: 3 },
      data,
    );
    expect(results).toEqual([[], []]);
    expect(cycles.length).toBeGreaterThanOrEqual(6);
  });

  it('large objects: free pages are left out, and are the file’s afterwards', async () => {
    await withHeap({ ...options, largeBytes: 4 * MIB, mutators: 2 }, async (heap) => {
      const graph = { program: 'graph', small: 1500, large: 24, rounds: 60, collections: 6, seed: 2 };
      const mutators = [0, 1].map(() => heap.spawn(fixture('large-programs'), graph));
      for (const { done } of mutators) expect((await done).result).toMatchObject({ wrong: [] });
      const records = await recordsOf(heap);
      expect(records.some(({ releasedPages }) => releasedPages > 0)).toBe(true);
      expect(records.some(({ nonMoving }) => nonMoving.pages > 20)).toBe(true);
    });
  });

  it('large garbage: pages that were free are used again after the collection', async () => {
    const few = { ...options, verify: true, largeBytes: 67 * 4096, mutators: 3 };
    await withHeap(few, async (heap) => {
      const garbage = { program: 'garbage', arrays: 150, references: 3000, words: 4000 };
      const mutators = [0, 1, 2].map(() => heap.spawn(fixture('large-programs'), garbage));
      for (const { done } of mutators) expect((await done).result).toEqual([]);
      await recordsOf(heap);
    });
  });

  it('no page is left, and none is copied', async () => {
    await withHeap(options, async (heap) => {
      await heap.spawn(fixture('programs'), { program: 'list', length: 3000, collections: 2 }).done;
      for (const record of await recordsOf(heap)) {
        expectEveryPageOnce(record, 'copy');
        expect([record.pages.untouched, record.copiedBytes]).toEqual([0, 0]);
        expect(record.ioctls).not.toHaveProperty('UFFDIO_CONTINUE');
      }
    });
  });
});

it('one of ours under another name', async () => {
  const { results } = await runProgram('list', { mode: broken('sound') }, { length: 2000, collections: 3 });
  expect(results).toEqual([2000]);
});

describe('what a module lacks is named before anything is mapped', () => {
  it.each([
    ['number', 'its module has no object as default export; export a MappingMode'],
    ['without reserve', 'reserve is missing, and must be a function; see MappingMode'],
    ['features as a number', 'features is a number, and must be a bigint; see MappingMode'],
  ])('%s', async (which, says) => {
    const error = await rejection(open(broken(which)));
    expect(error).toMatchObject({
      name: 'ModeError',
      code: 'MODE_BROKEN',
      message: `mode ${broken(which)}: ${says}`,
    });
  });

  it('that knows of no raw data runs, but not in a heap with large-object space', async () => {
    const mode = broken('knows of no raw data');
    await (await open(mode)).close();
    const error = await rejection(withHeap({ mode, largeBytes: MIB }, async () => {}));
    expect(error).toMatchObject({ name: 'ModeError', code: 'MODE_BROKEN' });
    expect(error.message).toMatch(
      /reserve\(\) must map 1048576 bytes of raw data behind the first \d+, and answer `rawBytes`/,
    );
  });

  it('no such file', async () => {
    const error = await rejection(open('./no-such-mode.js'));
    expect(error).toMatchObject({ code: 'MODE_NOT_LOADED' });
    expect(error.message).toMatch(/^mode \.\/no-such-mode\.js: cannot be loaded: Cannot find module/);
  });

  // It takes as long as a module may take to load; nothing of it differs by kernel.
  it.runIf(KERNEL === 'sim')('waits at its top level for what never comes', async () => {
    const mode = new URL('../fixtures/modes/never-loads.mjs', import.meta.url).href;
    expect((await rejection(open(mode))).message).toMatch(/^mode file:.*: cannot be loaded: .* within 10 s/);
  });

  it.each([
    [
      'needs nothing',
      /^mode .*: needs\(\) answered undefined, without memoryBytes, addressBytes: whole numbers$/,
    ],
    ['reserves nothing', /^mode .*: reserve\(\) answered undefined, without heap, heapBytes, /],
    [
      'reserves less',
      /^mode .*: reserve\(\) answered .*, without heapBytes, nonMovingBytes, spanBytes: whole numbers$/,
    ],
  ])('%s', async (which, says) => {
    const error = await rejection(open(broken(which)));
    expect(error).toMatchObject({ code: 'MODE_BROKEN' });
    expect(error.message).toMatch(says);
  });

  it('neither one of ours nor a module', async () => {
    expect((await rejection(open('kontinue'))).message).toMatch(
      /^mode kontinue is unknown; .* as \.\/my-mode\.js$/,
    );
  });
});

describe('what a mode does wrong ends the run with an error that says it', () => {
  it.each(
    turnAbout([
      ['without publish', /publish\(\) of what attach\(\) answers is missing, and must be a function/],
      ['attach gives nothing', /livingSpace\(\) of what attach\(\) answers is missing/],
      [
        'makes pages nowhere',
        /mode .*: slot\(\d+, \d+, (true|false)\) answered undefined, and must answer an index/,
      ],
      [
        'publishes nothing',
        /publish\(\d+, \d+\) answered \{"done":0,"errno":0\}, and must \{ done, errno \}/,
      ],
      ['publishes half a page', /publish\(\d+, \d+\) answered \{"done":2048/],
      ['answers nothing', /publish\(\d+, \d+\) answered undefined/],
      ['lies', /publish\(\) said that it had mapped page \d+, and mutators do not see it/],
      ['lies and wakes', /publish\(\) said that it had mapped page \d+, and mutators do not see it/],
      ['throws', /not today/],
    ]),
  )('%s', async (which, says) => {
    const error = await rejection(
      withHeap({ mode: broken(which), verify: false }, async (heap) => {
        await heap.spawn(fixture('programs'), { program: 'list', length: 3000, collections: 3 }).done;
      }),
    );
    expect(error).toMatchObject({ code: 'THREAD_DIED' });
    expect(error.message).toMatch(says);
  });
});
