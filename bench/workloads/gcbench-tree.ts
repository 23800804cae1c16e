/** The binary trees of `gcbench`, built in both ways. */
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { shape } from '../../heap/shape.ts';
import { mismatch } from './payload.ts';

/** `i` is the node's height, `j` its number: the root is 1, the children of n are 2n and 2n + 1. */
export const Node = shape('gcbench node', { refs: ['left', 'right'], data: ['i', 'j'] });
export const NODE_GRANULES = Node.granules;
export const ROOT = 1;

/** Nodes of a full binary tree. */
export function treeSize(depth: number): number {
  return 2 ** (depth + 1) - 1;
}

/** A full tree made children first. A safepoint. */
export function makeTree(m: Mutator, depth: number, number: number): Ref {
  m.safepoint();
  if (depth === 0) return makeNode(m, depth, number);
  m.push(makeTree(m, depth - 1, 2 * number));
  m.push(makeTree(m, depth - 1, 2 * number + 1));
  const node = makeNode(m, depth, number);
  m.setRef(node, Node.at.right, m.pop());
  m.setRef(node, Node.at.left, m.pop());
  return node;
}

/** A node without children. A safepoint. */
export function makeNode(m: Mutator, height: number, number: number): Ref {
  const node = m.alloc(Node);
  m.store(node, Node.at.i, height);
  m.store(node, Node.at.j, number);
  return node;
}

/** Makes the node on top of the shadow stack a full tree, parents first. A safepoint. */
export function populate(m: Mutator, top: number): void {
  m.safepoint();
  const height = m.load(m.peek(top), Node.at.i);
  if (height === 0) return;
  const number = m.load(m.peek(top), Node.at.j);
  const left = makeNode(m, height - 1, 2 * number);
  m.setRef(m.peek(top), Node.at.left, left);
  const right = makeNode(m, height - 1, 2 * number + 1);
  m.setRef(m.peek(top), Node.at.right, right);
  populateChild(m, m.ref(m.peek(top), Node.at.left));
  populateChild(m, m.ref(m.peek(top), Node.at.right));
}

function populateChild(m: Mutator, child: Ref): void {
  populate(m, m.push(child));
  m.pop();
}

/** Follows a path from the root, left or right by the bits of `choices`, and checks each node. Answers the last. */
export function checkPath(m: Mutator, root: Ref, depth: number, choices: number): number {
  let node = root;
  let number = ROOT;
  for (let height = depth; ; height--) {
    checkNode(m, node, height, number);
    if (height === 0) return number;
    const side = (choices >>> (height - 1)) & 1;
    node = m.ref(node, side === 0 ? Node.at.left : Node.at.right);
    number = 2 * number + side;
  }
}

/** Checks every node of the tree on top of the shadow stack, and answers how many there are. A safepoint. */
export function checkTree(m: Mutator, top: number, height: number, number: number): number {
  m.safepoint();
  checkNode(m, m.peek(top), height, number);
  if (height === 0) return 1;
  const left = checkChild(m, m.ref(m.peek(top), Node.at.left), height - 1, 2 * number);
  return 1 + left + checkChild(m, m.ref(m.peek(top), Node.at.right), height - 1, 2 * number + 1);
}

function checkChild(m: Mutator, child: Ref, height: number, number: number): number {
  const nodes = checkTree(m, m.push(child), height, number);
  m.pop();
  return nodes;
}

function checkNode(m: Mutator, node: Ref, height: number, number: number): void {
  const name = (): string => `gcbench node ${number} of height ${height}`;
  if (node === 0) throw mismatch(m, name(), 'a reference to it', -1, 0);
  if (m.load(node, Node.at.i) !== height) throw mismatch(m, name(), 'i', height, m.load(node, Node.at.i));
  if (m.load(node, Node.at.j) !== number) throw mismatch(m, name(), 'j', number, m.load(node, Node.at.j));
  const childless = m.ref(node, Node.at.left) === 0;
  if (childless !== (height === 0))
    throw mismatch(m, name(), 'left', height === 0 ? 0 : -1, m.ref(node, Node.at.left));
}
