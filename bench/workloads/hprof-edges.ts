/**
 * The second time through a .hprof: the size of each object and what it refers to, now that all classes and all
 * identifiers are known.
 */
import type { DumpMemory } from './dump-memory.ts';
import type { HeapGraph } from './heap-graph.ts';
import { CHAIN } from './hprof-classes.ts';
import { createFieldsBody } from './hprof-fields.ts';
import { ABSENT, shownId } from './hprof-ids.ts';
import type { HprofNodes } from './hprof-nodes.ts';
import type { Body, FailAt, HprofVisitor, ObjectRecord } from './hprof-records.ts';
import { createHprofSizes } from './hprof-sizes.ts';
import type { UsageError } from './workload.ts';

const MOST = 2 ** 32 - 1;

export interface HprofFailures {
  readonly at: FailAt;
  /** What is wrong with the file as a whole. */
  readonly whole: (what: string) => UsageError;
  /** What the file says the second time is not what it said the first time. */
  readonly changed: () => UsageError;
}

export function createHprofEdges(nodes: HprofNodes, memory: DumpMemory, fail: HprofFailures) {
  const { ids, classes, idBytes, references, isReferent } = nodes;
  const sizes = createHprofSizes(classes, nodes.runtime());
  const count = ids.size + 1;
  if (references > MOST) throw fail.whole(`too large: it has more than ${MOST} references`);
  const selfSize = memory.words(count);
  const firstEdge = memory.words(count + 1); // without the root's edges, until finish()
  const targets = memory.words(references);
  const isRoot = memory.bytes(count);
  let node = 0;
  let strong = 0;
  let listed = 0;
  let classNumber = ABSENT; // of the instance or class at hand
  let statics = 0;

  const fields = createFieldsBody(classes, idBytes, (hi, lo, ref) => {
    if (isReferent(ref) && !classes.isSoft(classNumber)) listed += hi === 0 && lo === 0 ? 0 : 1;
    else addEdge(hi, lo);
  });

  const elements: Body = {
    take(view, from, end) {
      let at = from;
      for (; at + idBytes <= end; at += idBytes)
        addEdge(idBytes === 8 ? view.getUint32(at) : 0, view.getUint32(at + idBytes - 4));
      return at;
    },
  };

  /** What is not in the dump is no edge: ART leaves out classes that have not been resolved. */
  function addEdge(hi: number, lo: number): void {
    if (hi === 0 && lo === 0) return;
    listed++;
    const target = ids.find(hi, lo);
    if (target === ABSENT) return;
    if (strong === references) throw fail.changed();
    targets[strong++] = target + 1;
  }

  function next({ hi, lo }: ObjectRecord): void {
    if (!ids.is(node, hi, lo)) throw fail.changed();
    firstEdge[++node] = strong;
  }

  function setSize(bytes: number, offset: number): void {
    if (bytes > MOST) throw fail.at(offset, `an object of ${bytes} bytes, which is not below 2^32`);
    selfSize[node] = bytes;
  }

  /** The number of an instance's class. */
  function requireClass({ offset, hi, lo, classHi, classLo, length }: ObjectRecord): number {
    const found = classes.find(classHi, classLo);
    const expected =
      found === ABSENT || classes.chainOf(found) === CHAIN.broken ? ABSENT : classes.bytesOf(found);
    if (length === expected) return found;
    const [object, itsClass] = [`object ${shownId(hi, lo)}`, `class ${shownId(classHi, classLo)}`];
    if (found === ABSENT) throw fail.at(offset, `${object}, of ${itsClass}, which is not in the dump`);
    if (expected === ABSENT)
      throw fail.at(offset, `${object}, of ${itsClass}, a superclass of which is not in the dump`);
    throw fail.at(
      offset,
      `${object} with ${length} bytes of fields; ${itsClass} and its superclasses have ${expected}`,
    );
  }

  const visitor: HprofVisitor = {
    start() {},
    name() {},
    loadClass() {},
    root(hi, lo) {
      const target = ids.find(hi, lo);
      if (target !== ABSENT) isRoot[target + 1] = 1;
    },
    classDump(record) {
      next(record);
      classNumber = classes.find(record.hi, record.lo);
      if (classNumber === ABSENT) throw fail.changed();
      if (classes.chainOf(classNumber) === CHAIN.cyclic)
        throw fail.at(record.offset, `class ${shownId(record.hi, record.lo)}, which is its own superclass`);
      statics = 0;
      setSize(sizes.classObject(statics), record.offset);
    },
    classReference: addEdge,
    staticField(type) {
      statics += sizes.staticField(type);
      selfSize[node] = sizes.classObject(statics);
    },
    instanceField() {},
    instance(record) {
      next(record);
      classNumber = requireClass(record);
      setSize(sizes.instance(classNumber), record.offset);
      if (!classes.namesClass(classNumber)) addEdge(record.classHi, record.classLo);
      fields.start(classNumber);
      return fields;
    },
    objectArray(record) {
      next(record);
      setSize(sizes.objectArray(record.length), record.offset);
      addEdge(record.classHi, record.classLo);
      return elements;
    },
    primitiveArray(record) {
      next(record);
      setSize(sizes.primitiveArray(record.length, record.type), record.offset);
    },
  };

  /** The root's edges, which can be told only at the end, go before all others. */
  function finish(): HeapGraph {
    if (node !== ids.size) throw fail.changed();
    const roots = isRoot.reduce((sum, one) => sum + one, 0);
    if (roots === 0)
      throw fail.whole('it has no root that is an object of it, so that nothing in it is alive');
    if (strong + roots > references) throw fail.changed();
    targets.copyWithin(roots, 0, strong);
    for (let target = 0, edge = 0; target < count; target++)
      if (isRoot[target] === 1) targets[edge++] = target;
    firstEdge[count] = strong;
    for (let n = 1; n <= count; n++) firstEdge[n] = (firstEdge[n] as number) + roots;
    const edges = strong + roots;
    return {
      nodes: count,
      selfSize,
      firstEdge,
      targets: targets.subarray(0, edges),
      edgesListed: listed + roots,
    };
  }

  return { visitor, finish };
}
