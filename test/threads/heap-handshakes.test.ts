/** Handshakes with running, blocked and ended mutators: each leaves a whole snapshot, and nobody sleeps for ever. */
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { allocateMetadata, CONTROL, openTables } from '../../dist/heap/layout.js';
import { attachMutator } from '../../dist/heap/mutator.js';
import {
  awaitHandshake,
  isHandshakeWanted,
  requestHandshake,
  stopTheWorld,
} from '../../dist/heap/safepoint.js';
import { arrayHeap } from '../heap/array-heap.js';
import { within } from './stress.js';

const geometry = { heapBytes: 64 * 4096, mutators: 3, rootSlots: 4, tlabPages: 1 };

const shareHeap = (rounds: number) => ({
  metadata: allocateMetadata(geometry),
  geometry,
  words: new Int32Array(new SharedArrayBuffer(4 * 128)),
  rounds,
});

function start(data: object): { ready: Promise<void>; done: Promise<void> } {
  const worker = new Worker(new URL('./heap-handshakes-thread.mjs', import.meta.url), { workerData: data });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const heard = (what: string) =>
    new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (message) => message === what && resolve());
    });
  return { ready: heard('ready'), done: heard('done') };
}

it('100,000 of them, with mutators that run, block and are stopped', async () => {
  const shared = shareHeap(100_000);
  const mutators = [0, 1, 2].map((index) => start({ ...shared, role: 'mutator', index }));
  await within(10_000, 'mutators start', Promise.all(mutators.map(({ ready }) => ready)));
  const collector = start({ ...shared, role: 'collector' });
  const all = [collector, ...mutators].map(({ done }) => done);
  await within(50_000, 'handshakes', Promise.all(all));
  // They have all ended: a handshake is the collector's to pass for them.
  const tables = openTables(shared.metadata, geometry);
  awaitHandshake(tables, requestHandshake(tables));
});

it('a mutator that leaves instead of passing', async () => {
  const shared = shareHeap(1);
  for (let time = 0; time < 5; time++) {
    const mutator = start({ ...shared, role: 'leaver', index: 1 });
    await within(10_000, 'the mutator starts', mutator.ready);
    await within(5000, 'the handshake', start({ ...shared, role: 'collector' }).done);
  }
});

it('a mutator passes at its next safepoint, and what it allocates then lies past what was handed out before', () => {
  const { mutator: m, tables, detach } = arrayHeap(64, { roots: 1 });
  m.setRoot(0, m.allocObject(0, 1));
  const top = (tables.control as Int32Array)[16] as number;
  const number = requestHandshake(tables);
  expect(isHandshakeWanted(tables, 0)).toBe(true);
  expect(m.allocObject(0, 1) >>> 9).toBeLessThan(top); // its buffer is not used up: no safepoint
  m.safepoint();
  expect(isHandshakeWanted(tables, 0)).toBe(false);
  awaitHandshake(tables, number);
  expect([...(tables.rootSnapshots[0] as Int32Array).subarray(0, 2)]).toEqual([1, m.root(0)]);
  expect(m.allocObject(0, 1) >>> 9).toBeGreaterThanOrEqual(top);
  detach();
});

it('a mutator that blocks passes by itself: the collector might always come too late', () => {
  const { mutator: m, tables, detach } = arrayHeap(64, { roots: 1 });
  m.setRoot(0, 5);
  requestHandshake(tables);
  m.blocked(() => {
    expect(isHandshakeWanted(tables, 0)).toBe(false);
    expect([...(tables.rootSnapshots[0] as Int32Array).subarray(0, 2)]).toEqual([1, 5]);
  });
  detach();
});

it('a world that is stopped when a mutator is done blocking: to wait for it counts, and nothing before', async () => {
  const shared = shareHeap(1);
  const tables = openTables(shared.metadata, geometry);
  const view = { load: () => 0, store() {}, enter() {}, quiesce() {}, leave() {}, onStall: null };
  const waits: (readonly [why: string, began: number, ended: number])[] = [];
  const onWait = (...wait: (typeof waits)[number]) => void waits.push(wait);
  const { mutator: m, detach } = attachMutator(view, tables, { index: 0, roots: 0, onWait });
  const resumer = start({ ...shared, role: 'resumer' });
  await within(10_000, 'the resumer starts', resumer.ready);
  const blockedUntil = m.blocked(() => {
    stopTheWorld(tables.control);
    Atomics.store(shared.words, 16, Atomics.load(tables.control, CONTROL.mutatorLock));
    Atomics.store(shared.words, 0, 1);
    Atomics.notify(shared.words, 0);
    return performance.now();
  });
  const ranAgain = performance.now();
  m.blocked(() => {}); // nobody is in its way
  expect(waits.map(([why]) => why)).toEqual(['safepoint']);
  const [, began = NaN, ended = NaN] = waits[0] ?? [];
  expect(began).toBeGreaterThanOrEqual(blockedUntil);
  expect(ended).toBeLessThanOrEqual(ranAgain);
  expect(ended - began).toBeGreaterThan(35); // the resumer sleeps longer, once this one waits
  expect(m.stoppedMs()).toBe(ended - began);
  detach();
});

it('the number of a handshake wraps round', () => {
  const { mutator: m, tables, detach } = arrayHeap(64, { roots: 1 });
  tables.control[CONTROL.handshake] = 2 ** 31 - 1;
  const number = requestHandshake(tables);
  m.safepoint();
  awaitHandshake(tables, number);
  expect(number).toBe(-(2 ** 31));
  detach();
});
