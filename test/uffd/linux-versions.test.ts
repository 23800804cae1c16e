/** Which Linux the simulated kernel is: each change as programs see it, architectures, Android's kernels, bad names. */
import { describe, expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { CHANGES } from '../../dist/uffd/sim/changes.js';
import { handshake, LOOKS } from './linux-looks.js';
import {
  continueRange,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  register,
  said,
  WP,
  wake,
  writeprotect,
} from './machine.js';

/** Looked at with threads that fault: test/threads/uffd-linux-versions.test.ts. */
const WITH_THREADS = ['exactAddressAlways', 'faultsAgain', 'rangeBeforeChanging'];

it('every change is looked at', () => {
  const looked = ['userfaultfd', ...WITH_THREADS, ...Object.keys(LOOKS)];
  expect(looked.toSorted()).toEqual(Object.keys(CHANGES).toSorted());
});

describe.each(Object.entries(LOOKS))('%s', (_name, { before, at, see, was, is, on }) => {
  it(`is not in ${before}`, () => expect(see(openMachine({ linux: before, ...on }))).toEqual(was));
  it(`is in ${at}`, () => expect(see(openMachine({ linux: at, ...on }))).toEqual(is ?? see(openMachine(on))));
});

it('4.3: private anonymous memory, missing faults, and no features', () => {
  const k = openMachine({ linux: '4.3' });
  expect(handshake(k)).toEqual({ errno: 'ok', features: 0n });
  for (const bit of [0n, 1n, 8n, 63n]) expect(handshake(k, 1n << bit).errno).toBe('EINVAL');
  const { fd } = openUffd(k);
  const addr = mapAnon(k, 1);
  expect(register(k, fd, addr, P, MISSING)).toEqual({ errno: 'ok', out: 0x1c });
  for (const mode of [WP, MINOR, MISSING | WP]) expect(register(k, fd, addr, P, mode).errno).toBe('EINVAL');
  expect([wake(k, fd, addr, P), writeprotect(k, fd, addr, P)]).toEqual(['ok', 'EINVAL']);
});

it('what the handshake passed over is refused again from 6.3 on', () => {
  for (const linux of ['6.1', '6.2']) {
    const k = openMachine({ linux });
    expect(handshake(k, 1n << 40n)).toEqual({ errno: 'ok', features: handshake(k).features });
    const { fd } = openUffd(k, 0, u.UFFD_FEATURE_MOVE | u.UFFD_FEATURE_THREAD_ID);
    expect(k.fdinfo(fd)).toMatchObject({ features: u.UFFD_FEATURE_THREAD_ID });
  }
  expect(handshake(openMachine({ linux: '6.3' }), 1n << 40n).errno).toBe('EINVAL');
});

it('the kernel is 6.18 on x86_64 where nothing is said, and all threads see the same', () => {
  const offered = handshake(openMachine()).features;
  expect(handshake(openMachine({ linux: '6.18', bits: 64, arch: 'x86_64' })).features).toBe(offered);
  const k = openMachine({ linux: '5.13', arch: 'arm64' });
  expect(handshake(u.openKernel(k.handle()))).toEqual(handshake(k));
  expect(handshake(k).features).not.toBe(offered);
});

/** The first of two neighbouring releases has not the feature, the second has it. */
function expectSince(bit: bigint, before: string, at: string, arch: string): void {
  const offers = (linux: string) => (handshake(openMachine({ linux, arch })).features & bit) !== 0n;
  expect([arch, offers(before), offers(at)]).toEqual([arch, false, true]);
}

it('architectures have minor faults and write protection each from a release of its own on', () => {
  for (const arch of ['x86_64', 'arm64']) expectSince(u.UFFD_FEATURE_MINOR_SHMEM, '5.13', '5.14', arch);
  expectSince(u.UFFD_FEATURE_MINOR_SHMEM, '6.4', '6.5', 'riscv64');
  expectSince(u.UFFD_FEATURE_MINOR_SHMEM, '6.8', '6.9', 'loongarch64');
  for (const bit of [u.UFFD_FEATURE_PAGEFAULT_FLAG_WP, u.UFFD_FEATURE_WP_ASYNC])
    expectSince(bit, '6.9', '6.10', 'arm64');
  const { features } = handshake(openMachine({ arch: 'riscv64' }));
  expect(features & u.UFFD_FEATURE_PAGEFAULT_FLAG_WP).toBe(0n);
});

it('32 bits: neither minor faults nor write protection, and at most 3 GiB; CONTINUE works all the same', () => {
  for (const arch of ['x86_64', 'arm64', 'riscv64']) {
    const k = openMachine({ arch, bits: 32 });
    const { fd } = openUffd(k);
    const { addr, alias } = mapFile(k, 1);
    k.store32(alias, 1);
    for (const mode of [MINOR, WP]) expect(register(k, fd, addr, P, mode).errno).toBe('EINVAL');
    expect(register(k, fd, addr, P, MISSING)).toEqual({ errno: 'ok', out: 0x13c });
    expect(continueRange(k, fd, addr, P)).toEqual({ errno: 'ok', out: P });
    const wide = u.UFFD_FEATURE_MINOR_SHMEM | u.UFFD_FEATURE_WP_UNPOPULATED;
    expect(handshake(k).features & wide).toBe(0n);
    expect(handshake(k).features & u.UFFD_FEATURE_MOVE).not.toBe(0n);
  }
  expect(() => openMachine({ bits: 32, addressBytes: 3 * 2 ** 30 + P })).toThrow(
    'addressBytes: a 32-bit kernel has at most 3221225472 bytes for a program',
  );
});

/** CONTINUE by its two numbers, on a page that is in the file. */
function continueBy(k: u.Kernel): string[] {
  const { fd } = openUffd(k);
  const { addr, alias } = mapFile(k, 2);
  for (const page of [0, 1]) k.store32(alias + page * P, 1);
  expect(register(k, fd, addr, 2 * P, MISSING | MINOR).errno).toBe('ok');
  return [u.UFFDIO_CONTINUE, u.UFFDIO_CONTINUE_IOR].map((request, page) =>
    said(k.ioctl(fd, request, u.uffdioContinue.encode({ start: addr + page * P, len: P, mode: 0 }))),
  );
}

describe("Android's kernels", () => {
  it.each(['x86_64', 'arm64'])('5.10 on %s: minor faults of shmem, the final number of CONTINUE', (arch) => {
    const k = openMachine({ linux: '5.10-android', arch });
    expect(handshake(k).features & u.UFFD_FEATURE_MINOR_SHMEM).not.toBe(0n);
    expect(handshake(k).features & u.UFFD_FEATURE_EXACT_ADDRESS).toBe(0n);
    expect(continueBy(k)).toEqual(['ok', 'EINVAL']);
    expect(said(k.userfaultfd(u.UFFD_USER_MODE_ONLY))).toBe('ok');
  });

  it('5.4: the number that the release candidates of 5.13 had, 0x8020aa07, and no write protection', () => {
    const k = openMachine({ linux: '5.4-android', arch: 'arm64' });
    expect(u.UFFDIO_CONTINUE_IOR).toBe(0x8020aa07);
    expect(continueBy(k)).toEqual(['EINVAL', 'ok']);
    expect(handshake(k).features & u.UFFD_FEATURE_PAGEFAULT_FLAG_WP).toBe(0n);
  });

  it.each(['5.4-android', '6.18'])('the typed userfaultfd knows both numbers: on %s', (linux) => {
    const k = openMachine({ linux });
    const uffd = openUffd(k);
    const { addr, alias } = mapFile(k, 3);
    uffd.register(addr, 3 * P, MISSING | MINOR);
    for (const page of [0, 1]) k.store32(alias + page * P, 1);
    for (const page of [0, 1]) expect(uffd.continue(addr + page * P, P)).toEqual({ done: P, errno: 0 });
    expect(uffd.continue(addr + 2 * P, P)).toEqual({ done: 0, errno: u.EFAULT });
    expect(() => uffd.continue(addr + 1, P)).toThrow(/^UFFDIO_CONTINUE: EINVAL/);
  });

  it('mremap leaves shared memory mapped, and others of 5.10 do not', () => {
    const flags = u.MREMAP_MAYMOVE | u.MREMAP_DONTUNMAP;
    const moved = (linux: string) => {
      const k = openMachine({ linux });
      return said(k.mremap(mapFile(k, 1).addr, P, P, flags, 0));
    };
    expect(['5.4-android', '5.10-android', '5.4', '5.10'].map(moved)).toEqual([
      'ok',
      'ok',
      'EINVAL',
      'EINVAL',
    ]);
  });
});

it.each([
  [
    { linux: '4.2' },
    'linux: 4.2 is unknown; the versions are from 4.3 to 6.18, and 5.4-android, 5.10-android',
  ],
  [{ linux: '4.21' }, 'linux: 4.21 is unknown'],
  [{ linux: '5.20' }, 'linux: 5.20 is unknown'],
  [{ linux: '6.19' }, 'linux: 6.19 is unknown'],
  [{ linux: '5.13.1' }, 'linux: 5.13.1 is unknown'],
  [{ linux: '' }, 'linux:  is unknown'],
  [{ arch: 'vax' }, 'arch: vax is unknown; it takes x86_64 or arm64 or riscv64 or loongarch64'],
  [{ bits: 16 as 32 }, 'bits: 16 is no word size; it takes 32 or 64'],
  [{ arch: 'loongarch64', bits: 32 as const }, 'bits: loongarch64 has no 32-bit kernel'],
  [{ arch: 'loongarch64', linux: '5.18' }, 'arch: Linux 5.18 has no loongarch64; use 5.19 or later'],
  [{ arch: 'riscv64', linux: '5.4-android', bits: 64 as const }, null],
])('%o', (options, why) => {
  if (why === null) expect(handshake(openMachine(options)).errno).toBe('ok');
  else expect(() => openMachine(options)).toThrow(why);
});
