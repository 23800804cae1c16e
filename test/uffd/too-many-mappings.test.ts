/** As many mappings as the machine can have (Linux: vm.max_map_count, 65530): what would make more is ENOMEM. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MISSING, mapAnon, openMachine, openUffd, P, RW, register, said, unregister } from './machine.js';

const MOST = 65530;

it('a call that would split mappings beyond the most there can be is ENOMEM, and changes nothing', () => {
  const k = openMachine({ memoryBytes: 16 * P, addressBytes: 65600 * P });
  const { fd } = openUffd(k);
  const base = mapAnon(k, MOST + 1);
  let split = 0;
  // Every other page is made another mapping: from one mapping on, two more each time.
  while (k.mprotect(base + (2 * split + 1) * P, P, u.PROT_READ) === 0) split++;
  expect(2 * split + 1).toBe(MOST - 1);

  const inside = base + MOST * P - P;
  const fixed = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED;
  const answers = [
    ['mprotect', said(k.mprotect(inside, P, u.PROT_READ))],
    ['mmap', said(k.mmap(inside, P, RW, fixed, -1, 0))],
    ['mremap', said(k.mremap(inside, P, 2 * P, u.MREMAP_MAYMOVE, 0))],
    ['register', register(k, fd, inside, P, MISSING).errno],
    ['unregister', unregister(k, fd, inside, P)],
  ];
  expect(answers).toEqual(answers.map(([name]) => [name, 'ENOMEM']));
  k.store32(inside, 5);
  expect(k.load32(inside)).toBe(5);

  expect(said(k.munmap(inside, P))).toBe('ok'); // one more: all there can be
  expect(said(k.mprotect(base, 2 * P, RW))).toBe('ENOMEM');
});

it('munmap is so only where it leaves something of one mapping on both sides', () => {
  const k = openMachine({ memoryBytes: 16 * P, addressBytes: 65600 * P });
  const base = mapAnon(k, MOST + 5);
  for (let page = 1; k.mprotect(base + page * P, P, u.PROT_READ) === 0; ) page += 2;
  const tail = base + (MOST - 2) * P; // seven pages, the last mapping
  const unmapped = (addr: number, pages: number): string => said(k.munmap(addr, pages * P));
  expect(unmapped(tail + P, 1)).toBe('ok'); // one more: all there can be
  expect(unmapped(tail + 4 * P, 1)).toBe('ENOMEM');
  expect(unmapped(tail + 2 * P, 1)).toBe('ok'); // the begin of a mapping
  expect(unmapped(tail + 6 * P, 1)).toBe('ok'); // the end
  expect(unmapped(tail + 4 * P, 1)).toBe('ENOMEM');
  expect(unmapped(base, 1)).toBe('ok'); // all of it: one less
  expect(unmapped(tail + 4 * P, 1)).toBe('ok');
});
