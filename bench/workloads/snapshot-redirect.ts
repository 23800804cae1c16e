/**
 * Edges led elsewhere for a while. Owner and original target of each are kept in an object in root slot
 * `REDIRECTED`, so that nothing is lost that the edge kept alive, and the graph can be made whole again: the live
 * size stays what it is.
 *
 * An edge is only led to a *shared* node, which is never renewed (snapshot-renew.ts), and the owner of a redirected
 * edge is not renewed either. So every node has one object at any time.
 */
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { MOST_REDIRECTED } from './snapshot-data.ts';
import { firstReferenceField, type SnapshotGraph } from './snapshot-graph.ts';

/** Root slot. */
export const REDIRECTED = 2;

/** An edge of a copy of the graph, and the object it leaves from. */
export interface Edge {
  readonly copy: number;
  readonly node: number;
  readonly edge: number;
}

/** Which edges are led elsewhere now. */
export interface Redirections {
  readonly graph: SnapshotGraph;
  /** A ring: the oldest is led back when its place is needed. */
  readonly ring: (Edge | undefined)[];
  next: number;
  /** By edge: the node it is led to. */
  readonly ledTo: Map<number, number>;
  /** By node: how many of its edges are led elsewhere. */
  readonly owners: Map<number, number>;
}

export function createRedirections(m: Mutator, graph: SnapshotGraph): Redirections {
  m.setRoot(REDIRECTED, m.allocObject(2 * MOST_REDIRECTED, 0));
  return {
    graph,
    ring: Array(MOST_REDIRECTED).fill(undefined),
    next: 0,
    ledTo: new Map(),
    owners: new Map(),
  };
}

/** The node that an edge leads to at present. */
export function targetOf({ graph, ledTo }: Redirections, { copy, edge }: Edge): number {
  const elsewhere = ledTo.size === 0 ? undefined : ledTo.get(edgeKey(graph, copy, edge));
  return elsewhere ?? (graph.targets[edge] as number);
}

export function isRedirected({ graph, ledTo }: Redirections, { copy, edge }: Edge): boolean {
  return ledTo.has(edgeKey(graph, copy, edge));
}

/** Whether an edge of the node is led elsewhere. */
export function ownsRedirected({ graph, owners }: Redirections, copy: number, node: number): boolean {
  return owners.has(nodeKey(graph, copy, node));
}

/** Leads an edge of `owner` to `object`, which is the shared node `to`. */
export function redirect(
  m: Mutator,
  redirections: Redirections,
  from: { readonly edge: Edge; readonly owner: Ref },
  to: { readonly node: number; readonly object: Ref },
): void {
  const { graph, ring, next, ledTo, owners } = redirections;
  const { edge, owner } = from;
  leadBack(m, redirections, next);
  const field = fieldOf(graph, edge);
  m.setRefAt(m.root(REDIRECTED), 2 * next, owner);
  m.setRefAt(m.root(REDIRECTED), 2 * next + 1, m.ref(owner, field));
  m.setRef(owner, field, to.object);
  ring[next] = edge;
  ledTo.set(edgeKey(graph, edge.copy, edge.edge), to.node);
  const key = nodeKey(graph, edge.copy, edge.node);
  owners.set(key, (owners.get(key) ?? 0) + 1);
  redirections.next = (next + 1) % MOST_REDIRECTED;
}

/** Leads all edges back. */
export function leadAllBack(m: Mutator, redirections: Redirections): void {
  for (let place = 0; place < MOST_REDIRECTED; place++) leadBack(m, redirections, place);
}

function leadBack(m: Mutator, { graph, ring, ledTo, owners }: Redirections, place: number): void {
  const edge = ring[place];
  if (!edge) return;
  const kept = m.root(REDIRECTED);
  m.setRef(m.refAt(kept, 2 * place), fieldOf(graph, edge), m.refAt(kept, 2 * place + 1));
  m.setRefAt(kept, 2 * place, 0);
  m.setRefAt(kept, 2 * place + 1, 0);
  ring[place] = undefined;
  ledTo.delete(edgeKey(graph, edge.copy, edge.edge));
  const key = nodeKey(graph, edge.copy, edge.node);
  const left = (owners.get(key) as number) - 1;
  if (left === 0) owners.delete(key);
  else owners.set(key, left);
}

function fieldOf(graph: SnapshotGraph, { node, edge }: Edge): number {
  return firstReferenceField(graph, node) + edge - (graph.firstEdge[node] as number);
}

function edgeKey({ targets }: SnapshotGraph, copy: number, edge: number): number {
  return copy * targets.length + edge;
}

function nodeKey({ nodes }: SnapshotGraph, copy: number, node: number): number {
  return copy * nodes + node;
}
