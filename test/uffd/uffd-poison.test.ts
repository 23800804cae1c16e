/** UFFDIO_POISON: a mark on a page that is not there, which makes every access to it a bus error. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { startThread } from '../threads/uffd-thread.js';
import {
  accessed,
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
  poison,
  presence,
  punch,
  RW,
  said,
  unregister,
  untilAsleep,
  wake,
  zeropage,
} from './machine.js';

const TO = u.MREMAP_MAYMOVE | u.MREMAP_FIXED;
const FREE = 4 << 20;
const done = (bytes: number) => ({ errno: 'ok', out: bytes });
const failed = (errno: 'EEXIST' | 'EFAULT' | 'ENOENT') => ({ errno, out: -u[errno] });
const partial = (bytes: number) => ({ errno: 'EAGAIN', out: bytes });

function setUp(pages: number, mode = MISSING) {
  const k = openMachine();
  const uffd = openUffd(k);
  const anon = mapAnon(k, pages);
  const { fd: file, addr, alias } = mapFile(k, pages);
  uffd.register(anon, pages * P, MISSING);
  uffd.register(addr, pages * P, mode);
  const source = mapAnon(k, 1);
  k.store32(source, 8);
  return { k, uffd, fd: uffd.fd, anon, file, addr, alias, source };
}

/** What the first word of each page says, or the signal. */
function contents(k: u.Kernel, addr: number, pages: number): (number | string)[] {
  return Array.from({ length: pages }, (_, i) => {
    const said = accessed(() => k.load32(addr + i * P));
    return said === 'ok' ? k.load32(addr + i * P) : said;
  });
}

it('a load or a store is SIGBUS at its exact address, and no message', () => {
  const { k, fd, anon, addr } = setUp(2);
  for (const start of [anon, addr]) {
    expect(poison(k, fd, start, 2 * P)).toEqual(done(2 * P));
    for (const access of [k.load32, (at: number) => k.store32(at, 1)]) {
      expect(() => access(start + P + 12)).toThrow(
        expect.objectContaining({ code: 'SIGBUS', address: start + P + 12 }),
      );
    }
    expect(presence(k, start, 2)).toBe('00');
  }
  expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0 });
  expect(k.memory().bytes).toBe(P); // the source
});

it('a system call is told EFAULT, after what it has done; populating is EHWPOISON', () => {
  const { k, fd, anon, file } = setUp(3);
  expect(zeropage(k, fd, anon, P)).toEqual(done(P));
  poison(k, fd, anon + P, P);
  expect([k.pwrite(file, anon, 2 * P, 0), k.pread(file, anon, 2 * P, 0)]).toEqual([P, P]);
  for (const call of [k.pread, k.pwrite]) expect(said(call(file, anon + P, P, 0))).toBe('EFAULT');
  for (const advice of [u.MADV_POPULATE_READ, u.MADV_POPULATE_WRITE]) {
    expect(said(k.madvise(anon, 2 * P, advice))).toBe('EHWPOISON');
  }
});

it('COPY from it is EFAULT, after what came before', () => {
  const { k, fd, anon, addr, source } = setUp(3);
  copy(k, fd, anon, source, P);
  poison(k, fd, anon + P, P);
  expect(copy(k, fd, addr + P, anon + P, P)).toEqual(failed('EFAULT'));
  expect(copy(k, fd, addr, anon, 2 * P)).toEqual(partial(P));
  expect(contents(k, addr, 1)).toEqual([8]);
});

it('permissions come first', () => {
  const { k, fd, anon } = setUp(1);
  poison(k, fd, anon, P);
  k.mprotect(anon, P, u.PROT_READ);
  expect([accessed(() => k.store32(anon, 1)), accessed(() => k.load32(anon))]).toEqual(['SIGSEGV', 'SIGBUS']);
  expect(said(k.madvise(anon, P, u.MADV_POPULATE_WRITE))).toBe('EINVAL');
});

