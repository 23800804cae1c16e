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
  workersInside,
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
  const maker = { tables, cycle, thread, unit: 1, mode: { concurrent }, events: { emit: () => {} } };
  flip(maker as unknown as Maker, prepare(space.view, tables, 512), 512);
  return { during, after: isOpen() };
}

it('it is closed until the range is mapped and watched, and open then', () => {
  expect(flipped(true)).toEqual({ during: false, after: true });
});

it('it stays closed where all pages are made in the pause', () => {
  expect(flipped(false)).toEqual({ during: false, after: false });
});

it('nobody gets in once it is closed', () => {
  const cycle = openCycle(allocateCycle());
  expect(enterWork(cycle)).toBe(false);
  openWork(cycle);
  expect([enterWork(cycle), enterWork(cycle), workersInside(cycle)]).toEqual([true, true, 2]);
  leaveWork(cycle);
  leaveWork(cycle);
  closeWork(cycle);
  expect([enterWork(cycle), workersInside(cycle)]).toEqual([false, 0]);
});

/** Starts a thread that runs the statements, with the module of the door and the words. */
function threadAtTheDoor(shared: SharedArrayBuffer, statements: string): { readonly ended: Promise<number> } {
  const program = `
    import { workerData } from 'node:worker_threads';
    const { closeWork, enterWork, openCycle } = await import(workerData.module);
    const cycle = openCycle(workerData.shared);
    ${statements}
  `;
  const module = new URL('../../dist/gc/cycle.js', import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  const worker = new Worker(url, { workerData: { module, shared } });
  return { ended: new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject)) };
}

const nextTurn = () => new Promise<string>((resolve) => setImmediate(resolve, 'waits'));

// The checker counts them once the door is closed (E1), while fault threads read messages that came late.
it('who comes to a closed door is not counted, not even for a moment', async () => {
  const shared = allocateCycle();
  const cycle = openCycle(shared);
  const { ended } = threadAtTheDoor(
    shared,
    `while (Atomics.load(cycle, ${CYCLE.ending}) < 2) {
       if (enterWork(cycle)) throw new Error('let in');
       Atomics.or(cycle, ${CYCLE.ending}, 1);
     }`,
  );
  while (cycle[CYCLE.ending] === 0) await Promise.race([nextTurn(), ended]);
  let counted = 0;
  for (let look = 0; look < 1_000_000; look++) counted = Math.max(counted, workersInside(cycle));
  Atomics.store(cycle, CYCLE.ending, 3);
  expect(counted).toBe(0);
  expect(await ended).toBe(0);
});

it('closing waits for those inside', async () => {
  const shared = allocateCycle();
  const cycle = openCycle(shared);
  openWork(cycle);
  expect([enterWork(cycle), enterWork(cycle)]).toEqual([true, true]);
  const { ended } = threadAtTheDoor(shared, 'closeWork(cycle);');
  while (enterWork(cycle)) {
    leaveWork(cycle);
    await nextTurn();
  }
  leaveWork(cycle);
  expect(await Promise.race([ended, nextTurn()])).toBe('waits');
  leaveWork(cycle);
  expect(await ended).toBe(0);
});
