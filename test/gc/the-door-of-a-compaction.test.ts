/**
 * Fault threads work on pages only while the range is watched: from after the flip until before the end. A fault
 * thread may hold a message for as long as it likes, so it can come with it at any moment.
 */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  allocateCycle,
  CYCLE,
  closeWork,
  enterWork,
  leaveWork,
  openCycle,
  openWork,
} from '../../dist/gc/cycle.js';
import type { Maker } from '../../dist/gc/maker.js';
import { flip } from '../../dist/gc/phases/flip.js';
import { prepare } from '../../dist/gc/phases/prepare.js';
import { makeImage, thing } from './heap-image.ts';

/** Flips a small heap; tells whether the door was open while the mapping was changed, and afterwards. */
function flipped(concurrent: boolean): { during: boolean; after: boolean } {
  const { tables, space } = makeImage([thing(1, 0, 9)], 2);
  const cycle = openCycle(allocateCycle());
  const isOpen = () => {
    const entered = enterWork(cycle);
    if (entered) leaveWork(cycle);
    return entered;
  };
  let during = true;
  const thread = {
    flip: () => {
      during = isOpen();
    },
  };
  const maker = { tables, cycle, thread, mode: { concurrent }, events: { emit: () => {} } };
  flip(maker as unknown as Maker, prepare(space.view, tables, 512), 512);
  return { during, after: isOpen() };
}

it('it is closed until the range is mapped and watched, and open then', () => {
  expect(flipped(true)).toEqual({ during: false, after: true });
});

it('it stays closed where all pages are made in the pause', () => {
  expect(flipped(false)).toEqual({ during: false, after: false });
});

it('nobody gets in once it is closed, and nobody is counted who did not', () => {
  const cycle = openCycle(allocateCycle());
  expect(enterWork(cycle)).toBe(false);
  openWork(cycle);
  expect([enterWork(cycle), enterWork(cycle), cycle[CYCLE.workers]]).toEqual([true, true, 2]);
  leaveWork(cycle);
  leaveWork(cycle);
  closeWork(cycle);
  expect([enterWork(cycle), cycle[CYCLE.workers]]).toEqual([false, 0]);
});

it('closing waits for those inside', async () => {
  const shared = allocateCycle();
  const cycle = openCycle(shared);
  openWork(cycle);
  expect(enterWork(cycle)).toBe(true);
  const closing = `
    import { workerData } from 'node:worker_threads';
    const { closeWork, openCycle } = await import(workerData.module);
    closeWork(openCycle(workerData.shared));
  `;
  const module = new URL('../../dist/gc/cycle.js', import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(closing)}`);
  const worker = new Worker(url, { workerData: { module, shared } });
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  while (cycle[CYCLE.open] === 1) await new Promise((resolve) => setImmediate(resolve));
  expect(enterWork(cycle)).toBe(false);
  expect(await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, 'waits'))])).toBe('waits');
  leaveWork(cycle);
  expect(await ended).toBe(0);
});
