/** The features SIGBUS and EXACT_ADDRESS: bus errors in place of messages, and messages that tell the byte. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { startThread } from '../threads/uffd-thread.js';
import {
  accessed,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  readAll,
  said,
  untilAsleep,
  WP,
  wake,
  writeprotect,
} from './machine.js';

/** Four pages: missing, minor, missing in a file, and write-protected. */
function setUp(features: bigint) {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK, features);
  const [missing, guarded] = [mapAnon(k, 1), mapAnon(k, 1)];
  const { fd: file, addr: minor, alias } = mapFile(k, 2);
  k.store32(alias, 5);
  k.store32(guarded, 6);
  uffd.register(missing, P, MISSING);
  uffd.register(minor, 2 * P, MISSING | MINOR);
  uffd.register(guarded, P, WP);
  expect(writeprotect(k, uffd.fd, guarded, P)).toBe('ok');
  return { k, uffd, fd: uffd.fd, file, missing, minor, hole: minor + P, guarded };
}

it('SIGBUS: each kind of fault is one, at its exact address; nothing is queued', () => {
  const { k, fd, missing, minor, hole, guarded } = setUp(u.UFFD_FEATURE_SIGBUS);
  const bus = (address: number) => expect.objectContaining({ code: 'SIGBUS', address });
  for (const page of [missing, minor, hole]) expect(() => k.load32(page + 8)).toThrow(bus(page + 8));
  for (const page of [missing, minor, hole, guarded])
    expect(() => k.store32(page + 8, 1)).toThrow(bus(page + 8));
  expect([accessed(() => k.load32(guarded)), k.load32(guarded)]).toEqual(['ok', 6]);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0 });
  expect([k.poll(fd, u.POLLIN, 0), readAll(k, fd)]).toEqual([0, []]);
});

it('SIGBUS: a system call is told EFAULT, after what it has done', () => {
  const { k, fd, file, missing, minor, hole, guarded } = setUp(u.UFFD_FEATURE_SIGBUS);
  const { UFFD_FEATURE_SIGBUS } = u;
  for (const page of [missing, minor, hole]) {
    expect(said(k.pwrite(file, page, 4, P))).toBe('EFAULT');
    expect(said(k.madvise(page, P, u.MADV_POPULATE_READ))).toBe('EFAULT');
  }
  for (const page of [missing, guarded]) expect(said(k.pread(file, page, 4, 0))).toBe('EFAULT');
  const target = mapAnon(k, 2);
  openUffd(k, 0, UFFD_FEATURE_SIGBUS).register(target, 2 * P, MISSING);
  expect(copy(k, fd, target, missing, P)).toEqual({ errno: 'EFAULT', out: -u.EFAULT });
  expect(copy(k, fd, target, guarded, P)).toEqual({ errno: 'ok', out: P });
  expect(k.pwrite(file, target, 2 * P, 0)).toBe(P);
});

it('SIGBUS: whoever resolves the page makes the access good; WP_ASYNC needs no one', () => {
  const { k, uffd, fd, missing, minor, guarded } = setUp(u.UFFD_FEATURE_SIGBUS);
  expect(uffd.zeropage(missing, P)).toEqual({ done: P, errno: 0 });
  expect(uffd.continue(minor, P)).toEqual({ done: P, errno: 0 });
  writeprotect(k, fd, guarded, P, 0);
  for (const page of [missing, minor, guarded]) k.store32(page + 4, 7);
  expect([missing, minor, guarded].map((page) => k.load32(page))).toEqual([0, 5, 6]);
  const async = setUp(u.UFFD_FEATURE_SIGBUS | u.UFFD_FEATURE_WP_ASYNC);
  async.k.store32(async.guarded + 4, 7);
  expect(accessed(() => async.k.load32(async.missing))).toBe('SIGBUS');
});

it('SIGBUS: the order of faults is the same: permissions, the end of the file, then these', () => {
  const { k, missing } = setUp(u.UFFD_FEATURE_SIGBUS);
  k.mprotect(missing, P, u.PROT_READ);
  expect([accessed(() => k.store32(missing, 1)), accessed(() => k.load32(missing))]).toEqual([
    'SIGSEGV',
    'SIGBUS',
  ]);
});

it('EXACT_ADDRESS: a message of each kind tells the byte, and is woken by its page', async () => {
  const { k, uffd, fd, missing, minor, guarded } = setUp(u.UFFD_FEATURE_EXACT_ADDRESS);
  const thread = await startThread(k);
  const run = thread.run(
    ['load32', missing + 12],
    ['store32', minor + P - 4, 1],
    ['store32', guarded + 400, 1],
  );
  const heard = async () => {
    await untilAsleep(k, fd, 1);
    return readAll(k, fd).map(({ address, flags }) => [address, flags]);
  };
  expect(await heard()).toEqual([[missing + 12, 0]]);
  expect(wake(k, fd, missing, P)).toBe('ok');
  expect(await heard()).toEqual([[missing + 12, 0]]);
  uffd.zeropage(missing, P);
  expect(await heard()).toEqual([[minor + P - 4, 5]]);
  uffd.continue(minor, P);
  expect(await heard()).toEqual([[guarded + 400, 3]]);
  writeprotect(k, fd, guarded, P, 0);
  await run;
});

it('EXACT_ADDRESS: a system call names the byte at which it has arrived', async () => {
  const { k, uffd, fd, file } = setUp(u.UFFD_FEATURE_EXACT_ADDRESS);
  const [target, memory] = [mapAnon(k, 1), mapAnon(k, 6)];
  for (const [start, pages] of [
    [target, 1],
    [memory, 6],
  ] as const)
    uffd.register(start, pages * P, MISSING);
  const arg = u.uffdioCopy.encode({ dst: target, src: memory + 4 * P + 100, len: P, mode: 0 });
  const calls = [
    ['pwrite', file, memory + 100, P, 0],
    ['pread', file, memory + 2 * P + 100, P, 0],
    ['ioctl', fd, u.UFFDIO_COPY, arg],
  ] as const;
  const thread = await startThread(k);
  for (const [i, call] of calls.entries()) {
    const run = thread.run(call);
    for (const byte of [memory + 2 * i * P + 100, memory + (2 * i + 1) * P]) {
      await untilAsleep(k, fd, 1);
      expect(readAll(k, fd).map(({ address }) => address)).toEqual([byte]);
      uffd.zeropage(byte - (byte % P), P);
    }
    expect(await run).toBe(call[0] === 'ioctl' ? 0 : P);
  }
});

it('without either, a message tells the page', async () => {
  const { k, uffd, fd, missing } = setUp(0n);
  const run = (await startThread(k)).run(['load32', missing + 12]);
  await untilAsleep(k, fd, 1);
  expect(readAll(k, fd).map(({ address }) => address)).toEqual([missing]);
  uffd.zeropage(missing, P);
  expect(await run).toBe(0);
});
