/** The steps of address-space-model.test.ts: each makes a call, and has the model say what that must answer. */
import fc from 'fast-check';
import { expect } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { attachMachine } from '../../dist/uffd/sim/machine.js';
import { vmasIn } from '../../dist/uffd/sim/vmas.js';
import { MINOR, MISSING, openUffd, P } from './machine.js';
import { Model } from './model.js';

/** Pages [FIRST, FIRST + PAGES) are played with: on either side of a multiple of 16, past which no read maps. */
export const FIRST = 26;
export const PAGES = 12;
const SOURCE = 50; // what is written to files
const FILE_PAGES = 8;
const [ANON, FIXED] = [u.MAP_PRIVATE | u.MAP_ANONYMOUS, u.MAP_FIXED];
const TO = u.MREMAP_MAYMOVE | u.MREMAP_FIXED;
const PUNCH = u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE;

export class World {
  readonly k = u.openKernel('sim', { memoryBytes: 64 * P, addressBytes: 64 * P });
  readonly model = new Model();
  // User mode only: a kernel-mode access tells what would be a userfault, without sleeping in it.
  readonly uffds = [0, 1].map(() => openUffd(this.k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY));
  readonly files = [0, 1].map(() => this.k.memfd_create('f', 0));
  readonly scratch = this.k.memfd_create('scratch', 0);
  readonly machine = attachMachine(this.k.handle().machine!);
  /**
   * Where ranges begin and end that mremap has left behind: their pages are no longer their own, so that a mapping could be one
   * with its neighbour now, but nothing makes it so.
   */
  readonly leftBehind = new Set<number>();
  constructor() {
    for (const fd of this.files) this.k.ftruncate(fd, FILE_PAGES * P);
    this.k.mmap(SOURCE * P, P, 3, ANON | FIXED, -1, 0);
  }
}

export type Step = (w: World) => void;
const page = fc.integer({ min: FIRST, max: FIRST + PAGES - 1 });
const count = fc.integer({ min: 1, max: 5 });
const prot = fc.constantFrom(
  0,
  u.PROT_READ,
  u.PROT_WRITE,
  u.PROT_READ | u.PROT_WRITE,
  u.PROT_READ | u.PROT_WRITE,
);
const which = fc.integer({ min: 0, max: 1 });

function range(start: number, pages: number): [number, number] {
  return [start, Math.min(pages, FIRST + PAGES - start)];
}

const mapAnon = fc.tuple(page, count, prot).map(([at, n, p]): [string, Step] => {
  const [start, pages] = range(at, n);
  return [
    `mmap(anon, ${start}, ${pages}, prot ${p})`,
    ({ k, model }) => {
      expect(k.mmap(start * P, pages * P, p, ANON | FIXED, -1, 0)).toBe(start * P);
      model.map(start, pages, p, null, 0);
    },
  ];
});

const mapFile = fc
  .tuple(page, fc.integer({ min: 1, max: PAGES }), prot, which, fc.integer({ min: 0, max: 7 }))
  .map(([at, n, p, f, from]): [string, Step] => {
    const [start, pages] = range(at, n);
    return [
      `mmap(file ${f} from ${from}, ${start}, ${pages}, prot ${p})`,
      ({ k, model, files }) => {
        expect(k.mmap(start * P, pages * P, p, u.MAP_SHARED | FIXED, files[f]!, from * P)).toBe(start * P);
        model.map(start, pages, p, f, from);
      },
    ];
  });

const munmap = fc.tuple(page, count).map(([start, n]): [string, Step] => [
  `munmap(${start}, ${n})`,
  ({ k, model }) => {
    expect(k.munmap(start * P, n * P)).toBe(0);
    model.unmap(start, n);
  },
]);

const mprotect = fc.tuple(page, count, prot).map(([start, n, p]): [string, Step] => [
  `mprotect(${start}, ${n}, ${p})`,
  ({ k, model }) => {
    const pages = model.range(start, n);
    const hole = pages.indexOf(undefined);
    expect(k.mprotect(start * P, n * P, p)).toBe(hole < 0 ? 0 : -u.ENOMEM);
    for (const each of hole < 0 ? pages : pages.slice(0, hole)) each!.prot = p;
  },
]);

/**
 * Whether pages of the range that are alike in all that the model knows lie in several mappings, since each had pages of its own
 * before: calls that want one mapping are not asked about those.
 */
