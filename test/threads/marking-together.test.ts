/** Several markers at once: every reachable object is scanned, each by one marker, and all markers come to the end. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { allocateMarkPool, forgetScanned, openMarkPool, openPool, scanned } from '../../dist/gc/mark-pool.js';
import { tracerBytes } from '../../dist/gc/trace.js';
import { allocateMetadata, allocateShared, openTables } from '../../dist/heap/layout.js';
import { recordHeader } from '../../dist/heap/object.js';
import { createLinear, type WasmMemory } from '../../dist/uffd/linear.js';
import { within } from './stress.js';

const OBJECTS = 60_000;
const REFERENCES = 3;
const GRANULES = 2; // a header and three references
const PAGES = 256;
const geometry = { heapBytes: PAGES * 4096, mutators: 1, rootSlots: 1, tlabPages: 1 };

/** Which objects object i refers to. */
type Graph = (i: number, random: () => number) => readonly number[];
const GRAPHS: Record<string, Graph> = {
  'a random graph': (_, random) => [random(), random(), random()],
  'a chain, which one marker at a time can follow': (i) => [(i + 1) % OBJECTS],
  'a tree': (i) => [2 * i + 1, 2 * i + 2].filter((child) => child < OBJECTS),
  'a star': (i) => (i < 20_000 ? [3 * i, 3 * i + 1, 3 * i + 2] : []),
  nothing: () => [],
};

const place = (i: number) => 1 + GRANULES * i;

function lay(graph: Graph, words: Int32Array, seed: number): void {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) % OBJECTS;
  };
  words.fill(0);
  words[0] = recordHeader(0, 0, 1);
  for (let i = 0; i < OBJECTS; i++) {
    words[2 * place(i)] = recordHeader(1, REFERENCES, GRANULES);
    for (const [slot, target] of graph(i, random).entries()) words[2 * place(i) + 1 + slot] = place(target);
  }
}

function reachable(words: Int32Array, roots: readonly number[]): Set<number> {
  const found = new Set<number>();
  const left = [...roots];
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    if (object === 0 || found.has(object)) continue;
    found.add(object);
    for (let slot = 0; slot < REFERENCES; slot++) left.push(words[2 * object + 1 + slot] as number);
  }
  return found;
}

async function startMarkers(shared: object, linears: readonly (object | null)[]): Promise<Worker[]> {
  const markers = linears.map(
    (linear) =>
      new Worker(new URL('./marking-thread.mjs', import.meta.url), { workerData: { ...shared, linear } }),
  );
  onTestFinished(async () => {
    await Promise.all(markers.map((worker) => worker.terminate()));
  });
  await Promise.all(markers.map((worker) => once(worker, 'message')));
  return markers;
}

const memory = createLinear() as WasmMemory;

/** Pieces of linear memory, each behind the other. */
function linearRooms() {
  let next = 1 << 20;
  return (bytes: number) => {
    const words = new Int32Array(memory.buffer, next, Math.ceil(bytes / 4)).fill(0);
    next += Math.ceil(bytes / 4096) * 4096;
    return words;
  };
}

const places = ['in arrays', 'compiled'] as const;
const cases = places.flatMap((how) => [2, 3].map((count) => [count, how] as const));

it.each(cases)('%i markers, %s', async (count, how) => {
  const allocate = how === 'compiled' ? linearRooms() : allocateShared;
  const metadata = allocateMetadata(geometry, allocate);
  const tables = openTables(metadata, geometry);
  const words = allocate(geometry.heapBytes);
  const markPool = allocateMarkPool();
  const pool = openMarkPool(markPool);
  const rooms = how === 'compiled' ? allocate : () => null;
  const linears = Array.from({ length: count }, () => {
    const room = rooms(tracerBytes(tables.mostObjects));
    return room && { memory, room };
  });
  const markers = await startMarkers({ metadata, geometry, words, markPool }, linears);
  for (let round = 0; round < 60; round++) {
    const [name, graph] = Object.entries(GRAPHS)[round % Object.keys(GRAPHS).length] as [string, Graph];
    lay(graph, words, round);
    tables.markBits.fill(0);
    forgetScanned(pool);
    openPool(pool, count, PAGES * 512);
    const roots = markers.map((_, i) => (i === round % count ? [place(round), place(0)] : []));
    const marked = markers.map(async (worker, i) => {
      worker.postMessage(roots[i]);
      await once(worker, 'message');
    });
    await within(20_000, name, Promise.all(marked));
    const live = reachable(words, roots.flat());
    expect(scanned(pool), name).toBe(live.size);
    const missing = [...live].filter(
      (object) => (((tables.markBits[object >>> 5] as number) >>> (object & 31)) & 1) === 0,
    );
    expect(missing, name).toEqual([]);
  }
});
