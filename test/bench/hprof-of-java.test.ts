/** A dump that the JVM on this machine has made of a program is read as that program built its objects. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readDumpFile } from '../../dist/bench/workloads/dump-file.js';
import type { HeapGraph } from '../../dist/bench/workloads/heap-graph.js';

const LINKS = 300;
/** A list, each link with an array of a length of its own; dumped by the JVM itself. */
const PROGRAM = `
import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
public class Links {
  static class Base { byte tag; Object next; }
  static class Link extends Base { int[] length; long number; }
  static Object first;
  public static void main(String[] args) throws Exception {
    for (int i = ${LINKS}; i > 0; i--) { Link l = new Link(); l.next = first; l.length = new int[10000 + 2 * i]; first = l; }
    ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(args[0], true);
  }
}`;

const jdk = spawnSync('javac', ['-version'], { encoding: 'utf8' });
const [major = 0] = /\d+/.exec(`${jdk.stdout}${jdk.stderr}`)?.map(Number) ?? [];
if (major < 11) console.warn('SKIPPED, hprof-of-java: there is no javac of JDK 11 or later on this machine');

const folder = mkdtempSync(join(tmpdir(), 'minorfault-java-'));
afterAll(() => rmSync(folder, { recursive: true }));

function dumpOf(flags: readonly string[]): string {
  const source = join(folder, 'Links.java');
  const dump = join(folder, `links${flags.length}.hprof`);
  writeFileSync(source, PROGRAM);
  execFileSync('java', [...flags, '-Xmx512m', '-XX:+UseSerialGC', source, dump], { stdio: 'pipe' });
  return dump;
}

/** The size of an int array of that many elements; they are found by it. */
const arrayBytes = (elements: number) => 16 + 4 * elements;

/** The nodes that refer to arrays of 10,002, 10,004, … elements, and how many refer to each. */
function linksOf({ nodes, selfSize, firstEdge, targets }: HeapGraph) {
  const arrays = new Map(Array.from({ length: LINKS }, (_, i) => [arrayBytes(10_002 + 2 * i), 0]));
  const links = new Set<number>();
  for (let node = 1; node < nodes; node++)
    for (let edge = firstEdge[node] as number; edge < (firstEdge[node + 1] as number); edge++) {
      const bytes = selfSize[targets[edge] as number] as number;
      if (!arrays.has(bytes)) continue;
      arrays.set(bytes, (arrays.get(bytes) as number) + 1);
      links.add(node);
    }
  const edgesOf = (node: number) => [...targets.subarray(firstEdge[node], firstEdge[node + 1])];
  return { arrays, links, edgesOf };
}

describe.runIf(major >= 11)('of the JVM', () => {
  it.each([
    { flags: [], linkBytes: 32 }, // header 12, long 8, array 4, byte 1, next 4: 29
    { flags: ['-XX:-UseCompressedOops'], linkBytes: 40 }, // 12 + 8 + 8 + 1 + 8: 37
  ])(
    'every link, its class, its array and its successor ($flags)',
    async ({ flags, linkBytes }) => {
      const graph = await readDumpFile(dumpOf(flags));
      const { arrays, links, edgesOf } = linksOf(graph);
      expect(links.size).toBe(LINKS);
      expect(new Set(arrays.values())).toEqual(new Set([1]));
      expect(new Set([...links].map((link) => graph.selfSize[link]))).toEqual(new Set([linkBytes]));
      const edges = [...links].map(edgesOf);
      const toLinks = edges.map((targets) => targets.filter((target) => links.has(target)).length);
      // All have a successor but one.
      expect(toLinks.sort()).toEqual([0, ...Array.from({ length: LINKS - 1 }, () => 1)]);
      expect(new Set(edges.map(([itsClass]) => itsClass)).size).toBe(1);
      expect(edges.filter((targets) => targets.length === 3).length).toBe(LINKS - 1);
    },
    120_000,
  );
});
