/** The pool of huge pages: its size, what mmap reserves in it, and what an access finds when it is empty. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { H, HUGE_ANON, hugeFile, left, mapHuge, openHugeMachine } from './huge.js';
import { accessed, mapAnon, openMachine, P, RW, said } from './machine.js';

it('is taken out of memory, of which some must be left', () => {
  for (const hugePages of [-1, 0.5, 2, Number.NaN])
    expect(() => openMachine({ memoryBytes: 2 * H, hugePages })).toThrow(
      `hugePages: ${hugePages} is not from 0 to 1: they are 2 MiB each, of ${2 * H} bytes of memory, and some must be left`,
    );
  expect(left(openMachine({ memoryBytes: H / 2 }))).toBe(0);
  const k = openMachine({ memoryBytes: 2 * H, addressBytes: 8 * H, hugePages: 1 });
  const small = mapAnon(k, 1024);
  let pages = 0;
  while (accessed(() => k.store32(small + pages * P, 1)) === 'ok') pages++;
  expect([pages, left(k)]).toEqual([512, 1]);
});

it('every thread sees the same pool', () => {
  const k = openHugeMachine(2);
  const other = u.openKernel(k.handle());
  const addr = other.mmap(0, H, RW, HUGE_ANON, -1, 0);
  other.store32(addr, 5);
  expect([k.load32(addr), left(k)]).toEqual([5, 1]);
});

/** What is left of 8 after each step; as Linux 6.18 has it, by HugePages_Free − HugePages_Rsvd of /proc/meminfo. */
it('a file has what is mapped of it reserved, until it is cut off or gone', () => {
  const k = openHugeMachine(8);
  const fd = hugeFile(k, 4);
  const punched = u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE;
  const steps: [string, number, () => unknown][] = [
    ['two pages mapped', 6, () => mapHuge(k, fd, 2)],
    ['all four of them', 4, () => mapHuge(k, fd, 4)],
    ['none', 4, () => unmapAll(k)],
    ['touched', 4, () => k.store32(mapHuge(k, fd, 4), 1)],
    ['what was touched is punched', 5, () => k.fallocate(fd, punched, 0, H)],
    ['what was not', 5, () => k.fallocate(fd, punched, H, H)],
    ['touched again', 4, () => k.store32(mapHuge(k, fd, 1), 1)],
    ['cut down to that', 7, () => k.ftruncate(fd, H)],
    ['grown', 7, () => k.ftruncate(fd, 4 * H)],
    ['allocated', 6, () => k.fallocate(fd, 0, 3 * H, H)],
    ['closed, and still mapped', 6, () => k.close(fd)],
    ['gone', 8, () => unmapAll(k)],
  ];
  for (const [what, wanted, step] of steps) {
    step();
    expect(`${what}: ${left(k)}`).toBe(`${what}: ${wanted}`);
  }
  expect(k.memory().bytes).toBe(0);
});

/** Everything that the machine has mapped. */
function unmapAll(k: u.Kernel): void {
  expect(k.munmap(0, 64 * H)).toBe(0);
}

it('a mapping that is only read has its file’s pages reserved past the end too', () => {
  const k = openHugeMachine(8);
  const fd = hugeFile(k, 2);
  mapHuge(k, fd, 6, 0, u.PROT_READ);
  expect(left(k)).toBe(2);
  k.ftruncate(fd, 3 * H);
  expect(left(k)).toBe(5);
});

it('a private mapping has a page reserved for each that it has not', () => {
  const k = openHugeMachine(8);
  const fd = hugeFile(k, 4);
  const addr = mapHuge(k, fd, 4, 0, RW, u.MAP_PRIVATE);
  const reserved = left(k);
  k.store32(addr, 1);
  k.load32(addr + H);
  expect([reserved, left(k), k.memory().bytes]).toEqual([4, 4, 2 * H]);
  k.madvise(addr, 2 * H, u.MADV_DONTNEED);
  expect([left(k), k.memory().bytes]).toEqual([4, 0]);
  k.munmap(addr + H, 2 * H);
  expect(left(k)).toBe(6);
  const to = 40 * H;
  expect(k.mremap(addr, H, H, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, to)).toBe(to);
  k.store32(to, 1);
  expect(left(k)).toBe(6);
  k.munmap(to, H);
  k.munmap(addr + 3 * H, H);
  expect([left(k), k.memory().bytes]).toEqual([8, 0]);
});

it('mmap without enough of them is ENOMEM; without a reservation the access finds none left, and says so', () => {
  const k = openHugeMachine(2);
  const fd = hugeFile(k, 4);
  expect(said(k.mmap(0, 3 * H, RW, u.MAP_SHARED, fd, 0))).toBe('ENOMEM');
  expect(said(k.mmap(0, 3 * H, RW, HUGE_ANON, -1, 0))).toBe('ENOMEM');
  expect(left(k)).toBe(2);
  const addr = mapHuge(k, fd, 4, 0, RW, u.MAP_SHARED | u.MAP_NORESERVE);
  for (const page of [0, 1]) k.store32(addr + page * H, 1);
  const outOf = () => k.store32(addr + 2 * H + 8, 1);
  expect(outOf).toThrow(
    /^SIGBUS at 0x.*: the machine has no huge page left; open it with more \(hugePages\)$/,
  );
  expect(outOf).toThrow(expect.objectContaining({ address: addr + 2 * H + 8, outOfMemory: true }));
  const small = k.memfd_create('small', 0);
  expect(said(k.pwrite(small, addr + 2 * H, 1, 0))).toBe('EFAULT');
  expect(said(k.fallocate(fd, 0, 3 * H, H))).toBe('ENOSPC');
  k.fallocate(fd, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, 0, H);
  outOf();
  expect(k.load32(addr + 2 * H + 8)).toBe(1);
});

it('what is reserved is not taken by who has not reserved', () => {
  const k = openHugeMachine(2);
  const [mine, others] = [hugeFile(k, 1), hugeFile(k, 2)];
  const addr = mapHuge(k, mine, 1);
  const greedy = mapHuge(k, others, 2, 0, RW, u.MAP_SHARED | u.MAP_NORESERVE);
  k.store32(greedy, 1);
  expect(accessed(() => k.store32(greedy + H, 1))).toBe('SIGBUS');
  k.store32(addr, 7);
  expect(k.load32(addr)).toBe(7);
});

it('a page is zero when somebody else gets it', () => {
  const k = openHugeMachine(1);
  for (let round = 0; round < 3; round++) {
    const addr = k.mmap(0, H, RW, HUGE_ANON, -1, 0);
    for (const at of [0, P, H - 4]) expect(k.load32(addr + at)).toBe(0);
    for (const at of [0, P, H - 4]) k.store32(addr + at, 9);
    k.munmap(addr, H);
  }
});
