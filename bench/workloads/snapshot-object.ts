/** The objects of `snapshot`: made from a node of the graph, and checked against it. */
import type { Mutator } from '../../heap/mutator.ts';
import { GRANULE_BYTES, type Ref } from '../../heap/object.ts';
import { mismatch, payloadWord } from './payload.ts';
import { dataWordsOf, firstDataField, referencesOf, type SnapshotGraph } from './snapshot-graph.ts';

/** Data words between two safepoints. */
const STRETCH = 256;

/** Which graph the objects are of. */
export interface Model {
  readonly graph: SnapshotGraph;
  /** Makes tags differ between mutators. */
  readonly salt: number;
}

/** What the first data word of an object holds, and its other words follow from. */
export function tagOf({ graph, salt }: Model, copy: number, node: number): number {
  return (copy * graph.nodes + node) ^ salt;
}

/** A new object for a node, its references null. A safepoint, or several if it is large. */
export function createNode(m: Mutator, model: Model, copy: number, node: number): Ref {
  const words = dataWordsOf(model.graph, node);
  const first = firstDataField(model.graph, node);
  const tag = tagOf(model, copy, node);
  const position = m.push(m.allocObject(referencesOf(model.graph, node), words));
  for (let word = 0; word < words; word++) {
    if (word % STRETCH === STRETCH - 1) m.safepoint();
    m.store(m.peek(position), first + word, payloadWord(tag, word));
  }
  return m.pop();
}

/** Checks that an object is that node's: not null, its size, its references, its tag, and data word `spot`. */
export function checkNode(m: Mutator, model: Model, place: NodePlace, spot: number): void {
  const { copy, node, object } = place;
  const { graph } = model;
  if (object === 0) throw mismatch(m, nameOf(copy, node), 'a reference to it', -1, 0);
  expect(m, place, 'its number of references', referencesOf(graph, node), m.referencesOf(object));
  expect(m, place, 'its size', (graph.granules[node] as number) * GRANULE_BYTES, m.bytesOf(object));
  checkWord(m, model, place, 0);
  checkWord(m, model, place, spot);
}

/** An object, and the node it should be. */
export interface NodePlace {
  readonly copy: number;
  readonly node: number;
  readonly object: Ref;
}

/** Checks every data word of the object on top of the shadow stack, and all else. A safepoint if it is large. */
export function checkWholeNode(m: Mutator, model: Model, copy: number, node: number, top: number): void {
  checkNode(m, model, { copy, node, object: m.peek(top) }, 0);
  const words = dataWordsOf(model.graph, node);
  for (let word = 0; word < words; word++) {
    if (word % STRETCH === STRETCH - 1) m.safepoint();
    checkWord(m, model, { copy, node, object: m.peek(top) }, word);
  }
}

function checkWord(m: Mutator, model: Model, place: NodePlace, word: number): void {
  const expected = payloadWord(tagOf(model, place.copy, place.node), word);
  const found = m.load(place.object, firstDataField(model.graph, place.node) + word);
  expect(m, place, `data word ${word}`, expected, found);
}

function expect(m: Mutator, { copy, node }: NodePlace, what: string, expected: number, found: number): void {
  if (expected !== found) throw mismatch(m, nameOf(copy, node), what, expected, found);
}

export function nameOf(copy: number, node: number): string {
  return `snapshot node ${node} of copy ${copy}`;
}
