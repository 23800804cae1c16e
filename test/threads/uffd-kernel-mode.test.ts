/** System calls that touch watched memory: they sleep as a program's access does, and are messages like it. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  readAll,
  untilAsleep,
} from '../uffd/machine.js';
import { startThread } from './uffd-thread.js';

async function setUp(flags = u.O_NONBLOCK) {
  const k = openMachine();
  const uffd = openUffd(k, flags);
  const memory = mapAnon(k, 2);
  uffd.register(memory, 2 * P, MISSING);
  const { fd, alias } = mapFile(k, 2);
  const source = mapAnon(k, 1);
  k.store32(source, 7);
  return { k, uffd, memory, file: fd, alias, source, thread: await startThread(k) };
}

it('pwrite from a missing page is a read fault, pread into one a write fault', async () => {
  const { k, uffd, memory, file, alias, source, thread } = await setUp();
  const wrote = thread.run(['pwrite', file, memory + 12, 8, 0]);
  await untilAsleep(k, uffd.fd, 1);
  expect(readAll(k, uffd.fd).map(({ address, flags }) => [address, flags])).toEqual([[memory, 0]]);
  uffd.copy(memory, source, P);
  expect([await wrote, k.load32(alias)]).toEqual([8, 0]);
  const read = thread.run(['pread', file, memory + P + 8, 8, 0]);
  await untilAsleep(k, uffd.fd, 1);
  expect(readAll(k, uffd.fd).map(({ address, flags }) => [address, flags])).toEqual([[memory + P, 1]]);
  uffd.zeropage(memory + P, P);
  expect(await read).toBe(8);
});

it('a copy of many pages sleeps once a missing page', async () => {
  const { k, uffd, memory, source, thread } = await setUp();
  const run = thread.run(['copyIn', memory + P - 4, new Uint8Array(8).fill(9)], ['load32', memory]);
  for (const page of [0, 1]) {
    await untilAsleep(k, uffd.fd, 1);
    expect(readAll(k, uffd.fd).map(({ address }) => address)).toEqual([memory + page * P]);
    uffd.copy(memory + page * P, source, P);
  }
  expect(await run).toBe(7);
  expect([k.load32(memory + P - 4), k.load32(memory + P)]).toEqual([0x09090909, 0x09090909]);
});

it('COPY from a missing page: the caller sleeps on its source, and other pages can be filled meanwhile', async () => {
  const { k, uffd, memory, source, thread } = await setUp();
  const target = mapAnon(k, 1);
  const other = openUffd(k);
  other.register(target, P, MISSING);
  const arg = u.uffdioCopy.encode({ dst: target, src: memory + 100, len: P, mode: 0 });
  const run = thread.run(['ioctl', other.fd, u.UFFDIO_COPY, arg]);
  for (const page of [0, 1]) {
    await untilAsleep(k, uffd.fd, 1);
    expect(readAll(k, uffd.fd).map(({ address, flags }) => [address, flags])).toEqual([
      [memory + page * P, 0],
    ]);
    k.munmap(mapAnon(k, 3), 3 * P); // the lock on the address space is not held
    expect(k.pagemap(target).present).toBe(false);
    uffd.copy(memory + page * P, source, P);
  }
  expect(await run).toBe(0);
  expect(k.load32(target + P - 100)).toBe(7);
});

it('COPY whose target is taken away while it sleeps on its source ends with ENOENT', async () => {
  const { k, uffd, memory, thread } = await setUp();
  const target = mapAnon(k, 1);
  const other = openUffd(k);
  other.register(target, P, MISSING);
  const arg = u.uffdioCopy.encode({ dst: target, src: memory, len: P, mode: 0 });
  const run = thread.run(['ioctl', other.fd, u.UFFDIO_COPY, arg]);
  await untilAsleep(k, uffd.fd, 1);
  k.munmap(target, P);
  uffd.zeropage(memory, P);
  expect(await run).toBe(-u.ENOENT);
});
