/**
 * What must hold of huge pages after any call, looked at in the machine itself: the 512 entries of each are alike and of one
 * page of the pool, each page of the pool is in one place, and what is used and reserved is what mappings and files say.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  attachMachine,
  FILE_WORDS,
  MAX_FILES,
  type Machine,
  PAGES_PER_HUGE,
  STATE,
} from '../../dist/uffd/sim/machine.js';
import { isHugeFile } from '../../dist/uffd/sim/page-cache.js';
import { frameOf, isAnon, isPresent, loadPte } from '../../dist/uffd/sim/page-table.js';
import { type Vma, vmasIn } from '../../dist/uffd/sim/vmas.js';
import { H, HUGE_ANON } from './huge.js';
import {
  continueRange,
  copy,
  MINOR,
  MISSING,
  openUffd,
  P,
  poison,
  register,
  unregister,
  WP,
  writeprotect,
} from './machine.js';

const POOL = 5;
/** Huge pages of addresses that are played with, from this one on. */
const [FIRST, ROOM] = [4, 6];
const FILE_PAGES = 4;
const FIXED = u.MAP_FIXED;

class World {
  readonly k = u.openKernel('sim', { memoryBytes: (POOL + 2) * H, addressBytes: 32 * H, hugePages: POOL });
  readonly m: Machine = attachMachine(this.k.handle().machine!);
  /** In user mode only: a system call that touches what is watched fails, and never sleeps. */
  readonly uffd = openUffd(this.k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY).fd;
  readonly files = [0, 1].map(() => this.k.memfd_create('huge', u.MFD_HUGETLB));
  readonly small = this.k.memfd_create('small', 0);
  /** Small pages to copy from, and a hole. */
  readonly source = this.k.mmap(0, H, 3, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
}

type Step = (w: World) => unknown;
const page = fc.integer({ min: FIRST, max: FIRST + ROOM - 1 });
const count = fc.integer({ min: 1, max: 3 });
const which = fc.integer({ min: 0, max: 1 });
const prot = fc.constantFrom(3, 3, 3, 1, 2, 0);
/** Bytes by which a call misses a huge page: mostly none. */
const off = fc.constantFrom(0, 0, 0, 0, 0, P);
const filePage = fc.integer({ min: 0, max: FILE_PAGES - 1 });

/** A call on a range of addresses, by a name that tells it. */
function onRange(name: string, call: (w: World, start: number, length: number) => unknown) {
  return fc
    .tuple(page, count, off, off)
    .map(([at, pages, before, after]): [string, Step] => [
      `${name}(${at} + ${before}, ${pages} + ${after})`,
      (w) => call(w, at * H + before, pages * H + after),
    ]);
}

const mapFile = fc
  .tuple(page, count, prot, which, filePage, fc.boolean(), fc.boolean())
  .map(([at, pages, p, file, from, shared, unreserved]): [string, Step] => [
    `mmap(${at}, ${pages}, prot ${p}, file ${file} from ${from}, ${shared ? 'shared' : 'private'}, ${unreserved ? 'unreserved' : ''})`,
    ({ k, files }) => {
      const flags = FIXED | (shared ? u.MAP_SHARED : u.MAP_PRIVATE) | (unreserved ? u.MAP_NORESERVE : 0);
      return k.mmap(at * H, pages * H, p, flags, files[file] as number, from * H);
    },
  ]);
const mapAnon = onRange('mmap(anon)', ({ k }, start, length) =>
  k.mmap(start, length, 3, HUGE_ANON | FIXED, -1, 0),
);
const mapSmall = onRange('mmap(small)', ({ k }, start, length) =>
  k.mmap(start, length, 3, u.MAP_PRIVATE | u.MAP_ANONYMOUS | FIXED, -1, 0),
);
const move = fc
  .tuple(page, count, page)
  .map(([at, pages, to]): [string, Step] => [
    `mremap(${at}, ${pages}, ${to})`,
    ({ k }) => k.mremap(at * H, pages * H, pages * H, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, to * H),
  ]);
const shrink = fc
  .tuple(page, count)
  .map(([at, pages]): [string, Step] => [
    `mremap(${at}, ${pages} to 1)`,
    ({ k }) => k.mremap(at * H, pages * H, P, 0, 0),
  ]);

const fileStep = fc
  .tuple(which, filePage, count, off, fc.constantFrom('fallocate', 'punch', 'ftruncate'))
  .map(([file, from, pages, by, call]): [string, Step] => [
    `${call}(${file}, ${from} + ${by}, ${pages})`,
    ({ k, files }) => {
      const fd = files[file] as number;
      if (call === 'ftruncate') return k.ftruncate(fd, from * H);
      const mode = call === 'punch' ? u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE : 0;
      return k.fallocate(fd, mode, from * H + by, pages * H);
    },
  ]);

const step = fc.oneof(
  { weight: 6, arbitrary: mapFile },
  { weight: 2, arbitrary: mapAnon },
  mapSmall,
  onRange('munmap', ({ k }, start, length) => k.munmap(start, length)),
  onRange('mprotect', ({ k }, start, length) => k.mprotect(start, length, 1)),
  move,
  shrink,
  { weight: 3, arbitrary: fileStep },
  ...[u.MADV_DONTNEED, u.MADV_REMOVE, u.MADV_POPULATE_READ, u.MADV_POPULATE_WRITE].map((advice) =>
    onRange(`madvise(${advice})`, ({ k }, start, length) => k.madvise(start, length, advice)),
  ),
  { weight: 3, arbitrary: onRange('touch', ({ k, small }, start) => k.pread(small, start, 4, 0)) },
  ...[MISSING, MINOR, WP, MISSING | WP].map((mode) =>
    onRange(`register(${mode})`, ({ k, uffd }, start, length) => register(k, uffd, start, length, mode)),
  ),
  onRange('unregister', ({ k, uffd }, start, length) => unregister(k, uffd, start, length)),
  { weight: 2, arbitrary: onRange('copy', ({ k, uffd, source }, start) => copy(k, uffd, start, source, H)) },
  {
    weight: 2,
    arbitrary: onRange('continue', ({ k, uffd }, start, length) => continueRange(k, uffd, start, length)),
  },
  onRange('poison', ({ k, uffd }, start, length) => poison(k, uffd, start, length)),
  ...[0, 1].map((mode) =>
    onRange(`writeprotect(${mode})`, ({ k, uffd }, start, length) =>
      writeprotect(k, uffd, start, length, mode),
    ),
  ),
);

/** First frames of the pool's pages that a file has, and how many more it has reserved (page-cache.ts: the index). */
function heldBy(m: Machine, file: number): { frames: number[]; reserved: number } {
  const root = m.files[file * FILE_WORDS + 4] as number;
  const leaf = root === 0 ? 0 : (m.frames[root * 1024] as number);
  const slots = leaf === 0 ? [] : [...m.frames.subarray(leaf * 1024, (leaf + 1) * 1024)];
  return { frames: slots.filter((slot) => slot > 0), reserved: slots.filter((slot) => slot === -1).length };
}

/** First frames of what a mapping has copied; checks the entries of each of its huge pages. */
function ownOf(m: Machine, vma: Vma): number[] {
  const own: number[] = [];
  for (let first = vma.start; first < vma.end; first += PAGES_PER_HUGE) {
    const [pte, ...others] = Array.from({ length: PAGES_PER_HUGE }, (_, i) => loadPte(m, first + i)) as [
      number,
    ];
    if (!isPresent(pte)) {
      if (others.some((other) => other !== pte)) throw new Error(`page ${first}: markers that differ`);
      continue;
    }
    const frame = frameOf(pte);
    if (frame < m.hugeStart || (frame - m.hugeStart) % PAGES_PER_HUGE !== 0)
      throw new Error(`page ${first} begins with frame ${frame}`);
    if (others.some((other, i) => other !== pte + ((i + 1) << 10)))
      throw new Error(`page ${first}: entries that differ`);
    if (isAnon(pte)) own.push(frame);
  }
  return own;
}

function check({ m }: World): void {
  const vmas = vmasIn(m, 0, m.addressPages).filter(({ huge }) => huge);
  for (const { start, end, filePage: from } of vmas)
    expect([start, end, from].map((each) => each % PAGES_PER_HUGE)).toEqual([0, 0, 0]);
  const owns = vmas.map((vma) => ownOf(m, vma));
  const files = Array.from({ length: MAX_FILES }, (_, file) => file).filter(
    (file) => m.files[file * FILE_WORDS] === 1 && isHugeFile(m, file),
  );
  const held = files.map((file) => heldBy(m, file));
  const used = [...owns.flat(), ...held.flatMap(({ frames }) => frames)];
  expect(new Set(used).size).toBe(used.length);
  const kept = vmas.map(({ reserves, start, end }, i) =>
    reserves ? (end - start) / PAGES_PER_HUGE - (owns[i] as number[]).length : 0,
  );
  const reserved = kept.reduce((a, b) => a + b, 0) + held.reduce((sum, each) => sum + each.reserved, 0);
  expect([m.state[STATE.hugeUsed], m.state[STATE.hugeReserved]]).toEqual([used.length, reserved]);
  expect(used.length + reserved).toBeLessThanOrEqual(POOL);
}

it('holds after each of random calls, and nothing is left when all is unmapped and closed', () => {
  let mapped = 0;
  const property = fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
    const w = new World();
    try {
      for (const [, run] of steps) {
        run(w);
        check(w);
      }
      mapped += vmasIn(w.m, FIRST * PAGES_PER_HUGE, (FIRST + ROOM) * PAGES_PER_HUGE).filter(
        ({ huge }) => huge,
      ).length;
      w.k.munmap(0, 32 * H);
      for (const fd of [...w.files, w.small]) w.k.close(fd);
      check(w);
      expect([w.m.state[STATE.hugeUsed], w.m.state[STATE.hugeReserved], w.k.memory().bytes]).toEqual([
        0, 0, 0,
      ]);
    } finally {
      w.k.dispose();
    }
  });
  fc.assert(property, { numRuns: 300 });
  expect(mapped).toBeGreaterThan(300);
});