it('a cached page of a file can be poisoned, in this mapping alone', () => {
  const { k, fd, addr, alias, file, source } = setUp(2, MINOR);
  k.store32(alias, 5);
  expect(poison(k, fd, addr, 2 * P)).toEqual(done(2 * P));
  expect(contents(k, addr, 2)).toEqual(['SIGBUS', 'SIGBUS']);
  expect(contents(k, alias, 2)).toEqual([5, 0]);
  expect(k.pread(file, source, 4, 0)).toBe(4);
  expect(k.load32(source)).toBe(5);
});

it('EEXIST: a page that is there, the zero page, poison', () => {
  const { k, fd, anon, addr, source } = setUp(3);
  copy(k, fd, anon, source, P);
  copy(k, fd, addr, source, P);
  zeropage(k, fd, anon + P, P);
  poison(k, fd, anon + 2 * P, P);
  for (const page of [anon, anon + P, anon + 2 * P, addr]) {
    expect(poison(k, fd, page, P)).toEqual(failed('EEXIST'));
  }
  expect(contents(k, anon, 3)).toEqual([8, 0, 'SIGBUS']);
});

it('stops at the first page that is there, with the bytes before it; the rest is left alone', () => {
  const { k, fd, anon, source } = setUp(4);
  copy(k, fd, anon + 2 * P, source, P);
  expect(poison(k, fd, anon, 4 * P)).toEqual(partial(2 * P));
  expect(poison(k, fd, anon + 2 * P, 2 * P)).toEqual(failed('EEXIST'));
  expect(zeropage(k, fd, anon + 3 * P, P)).toEqual(done(P));
  expect(contents(k, anon, 4)).toEqual(['SIGBUS', 'SIGBUS', 8, 0]);
});

it('ENOENT: unmapped, unregistered, or across the end of the mapping; EFAULT past the end of the file', () => {
  const { k, fd, anon, addr, alias, file } = setUp(3);
  const other = openUffd(k).fd;
  expect(poison(k, fd, FREE, P)).toEqual(failed('ENOENT'));
  expect(poison(k, fd, alias, P)).toEqual(failed('ENOENT'));
  unregister(k, fd, anon + 2 * P, P);
  expect(poison(k, fd, anon + P, 2 * P)).toEqual(failed('ENOENT'));
  expect(poison(k, other, anon, P)).toEqual(done(P)); // any userfaultfd will do
  k.ftruncate(file, P + 1);
  expect(poison(k, fd, addr, 3 * P)).toEqual(partial(2 * P));
  expect(poison(k, fd, addr + 2 * P, P)).toEqual(failed('EFAULT'));
});

it('DONTNEED takes it away, and so do COPY and CONTINUE, which put a page there', () => {
  const { k, fd, anon, addr, alias, source } = setUp(3, MINOR);
  k.store32(alias + P, 6);
  for (const start of [anon, addr]) {
    poison(k, fd, start, 3 * P);
    k.madvise(start, P, u.MADV_DONTNEED);
    expect(copy(k, fd, start + 2 * P, source, P)).toEqual(done(P));
  }
  expect(continueRange(k, fd, addr + P, P)).toEqual(done(P));
  expect(copy(k, fd, anon + P, source, P)).toEqual(done(P));
  expect(zeropage(k, fd, anon, P)).toEqual(done(P)); // nothing was there
  expect([contents(k, anon, 3), contents(k, addr, 3)]).toEqual([
    [0, 8, 8],
    [0, 6, 8],
  ]);
});

it('COPY over it is EEXIST where the file has the page, CONTINUE EFAULT where it has none', () => {
  const { k, fd, addr, alias, source } = setUp(2);
  k.store32(alias, 5);
  poison(k, fd, addr, 2 * P);
  expect(copy(k, fd, addr, source, P)).toEqual(failed('EEXIST'));
  expect(continueRange(k, fd, addr + P, P)).toEqual(failed('EFAULT'));
  expect(contents(k, addr, 2)).toEqual(['SIGBUS', 'SIGBUS']);
});

