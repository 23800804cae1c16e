/**
 * Memory of huge pages, in what the litmus programs do not show: all 4 KiB of a huge page go together, views of it are like any
 * other, and what of it is looked at.
 */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { H, HUGE_ANON, hugeFile, mapHuge, openHugeMachine } from './huge.js';
import {
  accessed,
  continueRange,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  ok,
  openUffd,
  P,
  poison,
  presence,
  protection,
  RW,
  readAll,
  register,
  said,
  WP,
  writeprotect,
} from './machine.js';

const ALL = '1'.repeat(512);
const NONE = '0'.repeat(512);

it('a touch maps all of a huge page, and DONTNEED unmaps all of it', () => {
  const k = openHugeMachine(3);
  const fd = hugeFile(k, 2);
  const [addr, alias] = [mapHuge(k, fd, 2), mapHuge(k, fd, 2)];
  k.store32(addr + 77 * P, 1);
  expect([presence(k, addr, 512), presence(k, addr + H, 512), presence(k, alias, 512)]).toEqual([
    ALL,
    NONE,
    NONE,
  ]);
  expect(k.pagemap(addr + 300 * P)).toEqual({ present: true, writeProtected: false, file: true });
  expect(k.load32(alias + 77 * P)).toBe(1);
  expect(k.memory().bytes).toBe(H);
  k.madvise(addr, H, u.MADV_DONTNEED);
  expect([presence(k, addr, 512), presence(k, alias, 512)]).toEqual([NONE, ALL]);
});

it('one fill, poison or protection is all of a huge page', () => {
  const k = openHugeMachine(4);
  const fd = hugeFile(k, 4);
  const [addr, alias] = [mapHuge(k, fd, 4), mapHuge(k, fd, 4)];
  const { fd: uffd } = openUffd(k);
  register(k, uffd, addr, 4 * H, MISSING | MINOR | WP);
  k.store32(alias + H + 12, 3);
  expect(copy(k, uffd, addr, alias + H, H)).toEqual({ errno: 'ok', out: H });
  expect(continueRange(k, uffd, addr + H, H, u.UFFDIO_CONTINUE_MODE_WP)).toEqual({ errno: 'ok', out: H });
  expect(poison(k, uffd, addr + 2 * H, H)).toEqual({ errno: 'ok', out: H });
  expect(presence(k, addr, 4 * 512)).toBe(ALL + ALL + NONE + NONE);
  expect(protection(k, addr, 4 * 512)).toBe(NONE + ALL + NONE + NONE);
  expect(writeprotect(k, uffd, addr, 4 * H)).toBe('ok');
  expect(protection(k, addr, 4 * 512)).toBe(ALL + ALL + NONE + ALL);
  for (const at of [0, 5 * P, H - 4]) expect(accessed(() => k.load32(addr + 2 * H + at))).toBe('SIGBUS');
  expect(writeprotect(k, uffd, addr, 4 * H, 0)).toBe('ok');
  expect(protection(k, addr, 4 * 512)).toBe(NONE.repeat(4));
  expect([k.load32(addr + 12), k.load32(addr + H + 12)]).toEqual([3, 3]);
});

it('what COPY has filled is what its source holds, from any alignment', () => {
  const k = openHugeMachine(3);
  const source = ok(k.mmap(0, 2 * H, RW, HUGE_ANON, -1, 0));
  const bytes = new Uint8Array(H).map((_, i) => (i * 31) ^ (i >> 11));
  k.copyIn(source + 13, bytes);
  const to = mapHuge(k, hugeFile(k, 1), 1);
  const { fd: uffd } = openUffd(k);
  register(k, uffd, to, H, MISSING);
  expect(copy(k, uffd, to, source + 13, H)).toEqual({ errno: 'ok', out: H });
  const found = new Uint8Array(H);
  k.copyOut(to, found);
  expect(Buffer.compare(found, bytes)).toBe(0);
});

it('a private copy leaves the file alone, all of it', () => {
  const k = openHugeMachine(3);
  const fd = hugeFile(k, 1);
  const [own, shared] = [mapHuge(k, fd, 1, 0, RW, u.MAP_PRIVATE), mapHuge(k, fd, 1)];
  const bytes = new Uint8Array(H).map((_, i) => i >> 8);
  k.copyIn(shared, bytes);
  expect(k.load32(own + H - 4)).toBe(k.load32(shared + H - 4));
  expect(k.pagemap(own)).toMatchObject({ present: true, file: true });
  k.store32(own + 100 * P, 1);
  expect(k.pagemap(own + 511 * P)).toMatchObject({ present: true, file: false });
  const found = new Uint8Array(H);
  k.copyOut(own + 101 * P, found.subarray(0, H - 101 * P));
  expect(Buffer.compare(found.subarray(0, H - 101 * P), bytes.subarray(101 * P))).toBe(0);
  expect([k.load32(shared + 100 * P), k.memory().bytes]).toEqual([
    new Uint32Array(bytes.buffer)[(100 * P) / 4],
    2 * H,
  ]);
});

