/** What both sides of `snapshot` know: the main thread that prepares it, and the mutators. */
import { PAGE_GRANULES } from '../../heap/object.ts';
import type { SnapshotGraph } from './snapshot-graph.ts';

/** Objects up to this size are allocated and dropped, or replaced. */
export const MOST_CHURNED_GRANULES = PAGE_GRANULES;
/** How many edges are led elsewhere at a time. */
export const MOST_REDIRECTED = 64;

/** What the mutators are told. */
export interface SnapshotData {
  readonly graph: SnapshotGraph;
  /** How many copies of the graph each mutator builds. */
  readonly copies: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}
