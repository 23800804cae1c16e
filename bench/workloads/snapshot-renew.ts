/**
 * Renewal: a node to which one edge leads, with some of the nodes that only it leads to, is replaced by a copy. The
 * old objects are garbage then, of real sizes and amid the live ones; the graph and the live size stay the same.
 */
import type { Mutator } from '../../heap/mutator.ts';
import { MOST_CHURNED_GRANULES } from './snapshot-data.ts';
import {
  dataWordsOf,
  firstDataField,
  firstReferenceField,
  referencesOf,
  SHARED,
  type SnapshotGraph,
} from './snapshot-graph.ts';
import { ownsRedirected, type Redirections } from './snapshot-redirect.ts';

const MOST_NODES = 8;

/** What may still be copied in one renewal. */
interface Allowance {
  nodes: number;
  granules: number;
}

/**
 * Pushes a copy of node `node` of copy `copy`, whose object is at `position` of the shadow stack, and answers true;
 * or answers false if it is not one to renew. A safepoint.
 */
export function pushRenewed(
  m: Mutator,
  redirections: Redirections,
  { copy, node, position }: { readonly copy: number; readonly node: number; readonly position: number },
): boolean {
  const allowance = { nodes: MOST_NODES, granules: MOST_CHURNED_GRANULES };
  if (!take(redirections, copy, node, allowance)) return false;
  pushCopy(m, redirections, { copy, node, position }, allowance);
  return true;
}

/** Whether the node can be copied and is within the allowance, from which it is then taken. */
function take(redirections: Redirections, copy: number, node: number, allowance: Allowance): boolean {
  const { graph } = redirections;
  const granules = graph.granules[node] as number;
  if (allowance.nodes === 0 || granules > allowance.granules) return false;
  if (graph.referrers[node] === SHARED || ownsRedirected(redirections, copy, node)) return false;
  allowance.nodes--;
  allowance.granules -= granules;
  return true;
}

/** Each node to which one edge leads is reached once, so what is copied is a tree. */
function pushCopy(
  m: Mutator,
  redirections: Redirections,
  { copy, node, position }: { readonly copy: number; readonly node: number; readonly position: number },
  allowance: Allowance,
): void {
  const { graph } = redirections;
  const references = referencesOf(graph, node);
  const fresh = m.push(m.allocObject(references, dataWordsOf(graph, node)));
  copyWords(m, graph, node, { from: position, to: fresh });
  const firstReference = firstReferenceField(graph, node);
  for (let slot = 0; slot < references; slot++) {
    const child = graph.targets[(graph.firstEdge[node] as number) + slot] as number;
    if (child >= graph.nodes || !take(redirections, copy, child, allowance)) continue;
    const old = m.push(m.ref(m.peek(position), firstReference + slot));
    pushCopy(m, redirections, { copy, node: child, position: old }, allowance);
    m.setRef(m.peek(fresh), firstReference + slot, m.pop());
    m.pop();
  }
}

/** Copies references and data words. Both objects stay where they are meanwhile: there is no safepoint in it. */
function copyWords(
  m: Mutator,
  graph: SnapshotGraph,
  node: number,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const source = m.peek(from);
  const target = m.peek(to);
  const firstReference = firstReferenceField(graph, node);
  const firstData = firstDataField(graph, node);
  const end = firstData + dataWordsOf(graph, node);
  for (let field = firstReference; field < firstData; field++) m.setRef(target, field, m.ref(source, field));
  for (let field = firstData; field < end; field++) m.store(target, field, m.load(source, field));
}
