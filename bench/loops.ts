/**
 * The collector's inner loops alone, no kernel involved: marking a random graph, finding what lands where, and making its to-space
 * pages, in JavaScript and compiled, and marking compiled without its rounds. Turn about, in one run.
 *
 *     node dist/bench/loops.js [MiB = 64] [rounds = 9]
 */
import { median } from 'simple-statistics';
import { type Compiled, type LivenessLoops, openCompiled } from '../gc/compiled.ts';
import { makeFillPage, type PageSources } from '../gc/fill-page.ts';
import { allocateMarkPool, openMarkPool } from '../gc/mark-pool.ts';
import { setLiveBits } from '../gc/phases/liveness.ts';
import { makeMarking } from '../gc/phases/mark.ts';
import { clearLiveness, prepare } from '../gc/phases/prepare.ts';
import {
  type Allocate,
  allocateMetadata,
  type HeapTables,
  LOG_CHUNK_GRANULES,
  openTables,
} from '../heap/layout.ts';
import { GRANULE_BYTES, LOG_PAGE_GRANULES, recordHeader, recordReferences } from '../heap/object.ts';
import { setTopPage, topPage } from '../heap/spaces.ts';
import { LOG_PAGE_WORDS, PAGE_BYTES, type PageView } from '../uffd/kernel.ts';
import { createLinear, type WasmMemory } from '../uffd/linear.ts';
import { createRandom, type Random } from './workloads/random.ts';

const ROOTS = 1024;
const SHAPE = 1;
const [mib = 64, rounds = 9] = process.argv.slice(2).map(Number);
const memory = createLinear();
if (memory === null || !(mib >= 1 && mib <= 1024 && rounds >= 1)) {
  console.error('usage: node dist/bench/loops.js [MiB, 1 to 1024] [rounds]; it takes 4 GiB of addresses');
  process.exit(2);
}

function allocator({ buffer }: WasmMemory): Allocate {
  let next = PAGE_BYTES;
  return (bytes) => {
    const words = new Int32Array(buffer, next, Math.ceil(bytes / 4));
    next += Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    return words;
  };
}

/** Fills the heap with objects of 8 to 64 bytes, a random half of them live: a graph without locality, hung from the roots. */
function fill(words: Int32Array, tables: HeapTables): void {
  const random = createRandom(1);
  const live: number[] = [];
  words[0] = recordHeader(0, 0, 1);
  for (let object = 1; object + 8 <= words.length / 2; ) {
    const granules = 1 + random.below(8);
    words[2 * object] = recordHeader(SHAPE, Math.min(random.below(4), 2 * granules - 2), granules);
    if (random.below(2) === 0) live.push(object);
    object += granules;
  }
  for (let i = live.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [live[i], live[j]] = [live[j] as number, live[i] as number];
  }
  hang(words, live, random);
  tables.roots[0]?.set([ROOTS, ...live.slice(0, ROOTS)]);
  setTopPage(tables, words.length >>> LOG_PAGE_WORDS);
}

/** Each object is put into a random free slot of one that hangs already; slots that are left refer to random objects. */
function hang(words: Int32Array, live: readonly number[], random: Random): void {
  const free: number[] = [];
  const takeFree = (): number => {
    const at = random.below(free.length);
    const slot = free[at] as number;
    free[at] = free.at(-1) as number;
    free.pop();
    return slot;
  };
  for (const [i, object] of live.entries()) {
    if (i >= ROOTS) words[takeFree()] = object;
    const references = recordReferences(words[2 * object] as number);
    for (let slot = 1; slot <= references; slot++) free.push(2 * object + slot);
  }
  for (const slot of free) words[slot] = live[random.below(live.length)] as number;
}

const allocate = allocator(memory);
const geometry = { heapBytes: mib * 2 ** 20, mutators: 1, rootSlots: ROOTS, tlabPages: 8 };
const tables = openTables(allocateMetadata(geometry, allocate), geometry);
const words = allocate(geometry.heapBytes);
fill(words, tables);
const base = (page: number) => page << LOG_PAGE_WORDS;
const space: PageView = { words, readable: base, writable: base, updatable: base, linear: words.byteOffset };
const compiled = openCompiled({ memory, allocate }, tables);
const { trace } = compiled;
const plainStack: Compiled = {
  ...compiled,
  trace: { ...trace, scan: (stack, depth, most, entries) => trace.scan(stack, depth, most, entries, 1) },
};
const pool = openMarkPool(allocateMarkPool());
const markers = {
  JavaScript: makeMarking(tables, pool, true),
  'compiled, a plain stack': makeMarking(tables, pool, true, plainStack),
  'compiled, in rounds of 256': makeMarking(tables, pool, true, compiled),
};

/** Milliseconds that `run` takes. */
function timed(run: () => void): number {
  const began = performance.now();
  run();
  return performance.now() - began;
}

const black = topPage(tables) << LOG_PAGE_GRANULES;
const marking = new Map(Object.keys(markers).map((name) => [name, [] as number[]]));
const filling = new Map(['JavaScript', 'compiled'].map((name) => [name, [] as number[]]));
const preparing = new Map(['JavaScript', 'compiled'].map((name) => [name, [] as number[]]));
const out = allocate(PAGE_BYTES);
let objects = 0;
let liveBytes = 0;
for (let round = 0; round < rounds; round++) {
  for (const [name, marker] of Object.entries(markers)) {
    tables.markBits.fill(0);
    marker.begin(space);
    marking.get(name)?.push(timed(marker.finish));
    objects = marker.objects();
  }
  const prepareBy = (loops: LivenessLoops | null) => {
    setLiveBits(space, tables, black >>> LOG_CHUNK_GRANULES, loops);
    return prepare(space, tables, black, 0, loops);
  };
  let plan = prepareBy(null);
  for (const [name, ms] of preparing) {
    tables.liveness.fill(0);
    ms.push(timed(() => (plan = prepareBy(name === 'compiled' ? compiled.liveness : null))));
  }
  liveBytes = plan.liveGranules * GRANULE_BYTES;
  const sources: PageSources = {
    ...{ from: space, ...plan, blackBegin: black, blackSlide: 0, nonMoving: black },
    ...{ inPlace: true, inOrder: false, compiled: false },
  };
  const fillPage = makeFillPage(tables, sources, compiled.pages);
  compiled.begin(sources, words.byteOffset);
  for (const name of filling.keys()) {
    sources.compiled = name === 'compiled';
    const all = () => {
      for (let page = plan.compactedPages - 1; page >= 0; page--) fillPage(page, out, 0);
    };
    filling.get(name)?.push(timed(all));
  }
  clearLiveness(tables, black);
}

/** Medians of a rate per second, and how many times the first one it is. */
function print(
  title: string,
  unit: string,
  amount: number,
  all: ReadonlyMap<string, readonly number[]>,
): void {
  console.log(title);
  const [[, first]] = [...all] as [[string, readonly number[]]];
  for (const [name, ms] of all) {
    const gain = median(first.map((other, i) => other / (ms[i] as number)));
    const rate = (amount / 1e3 / median([...ms])).toPrecision(4);
    console.log(`  ${name.padEnd(26)}${rate.padStart(8)} ${unit}${gain.toFixed(2).padStart(8)} ×`);
  }
}

print(`marking ${objects} live objects of ${mib} MiB`, 'million objects/s', objects, marking);
print(`their live bits, and what lands on each page`, 'million objects/s', objects, preparing);
print(`making ${Math.round(liveBytes / 1e6)} MB of to-space pages`, 'MB/s', liveBytes, filling);
