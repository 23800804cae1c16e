/** fork beside other threads: its event waits for a descriptor, and what threads store meanwhile is no part of the child. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MISSING, mapAnon, openMachine, openUffd, P, until } from '../uffd/machine.js';
import { startThread, startThreads } from './uffd-thread.js';

it('a FORK for which no descriptor is left stays to be read, and the fork waits', async () => {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK, u.UFFD_FEATURE_EVENT_FORK);
  uffd.register(mapAnon(k, 1), P, MISSING);
  const parent = await startThread(k);
  const forked = parent.run(['fork']);
  let isDone = false;
  void forked.then(() => {
    isDone = true;
  });
  await until(() => k.poll(uffd.fd, u.POLLIN, 0) === u.POLLIN, 'the event waits');
  const taken: number[] = [];
  for (let fd = k.dup(uffd.fd); fd >= 0; fd = k.dup(uffd.fd)) taken.push(fd);
  const message = new Uint8Array(u.uffdMsg.size);
  for (let round = 0; round < 3; round++) expect(k.read(uffd.fd, message)).toBe(-u.EMFILE);
  expect(k.poll(uffd.fd, u.POLLIN, 0)).toBe(u.POLLIN);
  expect(isDone).toBe(false);
  k.close(taken[5] as number);
  expect(k.read(uffd.fd, message)).toBe(message.length);
  expect(u.uffdMsg.decode(message)).toEqual({ event: u.UFFD_EVENT_FORK, ufd: taken[5] });
  await forked;
  expect(k.read(uffd.fd, message)).toBe(-u.EAGAIN);
});

it('300 forks beside two threads that store: what a child has does not change', async () => {
  const k = openMachine();
  const [pages, words] = [8, 400];
  const addr = mapAnon(k, pages);
  const held = k.memory().bytes;
  const writers = await startThreads(k, 2);
  const stores = (from: number) =>
    Array.from({ length: words }, (_, i) => ['store32', addr + ((from + i) % pages) * P, i + 1] as const);
  let writing = 2;
  const rounds = writers.map(async (writer, i) => {
    while (writing > 0) await writer.run(...stores(4 * i));
  });
  const seen = (child: u.Kernel) => Array.from({ length: pages }, (_, page) => child.load32(addr + page * P));
  for (let round = 0; round < 300; round++) {
    const child = k.fork() as u.Kernel;
    const first = seen(child);
    expect(first.every((value) => value <= words)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve)); // writers are told to go on
    expect(seen(child)).toEqual(first);
    child.store32(addr, 1000 + round);
    expect([child.load32(addr), k.load32(addr) <= words]).toEqual([1000 + round, true]);
    child.dispose();
  }
  writing = 0;
  await Promise.all(rounds);
  expect(k.memory().bytes).toBe(held + pages * P);
});
