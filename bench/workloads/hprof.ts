/**
 * Reads a .hprof, the heap dump of a JVM (1.0.1, 1.0.2) or of Android (1.0.3), as a stream, twice: the first time its
 * objects are numbered, the second time their references are followed. The file itself is never in memory.
 *
 * What is an edge:
 * - the reference fields of instances, the elements of object arrays, a class's static fields, superclass, loader, signers
 *   and protection domain; of HotSpot's resolved references what it writes as static fields;
 * - from each instance and object array to its class, which a collector follows as well. ART has it as a field of
 *   java.lang.Object, where it is not counted twice. An array of primitives does not say its class;
 * - from the root (node 0) to what any ROOT_ record names, once each.
 *
 * What is not: Reference.referent of weak, phantom and final references, as weak edges of V8 are not. That of a soft one
 * is an edge: without pressure a JVM clears none. (A class between them counts as what it is derived from.) References to
 * what is not in the dump are none either, nor are UNREACHABLE records roots. The fields of HotSpot's java.lang.Class
 * objects are not in a dump: what they alone keep alive is not reached.
 *
 * Memory: at most 6 bytes for each byte of the file, and 1 KiB, counting every array ever asked for (dump-memory.ts). A file
 * of nothing but classes, each the superclass of the one before, comes to 4.3; a JVM's dump of 271 MB to 0.87, or 0.75 that
 * were ever resident. Of that file (4.1 million objects, 11.8 million edges) it read 24 MB in a second of processor time,
 * both times together (Node 20, one core of a cloud Xeon that others used as well). Time is linear in the file.
 *
 * Sizes are those of hprof-sizes.ts.
 */
import { createDumpMemory } from './dump-memory.ts';
import type { HeapGraph } from './heap-graph.ts';
import { createHprofEdges, type HprofFailures } from './hprof-edges.ts';
import { createHprofNodes } from './hprof-nodes.ts';
import { createHprofReader, type HprofReader } from './hprof-records.ts';
import { UsageError } from './workload.ts';

export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const ADVICE =
  "copy it again, or make another one with jcmd <pid> GC.heap_dump <file> or Android's am dumpheap";

/**
 * The graph in a heap dump. `open` answers the file from its beginning each time. `source` says in errors which it is.
 * @throws UsageError that says what is wrong, and where
 */
export async function readHprof(
  open: () => Chunks | Promise<Chunks>,
  source: string,
  memory = createDumpMemory(source),
): Promise<HeapGraph> {
  const fail: HprofFailures = {
    at: (offset, found) =>
      new UsageError(`${source}: no .hprof that can be read: byte ${offset} has ${found}; ${ADVICE}`),
    whole: (what) => new UsageError(`${source}: ${what}`),
    changed: () =>
      new UsageError(`${source}: it has changed while it was read, twice; give a file that nobody writes to`),
  };
  const nodes = createHprofNodes(memory, fail.at);
  const truncated = (bytes: number, where: string) =>
    fail.whole(`truncated: it ends at byte ${bytes}, ${where}; ${ADVICE}`);
  await readAll(await open(), createHprofReader(nodes.visitor, fail.at, truncated));
  if (nodes.ids.size === 0) throw fail.whole(`it has no heap dump with an object in it; ${ADVICE}`);
  nodes.classes.resolve();
  const edges = createHprofEdges(nodes, memory, fail);
  await readAll(await open(), createHprofReader(edges.visitor, fail.at, fail.changed));
  return edges.finish();
}

async function readAll(chunks: Chunks, reader: HprofReader): Promise<void> {
  for await (const chunk of chunks) reader.write(chunk);
  reader.end();
}
