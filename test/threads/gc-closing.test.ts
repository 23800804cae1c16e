/** A heap can be closed at any moment, and more than once; whoever still waits for something of it is told. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { openHeap } from '../../dist/gc/index.js';
import { fixture, KERNEL, MIB, MODES_HERE, rejection, sharedWords } from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

const open = (options = {}) => openHeap({ kernel: KERNEL, heapBytes: MIB, mutators: 2, ...options });
const untilSet = async (words: Int32Array) => {
  while (Atomics.load(words, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
};

/** Of a collection that was asked for before the end: its record, if it was in time. */
const recordOrClosed = (outcome: { number?: number; code?: string }) =>
  typeof outcome.number === 'number' || outcome.code === 'HEAP_CLOSED';

describe.each(MODES_HERE)('%s', (mode) => {
  it('that nobody used', async () => {
    const heap = await open({ mode, gcThreads: 3, faultThreads: 3 });
    await heap.close();
  });

  it('in the middle of collections that nobody waits for', async () => {
    for (let round = 0; round < 4; round++) {
      const heap = await open({ mode, gcThreads: 2, faultThreads: 2 });
      const collections = [heap.collect(), heap.collect()].map((one) => one.catch((error) => error));
      await heap.close();
      for (const outcome of await Promise.all(collections)) {
        expect(outcome).toSatisfy(recordOrClosed);
      }
    }
  });

  it.each(['forever', 'deaf', 'waits'])('while a mutator runs: %s', async (program) => {
    const heap = await open({ mode });
    const words = sharedWords();
    const { done } = heap.spawn(fixture('programs'), { program, words });
    await untilSet(words);
    const collected = heap.collect().catch((error) => error);
    await heap.close();
    expect(await rejection(done)).toMatchObject({ code: 'HEAP_CLOSED' });
    expect(await collected).toSatisfy(recordOrClosed);
  });
});

it('right after a mutator was spawned', async () => {
  const heap = await open();
  const { done } = heap.spawn(fixture('programs'), { program: 'forever' });
  await heap.close();
  expect(await rejection(done)).toMatchObject({ code: 'HEAP_CLOSED' });
});

it('twice, and both wait for the end', async () => {
  const heap = await open();
  heap.spawn(fixture('programs'), { program: 'forever' });
  const both = [heap.close(), heap.close()];
  await both[1];
  expect(workersLeft()).toBe(0);
  await Promise.all(both);
  await heap.close();
});

it('after its collector died with nobody running', async () => {
  const heap = await open({ verify: true });
  const { done } = heap.spawn(fixture('vandal'), { kind: 'root' });
  await rejection(done);
  await heap.close();
  expect((await rejection(heap.failure)).message).toMatch(/^collector failed/);
});

it('and is not used again', async () => {
  const heap = await open();
  await heap.close();
  expect(() => heap.spawn(fixture('programs'), { program: 'forever' })).toThrow('the heap was closed');
  expect(await rejection(heap.collect())).toMatchObject({ code: 'HEAP_CLOSED' });
});

/** Addresses that this process has taken, in bytes. */
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    gc();
    await sleep(20);
  }
}

const addresses = () => 1024 * Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

describe.runIf(KERNEL === 'linux')('addresses', () => {
  it.each(MODES_HERE)('%s: are given back, a GiB and more a heap', async (mode) => {
    const useOne = async () => {
      const heap = await open({ mode });
      await heap.spawn(fixture('programs'), { program: 'list', length: 1000, collections: 1 }).done;
      await heap.close();
    };
    await useOne(); // whose threads leave what Node keeps for the next
    await collectGarbage();
    const before = addresses();
    await useOne();
    await useOne();
    // Linear memory is V8's, and goes with its garbage.
    await collectGarbage();
    expect(addresses() - before).toBeLessThan(2 ** 30);
  });
});
