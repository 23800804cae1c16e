/**
 * Mutators fault on watched memory, two handlers answer, and a fourth party takes pages away all the time: every
 * access ends (no wake is lost), and shows what was put there.
 */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MINOR, MISSING, ok, openMachine, openUffd, P, RW } from '../uffd/machine.js';
import { startJob, within } from './stress.js';

const [FILE_PAGES, ANON_PAGES] = [24, 24];
const PAGES = FILE_PAGES + ANON_PAGES;
/** Faults that each mutator has to sleep in. */
const STALLS = 2000;

it('no wake is lost and no page is wrong', async () => {
  const seed = Date.now() & 0xffff;
  const k = openMachine({ memoryBytes: (2 * PAGES + 20) * P });
  const uffd = openUffd(k, 0);
  const area = ok(k.mmap(0, PAGES * P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0));
  const file = k.memfd_create('f', 0);
  k.ftruncate(file, FILE_PAGES * P);
  ok(k.mmap(area, FILE_PAGES * P, RW, u.MAP_SHARED | u.MAP_FIXED, file, 0));
  const source = ok(k.mmap(0, PAGES * P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0));
  for (let page = 0; page < PAGES; page++) k.store32(source + page * P, page + 1);
  uffd.register(area, FILE_PAGES * P, MISSING | MINOR);
  uffd.register(area + FILE_PAGES * P, ANON_PAGES * P, MISSING);
  const shared = { addr: area, pages: PAGES, fd: uffd.fd, source, file, filePages: FILE_PAGES };
  const servants = [
    startJob(k, 'handle', { ...shared, seed }),
    startJob(k, 'handle', { ...shared, seed: seed + 1 }),
    startJob(k, 'disturb', { ...shared, seed: seed + 2 }),
  ];
  const mutators = [3, 4, 5].map((n) => startJob(k, 'mutate', { ...shared, wanted: STALLS, seed: seed + n }));
  const stalls = await within(50_000, `seed ${seed}`, Promise.race([Promise.all(mutators), ...servants]));
  for (const count of stalls as number[]) expect(count).toBeGreaterThanOrEqual(STALLS);
  k.dispose();
  expect(await Promise.all(servants)).toEqual(['gone', 'gone', 'gone']);
});
