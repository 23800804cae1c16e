/** Reading private memory where nothing is: it maps the page of zeros, or a page of its own. */
import { expect, it } from 'vitest';
import { mapsZeroPage } from '../../dist/bench/litmus/like-host.js';
import * as u from '../../dist/uffd/index.js';
import { chooseKernel } from '../../dist/uffd/open.js';
import { attachSim } from '../../dist/uffd/sim/kernel.js';
import { mapAnon, mapFile, openMachine, P, RW } from './machine.js';

const { kernel, why } = chooseKernel('auto', u.UFFD_FEATURE_PAGEFAULT_FLAG_WP);
const here = kernel === 'linux' ? '' : ` (skipped: ${why})`;

it.each([
  [undefined, 0],
  [true, 0],
  [false, 1],
])('zeroPage: %s: a page that was read takes %d', (zeroPage, pages) => {
  const k = openMachine({ zeroPage });
  const addr = mapAnon(k, 1);
  expect(k.load32(addr)).toBe(0);
  expect(k.memory().bytes).toBe(pages * P);
  k.store32(addr, 7);
  expect(k.load32(addr)).toBe(7);
  expect(k.memory().bytes).toBe(P);
});

it.each([true, false])(
  'zeroPage: %s: what may only be read stays so when it was, until it may be written',
  (zeroPage) => {
    const k = openMachine({ zeroPage });
    const addr = mapAnon(k, 1, u.PROT_READ);
    expect(k.load32(addr)).toBe(0);
    expect(() => k.store32(addr, 7)).toThrow(/SIGSEGV/);
    k.mprotect(addr, P, RW);
    k.store32(addr, 7);
    expect(k.load32(addr)).toBe(7);
  },
);

it('of a file nothing changes: what is read is the page of the file', () => {
  const k = openMachine({ zeroPage: false });
  const { addr, alias } = mapFile(k, 1);
  k.load32(addr);
  k.store32(alias, 7);
  expect(k.load32(addr)).toBe(7);
  expect(k.memory().bytes).toBe(P);
});

it.each([true, false])('zeroPage: %s is what programs find out, also who attaches', (zeroPage) => {
  const k = openMachine({ zeroPage });
  const attached = attachSim(k.handle() as Parameters<typeof attachSim>[0]);
  try {
    expect([k, attached].map(mapsZeroPage)).toEqual([zeroPage, zeroPage]);
  } finally {
    attached.dispose();
  }
});

it('beside another release, architecture and word size', () => {
  const k = openMachine({ zeroPage: false, linux: '6.1', arch: 'arm64' });
  const addr = mapAnon(k, 1);
  k.load32(addr);
  expect(k.memory().bytes).toBe(P);
});

it.skipIf(kernel !== 'linux')(`the host's kernel is the one or the other, each time${here}`, () => {
  const k = u.openKernel('linux');
  try {
    const found = Array.from({ length: 3 }, () => mapsZeroPage(k));
    expect(new Set(found).size).toBe(1);
  } finally {
    k.dispose();
  }
});
