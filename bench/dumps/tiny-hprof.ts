/**
 * A .hprof small enough to know by heart, in every shape: with all kinds of roots and records, an instance before its class,
 * a class before its superclass, references forward, backward, weak, soft and to nothing.
 */
import { createHprofWriter, type HprofShape, type HprofWriter } from './hprof-writer.ts';

/** Types of fields and elements. */
export const TYPE = {
  object: 2,
  boolean: 4,
  char: 5,
  float: 6,
  double: 7,
  byte: 8,
  short: 9,
  int: 10,
  long: 11,
};

/** Names (of no heap: identifiers of names and objects are each their own). */
const NAME = {
  object: 1,
  class: 2,
  reference: 3,
  soft: 4,
  weak: 5,
  node: 6,
  sub: 7,
  referent: 8,
  queue: 9,
  other: 10,
};

/** Objects, at addresses as a heap with references of 4 bytes has them. */
export const ID = {
  object: 0x1000,
  class: 0x1100,
  reference: 0x1200,
  soft: 0x1300,
  weak: 0x1400,
  node: 0x1500,
  sub: 0x1600,
  loader: 0x2000,
  sub1: 0x2020,
  node1: 0x2048,
  weak1: 0x2068,
  soft1: 0x2088,
  array: 0x20b0,
  chars: 0x20c8,
  longs: 0x20e0,
  onlyWeak: 0x2100,
  absent: 0x9990,
};

/** The steps that write the dump, by name and in order: a test leaves some out, changes or moves them. */
export type Steps = Map<string, (writer: HprofWriter) => void>;

const ROOT_TAGS: readonly (readonly [tag: number, extra: 'id' | number])[] = [
  [0x01, 'id'],
  [0x02, 8],
  [0x03, 8],
  [0x04, 4],
  [0x06, 4],
  [0x07, 0],
  [0x08, 8],
];
const ANDROID_ROOT_TAGS: readonly (readonly [tag: number, extra: number])[] = [
  [0x89, 0],
  [0x8a, 0],
  [0x8b, 0],
  [0x8c, 0],
  [0x8d, 0],
  [0x8e, 8],
];

/** What is in the heap dump. */
function heapSteps({ version, idBytes }: HprofShape): Steps {
  const android = version === '1.0.3';
  // ART: java.lang.Object has the class and the lock.
  const header = (classId: number) =>
    android
      ? ([
          [TYPE.object, classId],
          [TYPE.int, 0],
        ] as const)
      : [];
  const steps: Steps = new Map();
  steps.set('roots', (w) => {
    w.root(0x05, ID.node);
    for (const [tag, extra] of ROOT_TAGS) w.root(tag, ID.array, extra === 'id' ? idBytes : extra);
    w.root(0xff, ID.absent);
  });
  if (android)
    steps.set('android', (w) => {
      for (const [tag, extra] of ANDROID_ROOT_TAGS) w.root(tag, ID.array, extra);
      w.root(0x90, ID.onlyWeak);
      w.u1(0xfe);
      w.u4(0x41);
      w.id(NAME.other);
    });
  steps.set('sub1', (w) =>
    w.instance(ID.sub1, ID.sub, [
      [TYPE.short, 7],
      [TYPE.object, ID.weak1],
      [TYPE.int, 1],
      [TYPE.object, ID.node1],
      [TYPE.byte, 2],
      ...header(ID.sub),
    ]),
  );
  steps.set('sub', (w) =>
    w.classDump({
      ...{ id: ID.sub, superclass: ID.node, instanceSize: 32 },
      fields: [
        [TYPE.short, NAME.other],
        [TYPE.object, NAME.other],
      ],
    }),
  );
  steps.set('node', (w) =>
    w.classDump({
      ...{ id: ID.node, superclass: ID.object, loader: ID.loader, signers: ID.array, instanceSize: 24 },
      constants: [
        [TYPE.int, 5],
        [TYPE.object, ID.chars],
      ],
      statics: [
        [TYPE.object, ID.soft1],
        [TYPE.long, 12],
        [TYPE.object, 0],
        [TYPE.boolean, 1],
      ],
      fields: [
        [TYPE.int, NAME.other],
        [TYPE.object, NAME.other],
        [TYPE.byte, NAME.other],
      ],
    }),
  );
  steps.set('object', (w) =>
    w.classDump({
      id: ID.object,
      instanceSize: 8,
      fields: android
        ? [
            [TYPE.object, NAME.other],
            [TYPE.int, NAME.other],
          ]
        : [],
    }),
  );
  steps.set('class', (w) =>
    w.classDump({
      id: ID.class,
      superclass: ID.object,
      fields: [
        [TYPE.long, NAME.other],
        [TYPE.object, NAME.other],
      ],
    }),
  );
  steps.set('reference', (w) =>
    w.classDump({
      ...{ id: ID.reference, superclass: ID.object, instanceSize: 16 },
      fields: [
        [TYPE.object, NAME.referent],
        [TYPE.object, NAME.queue],
      ],
    }),
  );
  for (const [name, id] of [
    ['soft', ID.soft],
    ['weak', ID.weak],
  ] as const)
    steps.set(name, (w) => w.classDump({ id, superclass: ID.reference, instanceSize: 16 }));
  steps.set('node1', (w) =>
    w.instance(ID.node1, ID.node, [
      [TYPE.int, 3],
      [TYPE.object, ID.absent],
      [TYPE.byte, 4],
      ...header(ID.node),
    ]),
  );
  for (const [name, id, of, referent] of [
    ['weak1', ID.weak1, ID.weak, ID.onlyWeak],
    ['soft1', ID.soft1, ID.soft, ID.longs],
  ] as const)
    steps.set(name, (w) =>
      w.instance(id, of, [[TYPE.object, referent], [TYPE.object, ID.array], ...header(of)]),
    );
  steps.set('array', (w) => w.objectArray(ID.array, ID.object, [ID.sub1, 0]));
  steps.set('chars', (w) => w.primitiveArray(ID.chars, TYPE.char, [65, 66, 67]));
  steps.set('longs', (w) =>
    android
      ? w.primitiveArrayWithoutData(ID.longs, TYPE.long, 2)
      : w.primitiveArray(ID.longs, TYPE.long, [1, 2]),
  );
  steps.set('loader', (w) => w.instance(ID.loader, ID.object, header(ID.object)));
  steps.set('onlyWeak', (w) => w.instance(ID.onlyWeak, ID.object, header(ID.object)));
  return steps;
}