it('ZEROPAGE puts a page over it in a file; in private memory it is EEXIST', () => {
  const { k, fd, anon, addr } = setUp(1);
  poison(k, fd, anon, P);
  poison(k, fd, addr, P);
  expect(zeropage(k, fd, addr, P)).toEqual(done(P));
  expect(zeropage(k, fd, anon, P)).toEqual(failed('EEXIST'));
  expect([contents(k, anon, 1), contents(k, addr, 1)]).toEqual([['SIGBUS'], [0]]);
});

it('MOVE: EEXIST at the target, EFAULT at the source', () => {
  const { k, fd, anon, source } = setUp(3);
  copy(k, fd, anon, source, P);
  poison(k, fd, anon + P, P);
  expect(move(k, fd, anon + P, anon, P)).toEqual(failed('EEXIST'));
  expect(move(k, fd, anon + 2 * P, anon + P, P)).toEqual(failed('EFAULT'));
  expect(contents(k, anon, 2)).toEqual([8, 'SIGBUS']);
});

it('stays after UNREGISTER, closing and a hole in the file', () => {
  const { k, fd, anon, addr, file } = setUp(1);
  poison(k, fd, anon, P);
  poison(k, fd, addr, P);
  unregister(k, fd, anon, P);
  k.close(fd);
  punch(k, file, 0);
  k.madvise(addr, P, u.MADV_REMOVE);
  expect([contents(k, anon, 1), contents(k, addr, 1)]).toEqual([['SIGBUS'], ['SIGBUS']]);
});

it('goes with the end of the file', () => {
  const { k, uffd, fd, addr, file } = setUp(2);
  poison(k, fd, addr, 2 * P);
  uffd.unregister(addr, 2 * P);
  k.ftruncate(file, P);
  k.ftruncate(file, 2 * P);
  expect(contents(k, addr, 2)).toEqual(['SIGBUS', 0]);
});

it('moves with mremap, and goes with the mapping', () => {
  const { k, fd, anon, addr } = setUp(2);
  for (const start of [anon, addr]) {
    poison(k, fd, start, P);
    ok(k.mremap(start, 2 * P, 2 * P, TO | u.MREMAP_DONTUNMAP, FREE));
    expect(contents(k, FREE, 2)).toEqual(['SIGBUS', 0]);
    expect(poison(k, fd, start, P)).toEqual(done(P)); // the old range has none any more
    k.munmap(FREE, 2 * P);
    ok(k.mmap(FREE, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0));
    expect(contents(k, FREE, 1)).toEqual([0]);
  }
});

it('a read next to it, which maps what is cached around, leaves it', () => {
  const { k, fd, addr, alias } = setUp(3);
  for (let i = 0; i < 3; i++) k.store32(alias + i * P, 5);
  poison(k, fd, addr + P, P);
  expect([k.load32(addr), presence(k, addr, 3)]).toEqual([5, '101']);
  expect(contents(k, addr, 3)).toEqual([5, 'SIGBUS', 5]);
});

it('wakes who waits for the page, unless DONTWAKE: a program gets SIGBUS, a system call EFAULT', async () => {
  const { k, fd, anon, file } = setUp(3);
  const thread = await startThread(k);
  const load = thread.run(['load32', anon]);
  await untilAsleep(k, fd, 1);
  poison(k, fd, anon, P);
  expect(await load).toBe('AccessError SIGBUS');
  const call = thread.run(['pwrite', file, anon + P, P, 0]);
  await untilAsleep(k, fd, 1);
  poison(k, fd, anon + P, P, u.UFFDIO_POISON_MODE_DONTWAKE);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 1, total: 1 });
  wake(k, fd, anon + P, P);
  expect(await call).toBe(-u.EFAULT);
});
