/** Who is woken: exactly the bytes put in place; nobody by an error; by UNREGISTER only where MISSING was watched. */
import { expect, it } from 'vitest';
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
  openMachine,
  openUffd,
  P,
  RW,
  readAll,
  unregister,
  until,
  untilAsleep,
  wake,
  zeropage,
} from '../uffd/machine.js';
import { startThreads } from './uffd-thread.js';

/** Threads asleep, one a page, in faults of a file (minor: every page cached) or of private memory. */
async function sleepers(pages: number, mode: number, anonymous = false) {
  const k = openMachine();
  const uffd = openUffd(k);
  const {
    addr,
    alias,
    fd: file,
  } = anonymous ? { ...mapFile(k, 1), addr: mapAnon(k, pages) } : mapFile(k, pages);
  if ((mode & MINOR) !== 0) for (let i = 0; i < pages; i++) k.store32(alias + i * P, 50 + i);
  uffd.register(addr, pages * P, mode);
  const threads = await startThreads(k, pages);
  const runs = threads.map((thread, i) => thread.run(['load32', addr + i * P]));
  await untilAsleep(k, uffd.fd, pages);
  const asleep = () => (k.fdinfo(uffd.fd) as u.UffdInfo).total;
  return { k, uffd, fd: uffd.fd, addr, alias, file, runs, asleep, source: mapAnon(k, 4) };
}

it('partial progress wakes exactly the pages that are done', async () => {
  const { k, fd, addr, alias, file, runs, asleep } = await sleepers(4, MINOR);
  k.fallocate(file, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, 2 * P, P);
  readAll(k, fd);
  expect(continueRange(k, fd, addr, 4 * P)).toEqual({ errno: 'EAGAIN', out: 2 * P });
  expect(await Promise.all(runs.slice(0, 2))).toEqual([50, 51]);
  expect(asleep()).toBe(2);
  expect(continueRange(k, fd, addr + 2 * P, 2 * P)).toEqual({ errno: 'EFAULT', out: -u.EFAULT });
  expect(asleep()).toBe(2);
  k.store32(alias + 2 * P, 99);
  expect(continueRange(k, fd, addr + 2 * P, 2 * P)).toEqual({ errno: 'ok', out: 2 * P });
  expect(await Promise.all(runs)).toEqual([50, 51, 99, 53]);
});

it('COPY and ZEROPAGE, read or unread, wake what they fill', async () => {
  const { k, fd, addr, source, runs, asleep } = await sleepers(4, MISSING, true);
  k.store32(source, 7);
  k.read(fd, new Uint8Array(64)); // two of the four messages
  expect(copy(k, fd, addr + P, source, 2 * P).errno).toBe('ok');
  expect(await Promise.all(runs.slice(1, 3))).toEqual([7, 0]);
  expect(asleep()).toBe(2);
  expect(zeropage(k, fd, addr, P).errno).toBe('ok');
  expect(zeropage(k, fd, addr + 3 * P, P).errno).toBe('ok');
  expect(await Promise.all(runs)).toEqual([0, 7, 0, 0]);
  expect(readAll(k, fd)).toEqual([]);
});

it('EEXIST wakes nobody: a sleeper on a mapped page sleeps until WAKE', async () => {
  const { k, fd, addr, source, runs, asleep } = await sleepers(1, MISSING, true);
  expect(copy(k, fd, addr, source, P, u.UFFDIO_COPY_MODE_DONTWAKE).errno).toBe('ok');
  expect(copy(k, fd, addr, source, P).errno).toBe('EEXIST');
  expect(zeropage(k, fd, addr, P).errno).toBe('EEXIST');
  expect(asleep()).toBe(1);
  expect(wake(k, fd, addr, P)).toBe('ok');
  expect(await runs[0]).toBe(0);
});

it('MOVE wakes exactly what it has moved, holes of the source included; its errors wake nobody', async () => {
  const { k, uffd, fd, addr, source, runs, asleep } = await sleepers(4, MISSING, true);
  const holes = u.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES;
  for (const page of [0, 1, 3]) k.store32(source + page * P, 70 + page);
  readAll(k, fd);
  expect(move(k, fd, addr, source, 4 * P)).toEqual({ errno: 'EAGAIN', out: 2 * P });
  expect(await Promise.all(runs.slice(0, 2))).toEqual([70, 71]);
  expect(asleep()).toBe(2);
  expect(move(k, fd, addr + 2 * P, source + 2 * P, 2 * P).errno).toBe('ENOENT');
  expect(move(k, fd, addr + P, source + 3 * P, P).errno).toBe('EEXIST');
  expect(move(k, openUffd(k).fd, addr + 3 * P, source + 3 * P, P).errno).toBe('EINVAL');
  expect([asleep(), readAll(k, fd)]).toEqual([2, []]);
  // The hole: its sleeper finds nothing there and faults again, which is a new message.
  expect(move(k, fd, addr + 2 * P, source + 2 * P, P, holes)).toEqual({ errno: 'ok', out: P });
  await until(() => k.poll(fd, u.POLLIN, 0) === u.POLLIN, 'the page is faulted on again');
  expect(readAll(k, fd).map(({ address }) => address)).toEqual([addr + 2 * P]);
  expect(move(k, fd, addr + 3 * P, source + 3 * P, P)).toEqual({ errno: 'ok', out: P });
  expect(await runs[3]).toBe(73);
  uffd.zeropage(addr + 2 * P, P);
  expect(await runs[2]).toBe(0);
});

