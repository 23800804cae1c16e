/**
 * Fault threads that answer by MOVE out of buffers of their own, on a machine with hardly a frame to spare: every
 * access ends, and shows its own page, though frames go round through buffers and watched memory all the time.
 */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MISSING, mapAnon, openMachine, openUffd, P } from '../uffd/machine.js';
import { startJob, within } from './stress.js';

const PAGES = 24;
/** Faults that each mutator has to sleep in. */
const STALLS = 2000;

it('no wake is lost, no page is wrong and no frame is lost', async () => {
  const seed = Date.now() & 0xffff;
  const k = openMachine({ memoryBytes: (PAGES + 6) * P });
  const uffd = openUffd(k, 0, u.UFFD_FEATURE_MOVE);
  const addr = mapAnon(k, PAGES);
  uffd.register(addr, PAGES * P, MISSING);
  const shared = { addr, pages: PAGES, fd: uffd.fd, filePages: 0, file: -1 };
  const servants = [
    startJob(k, 'handleByMove', { ...shared, seed }),
    startJob(k, 'handleByMove', { ...shared, seed: seed + 1 }),
    startJob(k, 'disturb', { ...shared, seed: seed + 2 }),
  ];
  const mutators = [3, 4, 5].map((n) => startJob(k, 'mutate', { ...shared, wanted: STALLS, seed: seed + n }));
  const stalls = await within(50_000, `seed ${seed}`, Promise.race([Promise.all(mutators), ...servants]));
  for (const count of stalls as number[]) expect(count).toBeGreaterThanOrEqual(STALLS);
  expect(k.memory().peakBytes).toBeLessThanOrEqual((PAGES + 4) * P);
  k.dispose();
  expect(await Promise.all(servants)).toEqual(['gone', 'gone', 'gone']);
});
