/** A machine whose physical memory is full: what each call says then, and that nothing is lost by it. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  copy,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  RW,
  said,
  zeropage,
} from './machine.js';

/** A machine that has so many frames left, beside one page of private memory at `source`. */
function machineWith(framesLeft: number): { k: u.Kernel; source: number } {
  const k = openMachine({ memoryBytes: (framesLeft + 1) * P });
  const source = mapAnon(k, 1);
  k.store32(source, 7);
  return { k, source };
}

const OUT_OF_MEMORY = /no physical memory left/;

it('COPY without a frame is ENOMEM, of private memory and of a file', () => {
  const { k, source } = machineWith(0);
  const uffd = openUffd(k);
  const [anon, { addr }] = [mapAnon(k, 1), mapFile(k, 1)];
  for (const at of [anon, addr]) {
    uffd.register(at, P, MISSING);
    expect(copy(k, uffd.fd, at, source, P)).toEqual({ errno: 'ENOMEM', out: -u.ENOMEM });
  }
});

it('COPY that finds no room for the index of the file gives its frame back', () => {
  const { k, source } = machineWith(2); // the index needs two
  const uffd = openUffd(k);
  const { addr } = mapFile(k, 1);
  uffd.register(addr, P, MISSING);
  expect(copy(k, uffd.fd, addr, source, P)).toEqual({ errno: 'ENOMEM', out: -u.ENOMEM });
  expect(k.memory().bytes).toBe(P);
  const anon = mapAnon(k, 1);
  k.store32(anon, 5);
  expect([k.load32(anon), k.memory().bytes]).toEqual([5, 2 * P]);
});

it('ZEROPAGE of a file is ENOMEM without a frame, and where the index has no room', () => {
  for (const frames of [0, 1, 2]) {
    const { k } = machineWith(frames);
    const uffd = openUffd(k);
    const { addr } = mapFile(k, 1);
    uffd.register(addr, P, MISSING);
    expect(zeropage(k, uffd.fd, addr, P)).toEqual({ errno: 'ENOMEM', out: -u.ENOMEM });
    expect(k.memory().bytes).toBe(P);
  }
});

it('an access is a bus error that says so: to private memory, to a file, and where a page must be copied', () => {
  const { k } = machineWith(0);
  const [anon, { addr }] = [mapAnon(k, 1), mapFile(k, 1)];
  expect(k.load32(anon)).toBe(0); // the page of zeros
  for (const at of [anon, addr]) expect(() => k.store32(at, 1)).toThrow(OUT_OF_MEMORY);
  expect(() => k.load32(addr)).toThrow(OUT_OF_MEMORY);

  const other = openMachine({ memoryBytes: 3 * P }); // a page of a file, and its index
  const { fd, alias } = mapFile(other, 1);
  other.store32(alias, 4);
  const own = ok(other.mmap(0, P, RW, u.MAP_PRIVATE, fd, 0));
  expect(() => other.store32(own, 1)).toThrow(OUT_OF_MEMORY);
  expect(other.load32(own)).toBe(4);
  expect(() => other.store32(own, 1)).toThrow(OUT_OF_MEMORY);
  expect(other.load32(mapAnon(other, 1))).toBe(0); // no page was copied over the page of zeros
});

it('system calls have their own words: ENOMEM of MADV_POPULATE, ENOSPC of a write', () => {
  const { k, source } = machineWith(0);
  const [anon, { fd, addr }] = [mapAnon(k, 1), mapFile(k, 1)];
  expect(said(k.madvise(anon, P, u.MADV_POPULATE_WRITE))).toBe('ENOMEM');
  expect(said(k.madvise(addr, P, u.MADV_POPULATE_READ))).toBe('ENOMEM');
  expect(said(k.pwrite(fd, source, P, 0))).toBe('ENOSPC');
  const mapped = ok(k.mmap(0, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_POPULATE, -1, 0));
  expect(k.pagemap(mapped).present).toBe(false);
});

it('the index of a file is given back with it, however far apart its pages are', () => {
  const { k } = machineWith(8);
  for (let round = 0; round < 50; round++) {
    const fd = ok(k.memfd_create('sparse', 0));
    ok(k.ftruncate(fd, 2000 * P));
    // Each needs an index of its own, and the two one above them.
    for (const page of [0, 1999]) ok(k.fallocate(fd, 0, page * P, P));
    expect(k.memory().bytes).toBe(3 * P);
    ok(k.close(fd));
  }
  const fd = ok(k.memfd_create('full', 0));
  ok(k.ftruncate(fd, 20 * P));
  expect(k.fallocate(fd, 0, 0, 20 * P)).toBe(-u.ENOSPC);
  expect(k.memory().bytes).toBe(P);
});
