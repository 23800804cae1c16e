/** Messages: one a faulting thread, in order, with the thread's id if asked for, gone when nobody waits any more. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
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
  wake,
} from '../uffd/machine.js';
import { startThreads } from './uffd-thread.js';

async function setUp(threads: number, pages: number, features = 0n) {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK, features);
  const addr = mapAnon(k, pages);
  uffd.register(addr, pages * P, MISSING);
  return { k, uffd, fd: uffd.fd, addr, source: mapAnon(k, 1), threads: await startThreads(k, threads) };
}

it('first in, first out', async () => {
  const { k, fd, addr, uffd, threads } = await setUp(3, 8);
  const order = [5, 2, 7];
  const runs = [];
  for (const [i, page] of order.entries()) {
    runs.push(threads[i]!.run(['load32', addr + page * P + 4]));
    await untilAsleep(k, fd, i + 1);
  }
  expect(readAll(k, fd).map(({ address }) => address)).toEqual(order.map((page) => addr + page * P));
  uffd.zeropage(addr, 8 * P);
  expect(await Promise.all(runs)).toEqual([0, 0, 0]);
});

it('two threads on one page are two messages, each with its own flags and thread; one answer wakes both', async () => {
  const { k, fd, addr, uffd, threads } = await setUp(2, 1, u.UFFD_FEATURE_THREAD_ID);
  const [a, b] = threads as [(typeof threads)[0], (typeof threads)[0]];
  const load = a.run(['load32', addr]);
  await untilAsleep(k, fd, 1);
  const store = b.run(['store32', addr, 6], ['load32', addr]);
  await untilAsleep(k, fd, 2);
  expect(readAll(k, fd).map(({ flags, ptid }) => [flags, ptid])).toEqual([
    [0, a.tid],
    [u.UFFD_PAGEFAULT_FLAG_WRITE, b.tid],
  ]);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 2, features: u.UFFD_FEATURE_THREAD_ID });
  uffd.zeropage(addr, P);
  expect(await store).toBe(6);
  expect([0, 6]).toContain(await load);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0 });
});

it('a message vanishes when its page is resolved before it is read; with DONTWAKE it stays', async () => {
  const { k, fd, addr, uffd, source, threads } = await setUp(1, 2);
  const run = threads[0]!.run(['load32', addr], ['load32', addr + P]);
  await untilAsleep(k, fd, 1);
  expect(k.poll(fd, u.POLLIN, 0)).toBe(u.POLLIN);
  uffd.copy(addr, source, P);
  await untilAsleep(k, fd, 1);
  copy(k, fd, addr + P, source, P, u.UFFDIO_COPY_MODE_DONTWAKE);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 1, total: 1 });
  expect(readAll(k, fd).map(({ address }) => address)).toEqual([addr + P]);
  expect(said(k.read(fd, new Uint8Array(32)))).toBe('EAGAIN');
  uffd.wake(addr + P, P);
  expect(await run).toBe(0);
});

it('poll goes quiet when the only message vanishes', async () => {
  const { k, fd, addr, uffd, threads } = await setUp(1, 1);
  const run = threads[0]!.run(['load32', addr]);
  await untilAsleep(k, fd, 1);
  expect([k.poll(fd, u.POLLIN, -1), k.poll(fd, u.POLLOUT, 0)]).toEqual([u.POLLIN, 0]);
  uffd.zeropage(addr, P);
  expect([k.poll(fd, u.POLLIN, 0), k.read(fd, new Uint8Array(32))]).toEqual([0, -u.EAGAIN]);
  await run;
});

it('a read takes as many as fit and are there', async () => {
  const { k, fd, addr, uffd, threads } = await setUp(4, 4);
  const runs = threads.map((thread, i) => thread.run(['load32', addr + i * P]));
  await untilAsleep(k, fd, 4);
  const sizes = [63, 64, 4096].map((n) => k.read(fd, new Uint8Array(n)));
  expect(sizes).toEqual([32, 64, 32]);
  expect(said(k.read(fd, new Uint8Array(32)))).toBe('EAGAIN');
  uffd.zeropage(addr, 4 * P);
  await Promise.all(runs);
});

it('WAKE without the page: the thread faults again, and there is exactly one message', async () => {
  const { k, fd, addr, uffd, threads } = await setUp(1, 1);
  const run = threads[0]!.run(['load32', addr]);
  for (const reads of [false, true, false, true]) {
    await untilAsleep(k, fd, 1);
    if (reads) expect(readAll(k, fd)).toHaveLength(1);
    expect(wake(k, fd, addr, P)).toBe('ok');
  }
  await untilAsleep(k, fd, 1);
  const messages = readAll(k, fd);
  expect(messages.map(({ address, flags }) => [address, flags])).toEqual([[addr, 0]]);
  uffd.zeropage(addr, P);
  expect(await run).toBe(0);
});

it('a missing fault becomes a minor one when the cache was filled meanwhile; a write to the file wakes nobody', async () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const uffd = u.attachUserfaultfd(k, fd);
  const { addr, alias } = mapFile(k, 1);
  uffd.register(addr, P, MISSING | MINOR);
  const [thread] = await startThreads(k, 1);
  const run = thread!.run(['load32', addr]);
  await untilAsleep(k, fd, 1);
  k.store32(alias, 8);
  expect(readAll(k, fd).map(({ flags }) => flags)).toEqual([0]);
  expect(k.fdinfo(fd)).toMatchObject({ total: 1 });
  expect(uffd.copy(addr, alias, P)).toEqual({ done: 0, errno: u.EEXIST });
  uffd.wake(addr, P);
  await untilAsleep(k, fd, 1);
  expect(readAll(k, fd).map(({ flags }) => flags)).toEqual([u.UFFD_PAGEFAULT_FLAG_MINOR]);
  expect(uffd.continue(addr, P)).toEqual({ done: P, errno: 0 });
  expect(await run).toBe(8);
});

it('CONTINUE also serves a sleeper whose fault was a missing one', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { addr, alias } = mapFile(k, 1);
  uffd.register(addr, P, MISSING);
  const [thread] = await startThreads(k, 1);
  const run = thread!.run(['load32', addr]);
  await untilAsleep(k, uffd.fd, 1);
  k.store32(alias, 8);
  uffd.continue(addr, P);
  expect(await run).toBe(8);
});