function isDivided({ machine }: World, start: number, pages: number): boolean {
  const vmas = vmasIn(machine, start, start + pages);
  return vmas.some(({ owner, filePage }, i) => {
    const before = vmas[i - 1];
    if (before === undefined) return false;
    return owner !== before.owner || filePage !== before.filePage + before.end - before.start;
  });
}

const mremap = fc.tuple(page, page, count, fc.boolean()).map(([from, at, n, keeps]): [string, Step] => {
  const [to, pages] = range(at, n);
  return [
    `mremap(${from} → ${to}, ${pages}, ${keeps ? 'dontunmap' : ''})`,
    (w) => {
      if (isDivided(w, from, pages)) return;
      const { k, model } = w;
      const flags = TO | (keeps ? u.MREMAP_DONTUNMAP : 0);
      const result = k.mremap(from * P, pages * P, pages * P, flags, to * P);
      const overlaps = to < from + pages && from < to + pages;
      expect(result).toBe(overlaps ? -u.EINVAL : model.mremap(from, to, pages, keeps));
      if (keeps && result >= 0) for (const edge of [from, from + pages]) w.leftBehind.add(edge);
    },
  ];
});

/** Pages that UFFDIO_MOVE moved, in all runs. */
export let moved = 0;

/** Maps both ranges, fills those pages of the source whose bit is set, and watches the destination. */
function prepareMove({ k, model, uffds }: World, [to, from, pages]: number[], filled: number): void {
  for (const start of [from!, to!]) {
    k.mmap(start * P, pages! * P, 3, ANON | FIXED, -1, 0);
    model.map(start, pages!, 3, null, 0);
  }
  model.range(from!, pages!).forEach((each, i) => {
    if (((filled >> i) & 1) === 0) return;
    k.store32((from! + i) * P, filled + i);
    each!.own = filled + i;
  });
  uffds[0]!.register(to! * P, pages! * P, MISSING);
  for (const each of model.range(to!, pages!)) Object.assign(each!, { uffd: 0, modes: MISSING });
}

const uffdMove = fc
  .record({ at: page, from: page, n: count, who: which, holes: fc.boolean(), filled: fc.nat({ max: 127 }) })
  .map(({ at, from, n, who, holes, filled }): [string, Step] => {
    const [to, pages] = range(at, n);
    return [
      `UFFDIO_MOVE(uffd ${who}, ${from} → ${to}, ${pages}, holes ${holes}, filled ${filled})`,
      (w) => {
        const prepared = filled < 64; // else with whatever is there
        if (prepared) prepareMove(w, [to, from, pages], filled);
        if (isDivided(w, from, pages) || isDivided(w, to, pages)) return;
        const mode = holes ? u.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES : 0;
        const arg = u.uffdioMove.encode({ dst: to * P, src: from * P, len: pages * P, mode });
        const uffd = prepared ? 0 : who;
        const errno = w.k.ioctl(w.uffds[uffd]!.fd, u.UFFDIO_MOVE, arg);
        const [wanted, done] = w.model.uffdMove(uffd, to, from, pages, holes);
        expect(errno).toBe(done > 0 && wanted !== 0 ? -u.EAGAIN : 0 - wanted);
        expect(u.uffdioMove.take(arg, 'move')).toBe(done > 0 ? done * P : -wanted);
        moved += done;
      },
    ];
  });

const dontneed = fc.tuple(page, count).map(([start, n]): [string, Step] => [
  `madvise(${start}, ${n}, DONTNEED)`,
  ({ k, model }) => {
    const whole = model.range(start, n).every((each) => each !== undefined);
    expect(k.madvise(start * P, n * P, u.MADV_DONTNEED)).toBe(whole ? 0 : -u.ENOMEM);
    model.dontneed(start, n);
  },
]);

const punch = fc.tuple(which, fc.integer({ min: 0, max: 7 }), count).map(([f, at, n]): [string, Step] => [
  `punch(file ${f}, ${at}, ${n})`,
  ({ k, model, files }) => {
    expect(k.fallocate(files[f]!, PUNCH, at * P, n * P)).toBe(0);
    model.punch(f, at, n);
  },
]);

