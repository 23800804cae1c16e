/**
 * A frame is not used again while a thread may still hold a translation to it: on a machine with hardly a frame to
 * spare, a mutator keeps translations from one quiescent point to the next, while others drop pages and make them
 * anew. It may see a page's old contents, never another page's.
 */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, openMachine, openUffd, P, RW } from '../uffd/machine.js';
import { startJob, within } from './stress.js';

const PAGES = 4;

it('a held translation never shows another page', async () => {
  const seed = Date.now() & 0xffff;
  const k = openMachine({ memoryBytes: (2 * PAGES + 2) * P, addressBytes: 256 * P });
  const [mine, other] = [mapAnon(k, PAGES), mapAnon(k, PAGES)];
  const recyclers = [
    startJob(k, 'recycle', { addr: mine, pages: PAGES, tag: 100, seed }),
    startJob(k, 'recycle', { addr: other, pages: PAGES, tag: 200, seed: seed + 1 }),
  ];
  const hold = startJob(k, 'hold', { addr: mine, pages: PAGES, wanted: 100, tag: 100, seed });
  const stale = await within(40_000, `seed ${seed}`, Promise.race([hold, ...recyclers]));
  expect(stale).toBe(100);
  k.dispose();
  expect(await Promise.all(recyclers)).toEqual(['gone', 'gone']);
});

it('nor another huge page', async () => {
  const seed = Date.now() & 0xffff;
  const unit = u.HUGE_PAGE_BYTES / P;
  const k = openMachine({ memoryBytes: 32 << 20, addressBytes: 64 << 20, hugePages: 2 * PAGES + 1 });
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB;
  const [mine, other] = [0, 1].map(() => k.mmap(0, PAGES * u.HUGE_PAGE_BYTES, RW, flags, -1, 0));
  const recyclers = [mine, other].map((addr, i) =>
    startJob(k, 'recycle', { addr: addr as number, pages: PAGES, tag: 100 * (i + 1), unit, seed: seed + i }),
  );
  const hold = startJob(k, 'hold', { addr: mine as number, pages: PAGES, wanted: 100, tag: 100, unit, seed });
  expect(await within(40_000, `seed ${seed}`, Promise.race([hold, ...recyclers]))).toBe(100);
  k.dispose();
  expect(await Promise.all(recyclers)).toEqual(['gone', 'gone']);
});

it('nor does a system call, or an access by address', async () => {
  const seed = Date.now() & 0xffff;
  const k = openMachine({ memoryBytes: (2 * PAGES + 6) * P, addressBytes: 256 * P });
  const [mine, other] = [mapAnon(k, PAGES), mapAnon(k, PAGES)];
  const { fd } = openUffd(k);
  const recyclers = [
    startJob(k, 'recycle', { addr: mine, pages: PAGES, tag: 100, seed }),
    startJob(k, 'recycle', { addr: other, pages: PAGES, tag: 200, seed: seed + 1 }),
  ];
  const look = startJob(k, 'look', { addr: mine, pages: PAGES, wanted: 3000, tag: 100, fd, seed });
  const found = await within(50_000, `seed ${seed}`, Promise.race([look, ...recyclers]));
  expect(found).toBeGreaterThanOrEqual(3000);
  k.dispose();
  await Promise.all(recyclers);
});

it('an access by address holds its page while it copies', () => {
  const k = openMachine({ memoryBytes: 2 * P, addressBytes: 64 * P });
  const other = u.openKernel(k.handle());
  const addr = mapAnon(k, 2);
  k.store32(addr, 1);
  /** Takes the page away in the middle of the copy, and fills another. */
  class Intruder extends Uint8Array {
    override subarray(from: number, to: number): Uint8Array<ArrayBuffer> {
      other.madvise(addr, P, u.MADV_DONTNEED);
      other.store32(addr + P, 2);
      return new Uint8Array(to - from).fill(9);
    }
  }
  k.copyIn(addr, new Intruder(8));
  expect(k.load32(addr + P)).toBe(2);
});
