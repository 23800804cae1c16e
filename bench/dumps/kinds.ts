/** The kinds of dumps that are fuzzed: small whole ones of each, and what reads them. */
import type { DumpMemory } from '../workloads/dump-memory.ts';
import type { HeapGraph } from '../workloads/heap-graph.ts';
import { readHeapSnapshot } from '../workloads/heapsnapshot.ts';
import { readHprof } from '../workloads/hprof.ts';
import { SHAPES } from './hprof-writer.ts';
import { tinyHprof } from './tiny-hprof.ts';
import { tinySnapshot } from './tiny-snapshot.ts';

export const KINDS = ['hprof', 'heapsnapshot'] as const;
export type Kind = (typeof KINDS)[number];

/** Bytes of arrays that a reader may ask for, for each byte of a file, and beside that. */
export const MOST_MEMORY = { times: 6, plus: 1024 };

export function wholeDumps(kind: Kind): readonly Uint8Array[] {
  if (kind === 'hprof') return SHAPES.map((shape) => tinyHprof(shape));
  return [tinySnapshot(), JSON.stringify(JSON.parse(tinySnapshot()), null, 1)].map((text) =>
    Buffer.from(text),
  );
}

/** @throws UsageError for a bad dump */
export function read(kind: Kind, chunks: readonly Uint8Array[], memory: DumpMemory): Promise<HeapGraph> {
  if (kind === 'hprof') return readHprof(() => chunks, 'the input', memory);
  return readHeapSnapshot(chunks, 'the input', memory);
}

/** What is wrong with a graph; null if it is sound. */
export function faultOf({ nodes, selfSize, firstEdge, targets }: HeapGraph): string | null {
  if (selfSize.length !== nodes) return `sizes of ${selfSize.length} of ${nodes} nodes`;
  if (firstEdge.length !== nodes + 1) return `${firstEdge.length} first edges of ${nodes} nodes`;
  if (firstEdge[0] !== 0 || firstEdge[nodes] !== targets.length) return 'edges that are no node’s';
  if (firstEdge.some((edge, i) => i > 0 && edge < (firstEdge[i - 1] as number))) return 'nodes out of order';
  return targets.some((target) => target >= nodes) ? 'an edge to no node' : null;
}
