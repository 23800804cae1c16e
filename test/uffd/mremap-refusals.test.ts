/** What mremap refuses: checked against Linux 6.18. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, mapFile, ok, openMachine, P, RW, said } from './machine.js';

const [MOVE, FIXED, KEEP] = [u.MREMAP_MAYMOVE, u.MREMAP_FIXED, u.MREMAP_DONTUNMAP];

it('mremap names what is wrong with its arguments', () => {
  const k = openMachine();
  const r = mapAnon(k, 4);
  const wall = mapAnon(k, 1); // right behind, so that r cannot grow in place
  expect(wall).toBe(r + 4 * P);
  k.mprotect(wall, P, u.PROT_NONE);
  const free = 4 << 20;
  const { addr: shared } = mapFile(k, 2);
  const remap = (old: number, length: number, to: number, flags: number, addr = 0) =>
    said(k.mremap(old, length, to, flags, addr));
  // biome-ignore format: a table
  const cases: [string, string, string][] = [
    ['unaligned', remap(r + 1, P, P, 0), 'EINVAL'],
    ['to nothing', remap(r, P, 0, 0), 'EINVAL'],
    ['to a negative length', remap(r, P, -P, MOVE), 'EINVAL'],
    ['negative address', remap(-P, P, P, MOVE), 'EFAULT'],
    ['unknown flag', remap(r, P, P, 8), 'EINVAL'],
    ['fixed without maymove', remap(r, P, P, FIXED, free), 'EINVAL'],
    ['dontunmap without maymove', remap(r, P, P, KEEP), 'EINVAL'],
    ['dontunmap and another size', remap(r, P, 2 * P, KEEP | MOVE), 'EINVAL'],
    ['dontunmap, unaligned hint', remap(r, P, P, KEEP | MOVE, 1), 'EINVAL'],
    ['dontunmap, overlapping hint', remap(r, 2 * P, 2 * P, KEEP | MOVE, r + P), 'EINVAL'],
    ['fixed, unaligned', remap(r, P, P, MOVE | FIXED, free + 1), 'EINVAL'],
    ['fixed, negative', remap(r, P, P, MOVE | FIXED, -P), 'EINVAL'],
    ['fixed, past user addresses', remap(r, P, P, MOVE | FIXED, 0x7ffffffff000), 'EINVAL'],
    ['fixed, past this machine', remap(r, P, P, MOVE | FIXED, 8 << 20), 'ENOMEM'],
    ['fixed, overlapping', remap(r, 2 * P, 2 * P, MOVE | FIXED, r + P), 'EINVAL'],
    ['fixed, overlapping itself', remap(r, P, P, MOVE | FIXED, r), 'EINVAL'],
    ['no room to grow', remap(r, 4 * P, 8 * P, 0), 'ENOMEM'],
    ['part of a mapping, no room', remap(r, P, 2 * P, 0), 'ENOMEM'],
    ['more than there is', remap(r, P, 2 ** 46, MOVE), 'ENOMEM'],
    ['more than there can be', remap(r, P, 2 ** 60, MOVE), 'EINVAL'],
    ['unmapped', remap(free, P, P, MOVE), 'EFAULT'],
    ['growing past its mapping', remap(r, 5 * P, 6 * P, MOVE), 'EFAULT'],
    ['growing past its mapping, to a fixed place', remap(r, 5 * P, 6 * P, MOVE | FIXED, free), 'EFAULT'],
    ['moving from a hole on', remap(r - P, 5 * P, 5 * P, MOVE | FIXED, free), 'EFAULT'],
    ['dontunmap without an address, past its mapping', remap(r, 5 * P, 5 * P, MOVE | KEEP), 'EFAULT'],
    ['old length 0, private', remap(r, 0, P, MOVE), 'EINVAL'],
    ['old length 0, shared, without maymove', remap(shared, 0, P, 0), 'ENOMEM'],
    ['same size, across mappings, in place', remap(r, 5 * P, 5 * P, MOVE), 'ok'],
    ['same size, across mappings, to a fixed place', remap(r, 5 * P, 5 * P, MOVE | FIXED, free), 'ok'],
  ];
  for (const [what, got, wanted] of cases) expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
});

it('a refused move unmaps nothing, neither here nor there', () => {
  const k = openMachine();
  const [a, b] = [mapAnon(k, 4), mapAnon(k, 4)];
  k.store32(a + 3 * P, 1);
  k.store32(b, 2);
  k.munmap(a + 2 * P, P);
  expect(said(k.mremap(a, 4 * P, 3 * P, MOVE | FIXED, b))).toBe('EFAULT');
  expect([k.load32(a + 3 * P), k.load32(b)]).toEqual([1, 2]);
  expect(ok(k.mmap(a + 2 * P, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE, -1, 0))).toBe(
    a + 2 * P,
  );
});
