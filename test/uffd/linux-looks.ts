/** A look at a kernel for each change of uffd/sim/changes.ts: what a program sees just before it, and with it. */
import * as u from '../../dist/uffd/index.js';
import {
  continueRange,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  move,
  ok,
  type openMachine,
  openUffd,
  P,
  poison,
  protection,
  register,
  said,
  unregister,
  WP,
  writeprotect,
  zeropage,
} from './machine.js';

/** What is seen by `see`. Without `is`: what the newest kernel shows. */
export interface Look {
  readonly before: string;
  readonly at: string;
  readonly see: (k: u.Kernel) => unknown;
  readonly was: unknown;
  readonly is?: unknown;
  readonly on?: Parameters<typeof openMachine>[0];
}

/** The handshake's errno, and the features it answers. */
export function handshake(k: u.Kernel, features = 0n, version = u.UFFD_API) {
  const arg = u.uffdioApi.encode({ api: version, features });
  const errno = said(k.ioctl(ok(k.userfaultfd(0)), u.UFFDIO_API, arg));
  return { errno, features: u.uffdioApi.take(arg, 'features') };
}

function feature(k: u.Kernel, bit: bigint) {
  return { offered: (handshake(k).features & bit) !== 0n, asked: handshake(k, bit).errno };
}

const NOT_THERE = { offered: false, asked: 'EINVAL' };
const THERE = { offered: true, asked: 'ok' };
const UNKNOWN = { errno: 'EINVAL', out: 'untouched' };

/** Of features whose effect is shown elsewhere, or which the simulator has not yet. */
function featureAlone(before: string, at: string, bit: bigint): Look {
  return { before, at, see: (k) => feature(k, bit), was: NOT_THERE };
}

function advice(before: string, at: string, ...advices: readonly number[]): Look {
  const see = (k: u.Kernel) => advices.map((each) => said(k.madvise(mapAnon(k, 1), P, each)));
  return { before, at, see, was: advices.map(() => 'EINVAL'), is: advices.map(() => 'ok') };
}

/** A watched page, private, and its userfaultfd. */
function watched(k: u.Kernel, mode: number, pages = 1) {
  const { fd } = openUffd(k);
  const addr = mapAnon(k, pages);
  return { fd, addr, registered: register(k, fd, addr, pages * P, mode) };
}

/** The same of a file, whose first page has been written to by another mapping. */
function watchedFile(k: u.Kernel, mode: number) {
  const { fd } = openUffd(k);
  const { addr, alias } = mapFile(k, 1);
  k.store32(alias, 7);
  return { fd, addr, registered: register(k, fd, addr, P, mode) };
}

function dontUnmap(k: u.Kernel, addr: number): string {
  return said(k.mremap(addr, P, P, u.MREMAP_MAYMOVE | u.MREMAP_DONTUNMAP, 0));
}

/** Two mappings side by side, with a page each. */
function twoMappings(k: u.Kernel): number {
  const addr = mapAnon(k, 2);
  for (const page of [0, 1]) k.store32(addr + page * P, 1);
  ok(k.mprotect(addr + P, P, u.PROT_READ));
  return addr;
}

/** A machine that has huge pages, and room for them among its addresses. */
const HUGE = { hugePages: 4, memoryBytes: 16 << 20, addressBytes: 64 << 20 } as const;

/** Two huge pages of private memory, which has room for two more behind it. */
function hugePages(k: u.Kernel): number {
  const length = 2 * u.HUGE_PAGE_BYTES;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED | u.MAP_HUGETLB | u.MAP_HUGE_2MB;
  const addr = ok(k.mmap(8 << 20, length, u.PROT_READ | u.PROT_WRITE, flags, -1, 0));
  k.store32(addr, 7);
  return addr;
}

