/** What a heap dump comes to, of whichever runtime: for each object its size and the objects it refers to strongly. */

/** A heap as a graph. Node 0 is the root. */
export interface HeapGraph {
  readonly nodes: number;
  /** What each node occupies in its runtime's heap, in bytes. */
  readonly selfSize: Uint32Array;
  /** Node n's strong edges are `targets[firstEdge[n]]` up to, not with, `targets[firstEdge[n + 1]]`. */
  readonly firstEdge: Uint32Array;
  readonly targets: Uint32Array;
  /** All edges the dump lists, weak ones included. */
  readonly edgesListed: number;
}
