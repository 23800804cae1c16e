/** The real kernel's mremap, and what is known of both places after it: whatever another thread does meanwhile. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import type { Libc } from '../../dist/uffd/linux/libc.js';
import { createMachine, isOurs, type LinuxMachine } from '../../dist/uffd/linux/machine.js';
import { map, unmap } from '../../dist/uffd/linux/mappings.js';
import { memoryUse } from '../../dist/uffd/linux/memory.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { remap } from '../../dist/uffd/linux/remap.js';

const P = u.PAGE_BYTES;
const PAGES = 8;
const LENGTH = PAGES * P;
const RW = u.PROT_READ | u.PROT_WRITE;
const PRIVATE = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
const MOVES_PAGES = u.MREMAP_MAYMOVE | u.MREMAP_FIXED | u.MREMAP_DONTUNMAP;
const { kernel: available, why } = u.chooseKernel('auto', u.UFFD_FEATURE_MOVE);
if (available === 'sim') console.warn(`SKIPPED: tests of the real kernel: ${why}`);

beforeEach((context) => context.skip(available === 'sim', why));

describe('pages are counted once, where they are now', () => {
  it.each(['file', 'private'] as const)('of a %s mapping', (kind) => {
    const k = u.openKernel('linux');
    onTestFinished(() => k.dispose());
    const fd = k.memfd_create('moved', 0);
    k.ftruncate(fd, LENGTH);
    const file = k.mmap(0, LENGTH, RW, u.MAP_SHARED, fd, 0);
    const anonymous = k.mmap(0, LENGTH, RW, PRIVATE, -1, 0);
    const [from, to] = kind === 'file' ? [file, anonymous] : [anonymous, file];
    for (let page = 0; page < PAGES; page++) k.store32(from + page * P, page + 1);
    expect(k.memory().bytes).toBe(LENGTH);
    expect(k.mremap(from, LENGTH, LENGTH, MOVES_PAGES, to)).toBe(to);
    expect(k.memory().bytes).toBe(LENGTH);
    expect(k.load32(to + 3 * P)).toBe(4);
  });
});

/** A machine in which `meanwhile` is done by another thread, as it were, just after the call has moved the pages. */
function moveWhile(meanwhile: (libc: Libc, m: LinuxMachine, to: number) => void): {
  m: LinuxMachine;
  to: number;
} {
  const libc = probeLinux().libc as Libc;
  const m = createMachine(libc, null);
  const place = { addr: 0, length: LENGTH, prot: RW, flags: PRIVATE, fd: -1, offset: 0 };
  const [from, to] = [map(libc, m, place), map(libc, m, place)];
  onTestFinished(() => {
    for (const start of [from, to]) unmap(libc, m, start, LENGTH);
  });
  const racing: Libc = {
    ...libc,
    mremap(...operands) {
      const answer = libc.mremap(...operands);
      meanwhile(libc, m, to);
      return answer;
    },
  };
  const move = { old: from, oldLength: LENGTH, newLength: LENGTH, flags: MOVES_PAGES, newAddr: to };
  expect(remap(racing, m, move)).toBe(to);
  return { m, to };
}

it('what is unmapped meanwhile is not ours any more, and the rest is', () => {
  const { m, to } = moveWhile((libc, machine, at) => unmap(libc, machine, at + 2 * P, 3 * P));
  const ours = Array.from({ length: PAGES }, (_, page) => isOurs(m, to + page * P, P));
  expect(ours).toEqual([true, true, false, false, false, true, true, true]);
  expect(memoryUse(m, probeLinux().libc as Libc).bytes).toBe(0);
});

it('with nobody else about, all of it is', () => {
  const { m, to } = moveWhile(() => {});
  expect(isOurs(m, to, LENGTH)).toBe(true);
});