it('MOVE with DONTWAKE leaves asleep', async () => {
  const { k, fd, addr, source, runs, asleep } = await sleepers(1, MISSING, true);
  k.store32(source, 7);
  expect(move(k, fd, addr, source, P, u.UFFDIO_MOVE_MODE_DONTWAKE)).toEqual({ errno: 'ok', out: P });
  expect(asleep()).toBe(1);
  expect(wake(k, fd, addr, P)).toBe('ok');
  expect(await runs[0]).toBe(7);
});

it('DONTWAKE puts in place and leaves asleep', async () => {
  const { k, fd, addr, runs, asleep } = await sleepers(2, MINOR);
  expect(continueRange(k, fd, addr, P, u.UFFDIO_CONTINUE_MODE_DONTWAKE)).toEqual({ errno: 'ok', out: P });
  expect(continueRange(k, fd, addr, 2 * P).errno).toBe('EEXIST');
  expect(asleep()).toBe(2);
  expect(continueRange(k, fd, addr + P, P).errno).toBe('ok');
  expect(await runs[1]).toBe(51);
  expect([asleep(), wake(k, fd, addr, 2 * P)]).toEqual([1, 'ok']);
  expect(await runs[0]).toBe(50);
});

it('WAKE wakes the range it names and no other', async () => {
  const { k, fd, addr, runs, asleep } = await sleepers(3, MINOR);
  continueRange(k, fd, addr, 3 * P, u.UFFDIO_CONTINUE_MODE_DONTWAKE);
  expect(wake(k, fd, addr + 3 * P, P)).toBe('ok');
  expect(asleep()).toBe(3);
  wake(k, fd, addr + P, P);
  expect(await runs[1]).toBe(51);
  expect(asleep()).toBe(2);
  wake(k, fd, 0, 0x7ffffffff000);
  expect(await Promise.all(runs)).toEqual([50, 51, 52]);
});

it("an ioctl wakes on its own context alone, though it fills another's range", async () => {
  const { k, fd, addr, source, runs, asleep } = await sleepers(1, MISSING, true);
  expect(copy(k, openUffd(k).fd, addr, source, P).errno).toBe('ok');
  expect(asleep()).toBe(1);
  wake(k, fd, addr, P);
  expect(await runs[0]).toBe(0);
});

it('UNREGISTER wakes sleepers of MISSING ranges: they are filled as if nothing watched', async () => {
  const { k, fd, addr, runs, asleep } = await sleepers(2, MISSING, true);
  expect(unregister(k, fd, addr, P)).toBe('ok');
  expect(await runs[0]).toBe(0);
  expect(asleep()).toBe(1);
  unregister(k, fd, addr, 2 * P);
  expect(await runs[1]).toBe(0);
});

it('UNREGISTER of MISSING | MINOR wakes minor sleepers too', async () => {
  const { k, fd, addr, runs } = await sleepers(2, MISSING | MINOR);
  unregister(k, fd, addr, 2 * P);
  expect(await Promise.all(runs)).toEqual([50, 51]);
});

it('UNREGISTER of a MINOR-only range wakes nobody; WAKE does', async () => {
  const { k, fd, addr, runs, asleep } = await sleepers(2, MINOR);
  k.read(fd, new Uint8Array(32)); // one read, one not
  expect(unregister(k, fd, addr, 2 * P)).toBe('ok');
  expect(asleep()).toBe(2);
  wake(k, fd, addr, 2 * P);
  expect(await Promise.all(runs)).toEqual([50, 51]);
});

it('close wakes everybody, but only that of the last descriptor', async () => {
  const { k, fd, runs, asleep } = await sleepers(2, MINOR);
  k.read(fd, new Uint8Array(32));
  const twin = k.dup(fd);
  k.close(fd);
  expect((k.fdinfo(twin) as u.UffdInfo).total).toBe(2);
  expect(asleep()).toBeUndefined(); // the old number is no descriptor
  k.close(twin);
  expect(await Promise.all(runs)).toEqual([50, 51]);
});

it('munmap and mprotect wake nobody; woken, the thread meets a signal', async () => {
  const { k, fd, addr, runs, asleep } = await sleepers(2, MISSING, true);
  k.munmap(addr, P);
  k.mprotect(addr + P, P, u.PROT_NONE);
  expect(asleep()).toBe(2);
  wake(k, fd, addr, 2 * P);
  expect(await Promise.all(runs)).toEqual(['AccessError SIGSEGV', 'AccessError SIGSEGV']);
});

it('a sleeper whose range was replaced goes on in the new mapping', async () => {
  const { k, fd, addr, runs } = await sleepers(1, MISSING, true);
  ok(k.mmap(addr, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0));
  k.store32(addr, 66);
  wake(k, fd, addr, P);
  expect(await runs[0]).toBe(66);
});

it('close wakes a sleeper whose page is mapped no more', async () => {
  const { k, fd, addr, runs } = await sleepers(1, MINOR);
  k.munmap(addr, P);
  k.close(fd);
  expect(await runs[0]).toBe('AccessError SIGSEGV');
});
