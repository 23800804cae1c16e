/** A .hprof of a JVM or of Android is read as a stream, wherever it is cut, to sizes and strong edges. */
import { describe, expect, it } from 'vitest';
import { createHprofWriter, type HprofShape, SHAPES } from '../../dist/bench/dumps/hprof-writer.js';
import { ID, type Steps, TYPE, tinyHprof } from '../../dist/bench/dumps/tiny-hprof.js';
import type { HeapGraph } from '../../dist/bench/workloads/heap-graph.js';
import { readHprof } from '../../dist/bench/workloads/hprof.js';

const JVM: HprofShape = { version: '1.0.2', idBytes: 8 };
const ART: HprofShape = { version: '1.0.3', idBytes: 4 };

const read = (...chunks: Uint8Array[]) => readHprof(() => chunks, 'the file');

/** The objects of tiny-hprof.ts in the order of the file, and what each refers to, in the order of its fields. */
const JVM_EDGES = {
  root: ['node', 'array'],
  sub1: ['sub', 'weak1', 'node1'],
  sub: ['node'],
  node: ['object', 'loader', 'array', 'chars', 'soft1'],
  object: [],
  class: ['object'],
  reference: ['object'],
  soft: ['reference'],
  weak: ['reference'],
  node1: ['node'],
  weak1: ['weak', 'array'],
  soft1: ['soft', 'longs', 'array'],
  array: ['object', 'sub1'],
  chars: [],
  longs: [],
  loader: ['object'],
  onlyWeak: ['object'],
};
/** Of ART, the class is the last field: java.lang.Object's. */
const ART_EDGES = {
  ...JVM_EDGES,
  sub1: ['weak1', 'node1', 'sub'],
  weak1: ['array', 'weak'],
  soft1: ['longs', 'array', 'soft'],
};
const NAMES = Object.keys(JVM_EDGES);

/** Bytes of each, by the rules of hprof-sizes.ts. */
const SIZES = {
  narrow: [0, 24, 24, 40, 24, 24, 24, 24, 24, 24, 16, 16, 24, 24, 32, 8, 8], // 32 bits
  wide: [0, 32, 24, 48, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 32, 16, 16], // 64 bits, references of 4
  android: [0, 32, 8, 24, 8, 8, 8, 8, 8, 24, 16, 16, 24, 24, 32, 8, 8],
};

function edgesOf({ nodes, firstEdge, targets }: HeapGraph): Record<string, string[]> {
  const names = (node: number) =>
    Array.from(targets.subarray(firstEdge[node], firstEdge[node + 1]), (target) => NAMES[target] as string);
  return Object.fromEntries(Array.from({ length: nodes }, (_, node) => [NAMES[node], names(node)]));
}

function expectTiny(graph: HeapGraph, { version, idBytes }: HprofShape): void {
  const android = version === '1.0.3';
  expect(edgesOf(graph)).toEqual(android ? ART_EDGES : JVM_EDGES);
  expect([...graph.selfSize]).toEqual(SIZES[android ? 'android' : idBytes === 4 ? 'narrow' : 'wide']);
  // Beside the strong ones: the weak reference's, and one to what is not in the dump.
  expect(graph.edgesListed).toBe(graph.targets.length + 2);
}

describe.each(SHAPES)('version $version, identifiers of $idBytes bytes:', (shape) => {
  const bytes = tinyHprof(shape);

  it('sizes and strong edges', async () => expectTiny(await read(bytes), shape));

  it('the same cut in two at any byte', async () => {
    for (let at = 1; at < bytes.length; at++)
      expectTiny(await read(bytes.subarray(0, at), bytes.subarray(at)), shape);
  });

  it('the same byte by byte', async () =>
    expectTiny(await read(...Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))), shape));
});

it.each(SHAPES)(
  'the order in which $version, $idBytes has its objects changes their numbers alone',
  async (shape) => {
    const expected = edgesOf(await read(tinyHprof(shape)));
    let order: string[] = [];
    const backwards = (heap: Steps) => {
      const steps = [...heap].reverse();
      heap.clear();
      for (const [name, write] of steps) heap.set(name, write);
      order = ['root', ...heap.keys()].filter((name) => name in expected);
    };
    const { nodes, firstEdge, targets } = await read(tinyHprof(shape, backwards));
    for (let node = 1; node < nodes; node++) {
      const found = Array.from(targets.subarray(firstEdge[node], firstEdge[node + 1]), (to) => order[to]);
      expect({ [order[node] as string]: found }).toEqual({
        [order[node] as string]: expected[order[node] as string],
      });
    }
  },
);