const write = fc
  .tuple(which, fc.integer({ min: 0, max: 7 }), count, fc.integer({ min: 1, max: 1000 }))
  .map(([f, from, n, value]): [string, Step] => [
    `pwrite(file ${f}, ${from}, ${n}, ${value})`,
    ({ k, model, files }) => {
      k.store32(SOURCE * P, value);
      for (let at = from; at < Math.min(from + n, FILE_PAGES); at++) {
        expect(k.pwrite(files[f]!, SOURCE * P, 4, at * P)).toBe(4);
        model.cache(f).set(at, value);
      }
    },
  ]);

const register = fc
  .tuple(page, count, which, fc.constantFrom(MISSING, MINOR, MISSING | MINOR))
  .map(([start, n, who, mode]): [string, Step] => [
    `register(uffd ${who}, ${start}, ${n}, mode ${mode})`,
    ({ k, model, uffds }) => {
      const pages = model.range(start, n).filter((each) => each !== undefined);
      const arg = u.uffdioRegister.encode({ start: start * P, len: n * P, mode });
      const errno = k.ioctl(uffds[who]!.fd, u.UFFDIO_REGISTER, arg);
      // In address order; for one page EINVAL comes before EBUSY.
      const unfit = pages.find((each) => (each.file === null && mode & MINOR) || (each.uffd ?? who) !== who);
      const wanted = unfit === undefined ? 0 : unfit.file === null && mode & MINOR ? -u.EINVAL : -u.EBUSY;
      expect(errno).toBe(pages.length === 0 ? -u.EINVAL : wanted);
      if (errno !== 0) return;
      for (const each of pages) {
        if (each.uffd === who && (each.modes & mode) === mode) continue;
        Object.assign(each, { uffd: who, modes: mode });
      }
    },
  ]);

const unregister = fc.tuple(page, count, which).map(([start, n, who]): [string, Step] => [
  `unregister(uffd ${who}, ${start}, ${n})`,
  ({ k, model, uffds }) => {
    const pages = model.range(start, n).filter((each) => each !== undefined);
    const arg = u.uffdioRange.encode({ start: start * P, len: n * P });
    const refused = pages.length === 0 || pages.some((each) => (each.uffd ?? who) !== who);
    expect(k.ioctl(uffds[who]!.fd, u.UFFDIO_UNREGISTER, arg)).toBe(refused ? -u.EINVAL : 0);
    if (!refused) for (const each of pages) Object.assign(each, { uffd: null, modes: 0 });
  },
]);

/** In kernel mode, which tells a userfault (EFAULT) without sleeping in it. */
function outcome({ k, model, scratch }: World, at: number, write: boolean): number | string {
  const result = k.madvise(at * P, P, write ? u.MADV_POPULATE_WRITE : u.MADV_POPULATE_READ);
  const wanted = model.access(at, write, FILE_PAGES);
  // What may only be written can be read all the same, but not be populated for that.
  const isOdd = !write && model.pages.get(at)?.prot === u.PROT_WRITE;
  if (isOdd) expect(k.pwrite(scratch, at * P, 4, 0)).toBe(typeof wanted === 'number' ? 4 : -u.EFAULT);
  if (isOdd) expect(result).toBe(-u.EINVAL);
  else if (typeof wanted === 'number') expect(result).toBe(0);
  else if (wanted !== 'SIGSEGV') expect(result).toBe(-u.EFAULT);
  else expect(result).toBe(model.pages.has(at) ? -u.EINVAL : -u.ENOMEM);
  return wanted;
}

const access = fc
  .tuple(page, fc.boolean(), fc.integer({ min: 1, max: 1000 }))
  .map(([at, write, value]): [string, Step] => [
    write ? `store(${at}, ${value})` : `load(${at})`,
    (w) => {
      const wanted = outcome(w, at, write);
      if (typeof wanted !== 'number') return;
      expect(w.k.load32(at * P)).toBe(wanted);
      if (!write) return;
      w.k.store32(at * P, value);
      w.model.store(at, value);
    },
  ]);

const kinds = [
  mapAnon,
  mapFile,
  mapFile,
  munmap,
  mprotect,
  mremap,
  uffdMove,
  dontneed,
  punch,
  write,
  register,
  unregister,
];
export const step = fc.oneof(...kinds.map((arbitrary) => ({ arbitrary, weight: 1 })), {
  arbitrary: access,
  weight: 6,
});
