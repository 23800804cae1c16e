/**
 * The large objects of `random-graph`: every other one is raw data, the others refer to small objects of the graph from
 * all of their pages. All are replaced once from one collection to the next, in turn, and checked as they go.
 */
import type { Mutator } from '../../heap/mutator.ts';
import { ARRAY_HEADER_WORDS, type Ref } from '../../heap/object.ts';
import { PAGE_BYTES, PAGE_WORDS } from '../../uffd/kernel.ts';
import { mismatch, payloadWord } from './payload.ts';
import { mix32 } from './random.ts';

/** Pages of each. */
const ARRAY_PAGES = 8;
/** Its references, or its data words: it fills its pages to the word. */
const LENGTH = ARRAY_PAGES * PAGE_WORDS - ARRAY_HEADER_WORDS;
export const LARGE_ARRAY_BYTES = ARRAY_PAGES * PAGE_BYTES;
/** Of its slots, or words, every so-many-th is used. */
const STRIDE = 64;

/** What large objects need of the graph that they belong to. */
export interface Graph {
  /** Root slot of the array that refers to them. */
  readonly root: number;
  readonly count: number;
  readonly salt: number;
  /** A random small object that is in the graph, which is noted to be referred to. No safepoint. */
  readonly referTo: (m: Mutator) => Ref;
  /** Checks a small object, which is referred to no more if `drops`, and answers its index. No safepoint. */
  readonly visit: (m: Mutator, target: Ref, drops: boolean) => number;
}

export function buildLarge(m: Mutator, graph: Graph): void {
  m.setRoot(graph.root, m.allocObject(graph.count, 0));
  for (let index = 0; index < graph.count; index++) createLarge(m, graph, index);
}

/** Checks the array with that number, and puts a new one in its place: answers a sum over what was in it. A safepoint. */
export function replaceLarge(m: Mutator, graph: Graph, index: number): number {
  const sum = visitLarge(m, graph, index, true);
  createLarge(m, graph, index);
  return sum;
}

function createLarge(m: Mutator, graph: Graph, index: number): void {
  const isRaw = index % 2 === 0;
  const array = m.allocObject(isRaw ? 0 : LENGTH, isRaw ? LENGTH : 0);
  m.setRefAt(m.root(graph.root), index, array);
  for (let at = 0; at < LENGTH; at += STRIDE) {
    if (isRaw) m.setDataAt(array, at, payloadWord(index ^ graph.salt, at));
    else m.setRefAt(array, at, graph.referTo(m));
  }
}

/** Checks the array with that number; what it refers to is referred to no more if `drops`. No safepoint. */
export function visitLarge(m: Mutator, graph: Graph, index: number, drops: boolean): number {
  const array = m.refAt(m.root(graph.root), index);
  const isRaw = index % 2 === 0;
  expect(m, index, 'its number of references', isRaw ? 0 : LENGTH, m.referencesOf(array));
  let sum = index;
  for (let at = 0; at < LENGTH; at++) {
    if (at % STRIDE !== 0) {
      if (at % STRIDE === 1)
        expect(m, index, `word ${at}`, 0, isRaw ? m.dataAt(array, at) : m.refAt(array, at));
    } else if (isRaw) {
      expect(m, index, `word ${at}`, payloadWord(index ^ graph.salt, at), m.dataAt(array, at));
    } else sum = mix32(sum ^ graph.visit(m, m.refAt(array, at), drops));
  }
  return sum;
}

function expect(m: Mutator, index: number, what: string, expected: number, found: number): void {
  if (expected !== found) throw mismatch(m, `random-graph array ${index}`, what, expected, found);
}
