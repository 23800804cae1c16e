/**
 * `snapshot`: the object graph of a real heap, of V8, a JVM or Android, rebuilt and then churned. Real sizes (V8's
 * `self_size` in granules, header included; for others see hprof-sizes.ts), real edges, same reachability.
 *
 * What differs from that heap:
 * - Weak edges are left out, ephemerons are strong (heapsnapshot-graph.ts; hprof.ts); objects are only made of
 *   references and raw words, whatever type they had.
 * - References are 32 bits here and 64 in Node, so data words fill what is left of an object's size. Objects whose
 *   edges do not fit their size (V8's synthetic roots, above all) are larger than in V8.
 * - Objects are allocated in the order of the dump, with dead objects of real sizes between them as `--live`
 *   asks: V8's own order of addresses is not in a snapshot. A JVM's dump is in that of its addresses, but for classes.
 *
 * Without `file` it is the heap of this very process: real, but different with each start, so that checksums can
 * be compared within one command only. For figures to be repeated give a file.
 */
import { getHeapSnapshot } from 'node:v8';
import { GRANULE_BYTES } from '../../heap/object.ts';
import { driverData } from './driver.ts';
import { readDumpFile } from './dump-file.ts';
import type { HeapGraph } from './heap-graph.ts';
import { readHeapSnapshot } from './heapsnapshot.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { buildRoom, heapForRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
import { MOST_CHURNED_GRANULES, MOST_REDIRECTED, type SnapshotData } from './snapshot-data.ts';
import { type SnapshotGraph, selectConnected } from './snapshot-graph.ts';
import { tableBytes } from './table.ts';
import type { Workload, WorkloadRequest } from './workload.ts';

const NAME = 'snapshot';
/** Of its room, what a mutator may use for one copy of a graph that is too large for several. */
const ONE_COPY = 0.6;
/** What a table of all nodes and one of the anchors take beside the nodes: objects have 50 bytes on average. */
const WITH_TABLES = 1.12;
const SMALLEST_ROOM = 128 * 1024;
const NODES_PER_OPERATION = 4;

export const snapshot: Workload = {
  name: NAME,
  summary:
    'the object graph of a real heap, of V8, a JVM or Android, rebuilt and then walked, rewired and renewed',
  module: new URL('./snapshot-program.js', import.meta.url),
  parameters: {
    file: {
      summary: 'a .heapsnapshot or .hprof, either also gzipped; without one, the heap of this process',
      type: 'path',
      default: '',
    },
    nodes: {
      summary: 'objects of the graph to take, from its root in breadth-first order; 0: as many as fit',
      type: 'integer',
      min: 0,
      default: 0,
    },
    copies: {
      summary: 'copies of the graph that each mutator builds; 0: as many as keep --live of the heap alive',
      type: 'integer',
      min: 0,
      default: 0,
    },
    operations: {
      ...OPERATIONS,
      summary: `${OPERATIONS.summary}; 0: a quarter of the objects`,
      min: 0,
      default: 0,
    },
  },

  async prepare(request) {
    const { mutators, live } = request;
    requireHeap(NAME, request, heapForRoom(SMALLEST_ROOM, mutators));
    const set = resolveParameters(this.parameters, request);
    const graph = selectConnected(await readGraph(String(set.file)), mostOf(request, numberOf(set, 'nodes')));
    const copies = numberOf(set, 'copies') || copiesThatFit(request, graph);
    const operations = numberOf(set, 'operations') || Math.ceil((copies * graph.nodes) / NODES_PER_OPERATION);
    const liveBytes = mutators * liveBytesOf(graph, copies);
    requireHeap(NAME, request, smallestHeap(liveBytes, mutators), ', or fewer --set nodes or copies');
    const data: SnapshotData = { graph, copies, live, room: buildRoom(request) };
    const parameters = { ...set, nodes: graph.nodes, copies, operations };
    return { parameters, liveBytes, data: driverData(request, operations, data) };
  },
};

/** The graph in a file, or of this process. */
function readGraph(file: string): Promise<HeapGraph> {
  if (file === '') return readHeapSnapshot(getHeapSnapshot(), 'the snapshot of this process');
  return readDumpFile(file);
}

/** The most nodes and bytes of one copy. Who says how many nodes is told if they do not fit. */
function mostOf(request: WorkloadRequest, nodes: number) {
  if (nodes > 0) return { nodes, bytes: Infinity };
  const bytes = (Math.max(request.live, ONE_COPY) * buildRoom(request)) / WITH_TABLES;
  return { nodes: Infinity, bytes };
}

function copiesThatFit(request: WorkloadRequest, graph: SnapshotGraph): number {
  const room = request.live * buildRoom(request) - tableBytes(graph.nodes);
  const each = graph.bytes + tableBytes(graph.anchors.length);
  return Math.max(1, Math.floor(room / each));
}

/** Copies, anchors, the table for building, redirected edges, and what an operation holds for a moment. */
function liveBytesOf({ nodes, bytes, anchors }: SnapshotGraph, copies: number): number {
  const tables =
    tableBytes(copies * anchors.length) + tableBytes(nodes) + objectBytes(2 * MOST_REDIRECTED, 0);
  return copies * bytes + tables + 2 * MOST_CHURNED_GRANULES * GRANULE_BYTES;
}
