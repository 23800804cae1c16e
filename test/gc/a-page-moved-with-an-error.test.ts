/** Linux has answered EEXIST to a MOVE that had moved its page (gc/modes/move.ts): what the mode makes of that. */
import { expect, it } from 'vitest';
import { MODE_WORDS } from '../../dist/gc/modes/mode.js';
import { moveMode } from '../../dist/gc/modes/move.js';
import { UFFD_FEATURE_MOVE } from '../../dist/uffd/abi.js';
import { EEXIST } from '../../dist/uffd/errno.js';
import { openKernel } from '../../dist/uffd/open.js';
import { openUserfaultfd, type Userfaultfd } from '../../dist/uffd/userfaultfd.js';

const PAGES = 4;
const bytes = PAGES * 4096;

/** A mode just flipped, whose MOVE does `before` and answers EEXIST; and the pages that were woken. */
function flipped(before: (uffd: Userfaultfd, ...range: [number, number, number]) => void) {
  const kernel = openKernel('sim', { memoryBytes: 1 << 20, addressBytes: 1 << 22 });
  const uffd = openUserfaultfd(kernel, { features: UFFD_FEATURE_MOVE });
  const needs = { threads: 1, batch: 1, tablesBytes: 0 };
  const ranges = moveMode.reserve(kernel, {
    heapBytes: bytes,
    nonMovingBytes: 0,
    spanBytes: bytes,
    rawBytes: 0,
    ...needs,
  });
  const woken: number[] = [];
  const thread = moveMode.attach({
    ...{ kernel, ranges, maker: 0, side: () => 0, prefix: () => PAGES },
    shared: new Int32Array(new SharedArrayBuffer(4 * MODE_WORDS)),
    uffd: {
      ...uffd,
      move(...range: [number, number, number]) {
        before(uffd, ...range);
        return { done: 0, errno: EEXIST };
      },
      wake: (start: number) => void woken.push((start - ranges.heap) / 4096),
    },
  });
  for (let page = 0; page < PAGES; page++) kernel.store32(ranges.heap + page * 4096, 7);
  thread.flip(PAGES, 0);
  return { kernel, ranges, thread, woken };
}

it('is published where its source is gone, and whoever waits is woken', () => {
  const { kernel, ranges, thread, woken } = flipped((uffd, ...range) => uffd.move(...range));
  expect(thread.publish(2, 1, 2)).toEqual({ done: 4096, errno: 0 });
  expect(woken).toEqual([2]);
  expect(kernel.load32(ranges.heap + 2 * 4096)).toBe(7);
  kernel.dispose();
});

it('else it is an error', () => {
  const { kernel, thread, woken } = flipped(() => {});
  expect(thread.publish(2, 1, 2)).toEqual({ done: 0, errno: EEXIST });
  expect(woken).toEqual([]);
  kernel.dispose();
});