/** Steps before the heap dump. */
function nameSteps({ version }: HprofShape): Steps {
  const written = (text: string) => (version === '1.0.3' ? text.replaceAll('/', '.') : text);
  const steps: Steps = new Map();
  steps.set('names', (w) => {
    for (const [name, id] of Object.entries(NAME)) {
      const text = CLASS_NAMES[name];
      w.utf8(id, text === undefined ? name : written(text));
    }
    w.utf8(NAME.other + 1, 'a name that is longer than any that matters, which is therefore passed over');
  });
  steps.set('loads', (w) => {
    let serial = 1;
    for (const name of ['object', 'class', 'reference', 'soft', 'weak', 'node', 'sub'] as const)
      w.loadClass(serial++, ID[name], NAME[name]);
  });
  steps.set('others', (w) => {
    for (const tag of [0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x0b, 0x0d, 0x0e]) w.record(tag, () => w.u4(tag));
  });
  return steps;
}

const CLASS_NAMES: Readonly<Record<string, string>> = {
  object: 'java/lang/Object',
  class: 'java/lang/Class',
  reference: 'java/lang/ref/Reference',
  soft: 'java/lang/ref/SoftReference',
  weak: 'java/lang/ref/WeakReference',
  node: 'Node',
  sub: 'Sub',
};

/** In segments but for 1.0.1. `change` gets the steps before the heap dump and those in it. */
export function tinyHprof(
  shape: HprofShape,
  change: (heap: Steps, names: Steps) => void = () => {},
): Uint8Array {
  const [names, heap] = [nameSteps(shape), heapSteps(shape)];
  change(heap, names);
  const writer = createHprofWriter(shape);
  writer.header();
  for (const write of names.values()) write(writer);
  const parts = [...heap.values()];
  const dump = (tag: number, steps: typeof parts) =>
    writer.record(tag, () => {
      for (const write of steps) write(writer);
    });
  if (shape.version === '1.0.1') {
    dump(0x0c, parts);
    return writer.bytes();
  }
  dump(0x1c, parts.slice(0, 5));
  dump(0x1c, parts.slice(5));
  writer.record(0x2c, () => {});
  return writer.bytes();
}
