/** The locks of uffd/sync: nobody beside a writer, no update lost, and a waiter that is killed blocks nobody. */
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import * as sync from '../../dist/uffd/sync.js';
import { until } from '../uffd/machine.js';
import { within } from './stress.js';

function start(words: Int32Array, role: string, rounds: number): { worker: Worker; done: Promise<void> } {
  const worker = new Worker(new URL('./uffd-locks-thread.mjs', import.meta.url), {
    workerData: { words, role, rounds },
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const done = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (message) => message === 'done' && resolve());
  });
  return { worker, done };
}

const sharedWords = () => new Int32Array(new SharedArrayBuffer(4 * 64));

it('readers and writers never meet, and every write counts', async () => {
  const words = sharedWords();
  const roles = ['write', 'write', 'read', 'read', 'mutex', 'mutex'];
  await within(
    50_000,
    'readers and writers',
    Promise.all(roles.map((role) => start(words, role, 20_000).done)),
  );
  expect([words[0], words[1], words[8]]).toEqual([0, 0, 0]);
  expect([words[16], words[20], words[24]]).toEqual([40_000, 40_000, 40_000]);
});

it('a reader that is killed while it waits keeps no writer out', async () => {
  const words = sharedWords();
  sync.lockExclusive(words, 0);
  const { worker } = start(words, 'wait', 1);
  await until(() => (words[0] as number) > 1 << 30, 'the reader waits');
  await worker.terminate();
  sync.unlockExclusive(words, 0);
  for (let round = 0; round < 3; round++) {
    sync.lockExclusive(words, 0);
    expect(sync.isExclusiveWanted(words, 0)).toBe(true);
    sync.unlockExclusive(words, 0);
  }
  sync.lockShared(words, 0);
  sync.unlockShared(words, 0);
  expect([words[0], words[1], sync.isExclusiveWanted(words, 0)]).toEqual([0, 0, false]);
});

it('readers go in together, and a waiting writer is seen by who holds the lock shared', async () => {
  const words = sharedWords();
  sync.lockShared(words, 0);
  sync.lockShared(words, 0);
  expect(sync.isExclusiveWanted(words, 0)).toBe(false);
  const { done } = start(words, 'write', 1);
  await until(() => sync.isExclusiveWanted(words, 0), 'the writer waits');
  expect(words[16]).toBe(0);
  sync.unlockShared(words, 0);
  sync.unlockShared(words, 0);
  await within(10_000, 'the writer', done);
  expect(words[16]).toBe(1);
});