export const LOOKS: Readonly<Record<string, Look>> = {
  madvFree: advice('4.4', '4.5', u.MADV_FREE),
  eventFork: featureAlone('4.10', '4.11', u.UFFD_FEATURE_EVENT_FORK),
  eventRemap: featureAlone('4.10', '4.11', u.UFFD_FEATURE_EVENT_REMAP),
  eventRemove: featureAlone('4.10', '4.11', u.UFFD_FEATURE_EVENT_REMOVE),
  eventUnmap: featureAlone('4.10', '4.11', u.UFFD_FEATURE_EVENT_UNMAP),
  missingHugetlbfs: featureAlone('4.10', '4.11', u.UFFD_FEATURE_MISSING_HUGETLBFS),
  missingShmem: {
    before: '4.10',
    at: '4.11',
    see: (k) => ({ ...feature(k, u.UFFD_FEATURE_MISSING_SHMEM), ...watchedFile(k, MISSING).registered }),
    was: { ...NOT_THERE, ...UNKNOWN },
    is: { ...THERE, errno: 'ok', out: 0x0c },
  },
  absentIsEnoent: {
    before: '4.10',
    at: '4.11',
    see: (k) => copy(k, openUffd(k).fd, mapAnon(k, 1), mapAnon(k, 1), P),
    was: { errno: 'EINVAL', out: -22 },
    is: { errno: 'ENOENT', out: -2 },
  },
  sigbus: featureAlone('4.13', '4.14', u.UFFD_FEATURE_SIGBUS),
  threadId: featureAlone('4.13', '4.14', u.UFFD_FEATURE_THREAD_ID),
  zeropageShmem: {
    before: '4.13',
    at: '4.14',
    see(k) {
      const { addr } = mapFile(k, 1);
      const { fd } = openUffd(k);
      return [register(k, fd, addr, P, MISSING).out, zeropage(k, fd, addr, P)];
    },
    was: [0x0c, { errno: 'EINVAL', out: -22 }],
    is: [0x1c, { errno: 'ok', out: P }],
  },
  fixedNoReplace: {
    before: '4.16',
    at: '4.17',
    see(k) {
      const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE;
      return said(k.mmap(mapAnon(k, 1), P, u.PROT_READ, flags, -1, 0));
    },
    was: 'ok',
    is: 'EEXIST',
  },
  movedIsUnregistered: {
    before: '4.20',
    at: '5.0',
    see(k) {
      const { fd, addr } = watched(k, MISSING);
      const to = ok(k.mremap(addr, P, P, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, mapAnon(k, 1)));
      return zeropage(k, fd, to, P).errno;
    },
    was: 'ok',
    is: 'ENOENT',
  },
  madvCold: advice('5.3', '5.4', u.MADV_COLD, u.MADV_PAGEOUT),
  writeProtect: {
    before: '5.6',
    at: '5.7',
    see(k) {
      const { fd, addr, registered } = watched(k, MISSING | WP);
      const filled = copy(k, fd, addr, mapAnon(k, 1), P, u.UFFDIO_COPY_MODE_WP);
      return [registered, filled, protection(k, addr, 1), writeprotect(k, fd, addr, P, 0)];
    },
    was: [UNKNOWN, UNKNOWN, '0', 'EINVAL'],
    is: [{ errno: 'ok', out: 0x5c }, { errno: 'ok', out: P }, '1', 'ok'],
  },
  dontUnmap: { before: '5.6', at: '5.7', see: (k) => dontUnmap(k, mapAnon(k, 1)), was: 'EINVAL', is: 'ok' },
  userModeOnly: {
    before: '5.10',
    at: '5.11',
    see: (k) => said(k.userfaultfd(u.UFFD_USER_MODE_ONLY)),
    was: 'EINVAL',
    is: 'ok',
  },
  // The request is there, and for huge pages alone.
  minorHugetlbfs: {
    before: '5.12',
    at: '5.13',
    see(k) {
      const { fd, addr } = watchedFile(k, MISSING);
      return continueRange(k, fd, addr, P);
    },
    was: UNKNOWN,
    is: { errno: 'EINVAL', out: -22 },
  },
  dontUnmapShared: {
    before: '5.12',
    at: '5.13',
    see: (k) => dontUnmap(k, mapFile(k, 1).addr),
    was: 'EINVAL',
    is: 'ok',
  },
  minorShmem: {
    before: '5.13',
    at: '5.14',
    see(k) {
      const { fd, addr, registered } = watchedFile(k, MINOR);
      return { ...feature(k, u.UFFD_FEATURE_MINOR_SHMEM), registered, filled: continueRange(k, fd, addr, P) };
    },
    was: { ...NOT_THERE, registered: UNKNOWN, filled: { errno: 'ENOENT', out: -2 } },
    is: { ...THERE, registered: { errno: 'ok', out: 0x9c }, filled: { errno: 'ok', out: P } },
  },
  wpNeedsArchitecture: {
    before: '5.13',
    at: '5.14',
    on: { arch: 'arm64' },
    see(k) {
      const { fd, addr, registered } = watched(k, WP, 2);
      k.store32(addr, 1);
      const { offered } = feature(k, u.UFFD_FEATURE_PAGEFAULT_FLAG_WP);
      const filled = copy(k, fd, addr + P, addr, P, u.UFFDIO_COPY_MODE_WP).errno;
      return [offered, registered.errno, writeprotect(k, fd, addr, P), filled, protection(k, addr, 2)];
    },
    was: [true, 'ok', 'ok', 'ok', '00'],
    is: [false, 'EINVAL', 'ENOENT', 'ENOENT', '00'],
  },
  memfdHugetlb: {
    before: '4.13',
    at: '4.14',
    on: HUGE,
    see: (k) => said(k.memfd_create('huge', u.MFD_HUGETLB | u.MFD_HUGE_2MB)),
    was: 'EINVAL',
    is: 'ok',
  },
  mremapHugetlb: {
    before: '5.15',
    at: '5.16',
    on: HUGE,
    see: (k) => {
      const [from, to, length] = [hugePages(k), 32 << 20, 2 * u.HUGE_PAGE_BYTES];
      return said(k.mremap(from, length, length, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, to));
    },
    was: 'EINVAL',
    is: 'ok',
  },
  dontneedHugetlb: {
    before: '5.17',
    at: '5.18',
    on: HUGE,
    see: (k) => {
      const addr = hugePages(k);
      return [said(k.madvise(addr, u.HUGE_PAGE_BYTES, u.MADV_DONTNEED)), k.load32(addr)];
    },
    was: ['EINVAL', 7],
    is: ['ok', 0],
  },
  madvPopulate: advice('5.13', '5.14', u.MADV_POPULATE_READ, u.MADV_POPULATE_WRITE),
  exactAddress: featureAlone('5.17', '5.18', u.UFFD_FEATURE_EXACT_ADDRESS),
  wpShared: {
    before: '5.18',
    at: '5.19',
    see: (k) => ({ ...feature(k, u.UFFD_FEATURE_WP_HUGETLBFS_SHMEM), ...watchedFile(k, WP).registered }),
    was: { ...NOT_THERE, ...UNKNOWN },
    is: { ...THERE, errno: 'ok', out: 0x5c },
  },
  anyHandshake: {
    before: '5.19',
    at: '6.0',
    see: (k) => [handshake(k, 1n << 40n).errno, handshake(k, 0n, 0xab).errno],
    was: ['EINVAL', 'EINVAL'],
    is: ['ok', 'ok'],
  },
  wpUnpopulated: featureAlone('6.3', '6.4', u.UFFD_FEATURE_WP_UNPOPULATED),
  continueProtected: {
    before: '6.3',
    at: '6.4',
    see(k) {
      const { fd, addr } = watchedFile(k, MINOR | WP);
      return continueRange(k, fd, addr, P, u.UFFDIO_CONTINUE_MODE_WP);
    },
    was: UNKNOWN,
    is: { errno: 'ok', out: P },
  },
  wpAcrossMappings: {
    before: '6.3',
    at: '6.4',
    see(k) {
      const addr = twoMappings(k);
      const { fd } = openUffd(k);
      register(k, fd, addr, 2 * P, WP);
      return [writeprotect(k, fd, addr, 2 * P), protection(k, addr, 2)];
    },
    was: ['ENOENT', '00'],
    is: ['ok', '11'],
  },
  poison: {
    before: '6.5',
    at: '6.6',
    see(k) {
      const { fd, addr, registered } = watched(k, MISSING);
      return { ...feature(k, u.UFFD_FEATURE_POISON), mask: registered.out, done: poison(k, fd, addr, P) };
    },
    was: { ...NOT_THERE, mask: 0x1c, done: UNKNOWN },
    is: { ...THERE, mask: 0x11c, done: { errno: 'ok', out: P } },
  },
  wpAsync: featureAlone('6.6', '6.7', u.UFFD_FEATURE_WP_ASYNC),
  move: {
    before: '6.7',
    at: '6.8',
    see(k) {
      const { fd, addr, registered } = watched(k, MISSING);
      const source = mapAnon(k, 1);
      k.store32(source, 1);
      const done = move(k, fd, addr, source, P);
      return { ...feature(k, u.UFFD_FEATURE_MOVE), mask: registered.out, done };
    },
    was: { ...NOT_THERE, mask: 0x11c, done: UNKNOWN },
    is: { ...THERE, mask: 0x13c, done: { errno: 'ok', out: P } },
  },
  offeredFeaturesOnly: {
    before: '6.9',
    at: '6.10',
    on: { bits: 32 },
    see: (k) => feature(k, u.UFFD_FEATURE_MINOR_SHMEM),
    was: { offered: false, asked: 'ok' },
    is: NOT_THERE,
  },
  ownMappingsOnly: {
    before: '6.16',
    at: '6.17',
    see(k) {
      const { fd, addr } = watched(k, MISSING);
      return [unregister(k, openUffd(k).fd, addr, P), zeropage(k, fd, addr, P).errno];
    },
    was: ['ok', 'ENOENT'],
    is: ['EINVAL', 'ok'],
  },
  mremapSeveral: {
    before: '6.16',
    at: '6.17',
    see: (k) =>
      said(k.mremap(twoMappings(k), 2 * P, 2 * P, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, mapAnon(k, 2))),
    was: 'EFAULT',
    is: 'ok',
  },
};