it('views load, store and fault as on small pages', () => {
  const k = openHugeMachine(2);
  const fd = hugeFile(k, 2);
  const [addr, alias] = [mapHuge(k, fd, 2), mapHuge(k, fd, 2)];
  const [view, pages] = [k.mutatorView(addr, 2 * H), k.pageView(alias, 2 * H)];
  view.enter();
  view.store(1024 * 600 + 3, 8);
  expect([view.load(1024 * 600 + 3), view.load(5)]).toEqual([8, 0]);
  expect(pages.words[pages.readable(600) + 3]).toBe(8);
  pages.words[pages.writable(601)] = 9;
  expect(view.load(1024 * 601)).toBe(9);
  view.leave();
});

it('a file is read by huge pages into small ones, holes as zeros; nobody writes to it', () => {
  const k = openHugeMachine(2);
  const fd = hugeFile(k, 3);
  const addr = mapHuge(k, fd, 2);
  const into = mapAnon(k, 8);
  k.store32(addr + H - 4, 0x01020304);
  k.store32(into + P, 0xffff);
  expect(k.pread(fd, into, 2 * P, H - P)).toBe(2 * P);
  expect([k.load32(into + P - 4), k.load32(into + P)]).toEqual([0x01020304, 0]);
  expect(k.pread(fd, into, 2 * P, 3 * H - P)).toBe(P);
  expect(k.pread(fd, into, P, 3 * H)).toBe(0);
  expect(presence(k, addr, 1024)).toBe(ALL + NONE);
  for (const length of [0, P]) expect(said(k.pwrite(fd, into, length, 0))).toBe('EINVAL');
});

it('a system call on what is watched fails where it may not sleep, and no message tells of it', () => {
  const k = openHugeMachine(1);
  const fd = hugeFile(k, 1);
  const addr = mapHuge(k, fd, 1);
  const uffd = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY);
  uffd.register(addr, H, MISSING);
  const small = k.memfd_create('small', 0);
  expect(said(k.pwrite(small, addr + 9 * P, 4, 0))).toBe('EFAULT');
  expect(said(k.madvise(addr + 9 * P, P, u.MADV_POPULATE_WRITE))).toBe('EFAULT');
  expect(readAll(k, uffd.fd)).toEqual([]);
});

it('populating a small page populates the huge one', () => {
  const k = openHugeMachine(3);
  const addr = mapHuge(k, hugeFile(k, 2), 2);
  expect(k.madvise(addr + 300 * P, P, u.MADV_POPULATE_READ)).toBe(0);
  expect(presence(k, addr, 1024)).toBe(ALL + NONE);
  const populated = ok(k.mmap(0, 1, RW, HUGE_ANON | u.MAP_POPULATE, -1, 0));
  expect(presence(k, populated, 512)).toBe(ALL);
});

it('a mapping is placed at a multiple of 2 MiB, at the next one of a hint', () => {
  const k = openHugeMachine(4);
  mapAnon(k, 3);
  const places = [0, 8 * H, 8 * H + P, 8 * H].map((hint) => k.mmap(hint, H, RW, HUGE_ANON, -1, 0) / H);
  expect(places).toEqual([1, 8, 9, 2]);
});

it('what a mapping does not permit is a SIGSEGV, and EFAULT to a system call, whatever is there', () => {
  const k = openHugeMachine(2);
  const fd = hugeFile(k, 2);
  const alias = mapHuge(k, fd, 2);
  k.store32(alias, 7); // the second page is not there
  const [readable, closed] = [mapHuge(k, fd, 2, 0, u.PROT_READ), mapHuge(k, fd, 2, 0, u.PROT_NONE)];
  expect(k.load32(readable)).toBe(7);
  for (const at of [0, H]) {
    expect(accessed(() => k.store32(readable + at, 1))).toBe('SIGSEGV');
    expect(accessed(() => k.load32(closed + at))).toBe('SIGSEGV');
    expect(k.pread(fd, readable + at, P, 0)).toBe(-u.EFAULT);
  }
  expect([k.load32(alias), k.pread(fd, alias + P, P, 0)]).toEqual([7, P]);
});

it('a forked process has its private huge pages to itself', () => {
  const k = openHugeMachine(3);
  const own = ok(k.mmap(0, 2 * H, RW, HUGE_ANON | u.MAP_NORESERVE, -1, 0));
  for (const at of [0, H - 4]) k.store32(own + at, 5);
  const child = k.fork() as u.Kernel;
  expect(presence(child, own, 512)).toBe(ALL);
  k.store32(own, 6);
  child.store32(own + H - 4, 7);
  expect([k.load32(own), k.load32(own + H - 4)]).toEqual([6, 5]);
  expect([child.load32(own), child.load32(own + H - 4)]).toEqual([5, 7]);
  // One is left for the two of them.
  k.store32(own + H, 8);
  expect(accessed(() => child.store32(own + H, 9))).toBe('SIGBUS');
  child.dispose();
  k.dispose();
});

it('a write to a private mapping for whose copy nothing is left is a SIGBUS, and EFAULT to a system call', () => {
  const k = openHugeMachine(1);
  const fd = hugeFile(k, 1);
  k.store32(mapHuge(k, fd, 1), 3);
  const own = mapHuge(k, fd, 1, 0, RW, u.MAP_PRIVATE | u.MAP_NORESERVE);
  expect(accessed(() => k.store32(own, 1))).toBe('SIGBUS');
  expect(k.pread(fd, own, P, 0)).toBe(-u.EFAULT);
  expect(k.load32(own)).toBe(3);
});