/** A dump of one object of each kind, in the given distance, and of what is written besides. */
function dumpOf(
  shape: HprofShape,
  distance: number,
  names: (writer: ReturnType<typeof createHprofWriter>) => void = () => {},
) {
  const writer = createHprofWriter(shape);
  writer.header();
  names(writer);
  writer.record(0x0c, () => {
    writer.root(0x05, ID.object);
    writer.classDump({ id: ID.object });
    writer.classDump({
      id: ID.node,
      superclass: ID.object,
      fields: [
        [TYPE.object, 1],
        [TYPE.int, 2],
      ],
    });
    writer.objectArray(ID.array, ID.object, [0, 0, 0, ID.object]);
    writer.instance(ID.array + distance, ID.node, [
      [TYPE.object, 0],
      [TYPE.int, 2],
    ]);
  });
  return writer.bytes();
}

describe('a reference in the heap has', () => {
  const sizesAt = async (distance: number) => [...(await read(dumpOf(JVM, distance))).selfSize].slice(3);
  it('4 bytes if an object follows an array too closely for 8', async () =>
    expect(await sizesAt(40)).toEqual([32, 24]));
  it('8 if none does', async () => expect(await sizesAt(48)).toEqual([48, 24]));
  it('8 if what follows in the file comes before it in the heap', async () =>
    expect(await sizesAt(-16)).toEqual([48, 24]));
});

it('identifiers are of 64 bits: those that differ in one alone are two objects', async () => {
  const writer = createHprofWriter(JVM);
  writer.header();
  const ids = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
  writer.record(0x0c, () => {
    writer.root(0x05, ID.object);
    writer.classDump({ id: ID.object, statics: ids.map((id) => [TYPE.object, id] as const) });
    for (const id of ids.filter((id) => id !== BigInt(ID.object))) writer.instance(id, ID.object, []);
  });
  const { nodes, targets, firstEdge } = await read(writer.bytes());
  expect(nodes).toBe(65);
  const others = Array.from({ length: 63 }, (_, i) => i + 2);
  expect([...targets.subarray(firstEdge[1], firstEdge[2])]).toEqual(others.toSpliced(12, 0, 1));
});

describe('references that are weak:', () => {
  const without = (text: string) => async (shape: HprofShape) =>
    edgesOf(
      await read(
        tinyHprof(shape, (_, names) => {
          const write = names.get('names');
          names.set('names', (w) =>
            write?.({
              ...w,
              utf8: (id, name) => w.utf8(id, name.replaceAll('.', '/') === text ? 'none' : name),
            }),
          );
        }),
      ),
    );
  it.each([JVM, ART])(
    'a soft one is as weak as others, if the name of its class is another (%o)',
    async (shape) => {
      const { soft1, weak1 } = await without('java/lang/ref/SoftReference')(shape);
      expect(soft1).not.toContain('longs');
      expect(weak1).not.toContain('onlyWeak');
    },
  );
  it('a class derived from a soft one is soft, one derived from a weak one is weak', async () => {
    const bytes = tinyHprof(JVM, (heap) =>
      heap.set('derived', (w) => {
        for (const [i, superclass] of [ID.soft, ID.weak].entries()) {
          w.classDump({ id: 0x7000 + i, superclass });
          w.instance(0x7010 + i, 0x7000 + i, [
            [TYPE.object, ID.onlyWeak],
            [TYPE.object, 0],
          ]);
        }
      }),
    );
    const { firstEdge, targets } = await read(bytes);
    const [softClass, softOne, weakClass, weakOne] = [17, 18, 19, 20];
    const onlyWeak = NAMES.indexOf('onlyWeak');
    const of = (node: number) => [...targets.subarray(firstEdge[node], firstEdge[node + 1])];
    expect(of(softOne)).toEqual([softClass, onlyWeak]);
    expect(of(weakOne)).toEqual([weakClass]);
  });
  it.each([JVM, ART])('none is weak without java.lang.ref.Reference (%o)', async (shape) => {
    const { soft1, weak1 } = await without('java/lang/ref/Reference')(shape);
    expect(soft1).toContain('longs');
    expect(weak1).toContain('onlyWeak');
  });
});

it('what hprof-conv has made of an Android dump has sizes of Android', async () => {
  const bytes = tinyHprof(ART);
  bytes[17] = '2'.charCodeAt(0);
  expect([...(await read(bytes)).selfSize]).toEqual(SIZES.android);
});
