/** A bad .hprof is refused in one line that says which byte has what; never with a graph, a hang, or memory for a promise. */
import { describe, expect, it } from 'vitest';
import { createHprofWriter, type HprofWriter, SHAPES } from '../../dist/bench/dumps/hprof-writer.js';
import { ID, type Steps, TYPE, tinyHprof } from '../../dist/bench/dumps/tiny-hprof.js';
import { createDumpMemory } from '../../dist/bench/workloads/dump-memory.js';
import { readHprof } from '../../dist/bench/workloads/hprof.js';

const SHAPE = { version: '1.0.2', idBytes: 8 } as const;
const HEADER_BYTES = 31;

const whatIsWrong = (bytes: Uint8Array) => expect(readHprof(() => [bytes], 'the file')).rejects;
const oneLine = (message: RegExp) => ({ code: 'USAGE', message: expect.stringMatching(message) });
const changed = (change: (heap: Steps, names: Steps) => void) => whatIsWrong(tinyHprof(SHAPE, change));
/** The tiny dump with one more part at the end. */
const added = (write: (writer: HprofWriter) => void) => changed((heap) => heap.set('added', write));

/** A dump of this alone. */
function dump(write: (writer: HprofWriter) => void, tag = 0x0c): Uint8Array {
  const writer = createHprofWriter(SHAPE);
  writer.header();
  writer.record(tag, () => write(writer));
  return writer.bytes();
}

describe.each(SHAPES)('truncated at any byte: $version, $idBytes', (shape) => {
  it('says where it ends and in what', async () => {
    const bytes = tinyHprof(shape);
    for (let end = 0; end < bytes.length; end++)
      await whatIsWrong(bytes.subarray(0, end)).toMatchObject(
        oneLine(new RegExp(`^the file: (truncated: it ends at byte ${end}, |it has no heap dump)[^\\n]*$`)),
      );
  });
});

describe('the header:', () => {
  it('of another version', () => {
    const bytes = tinyHprof(SHAPE);
    bytes[17] = '9'.charCodeAt(0);
    return whatIsWrong(bytes).toMatchObject(
      oneLine(
        /^the file: no \.hprof that can be read: byte 0 has "JAVA PROFILE 1\.0\.9", not JAVA PROFILE 1\.0\.1, .*; copy it/,
      ),
    );
  });
  it.each([0, 2, 5, 16, 0xffff_ffff])('identifiers of %i bytes', (size) => {
    const bytes = tinyHprof(SHAPE);
    new DataView(bytes.buffer).setUint32(19, size);
    return whatIsWrong(bytes).toThrow(`byte 19 has identifiers of ${size} bytes, not 4 or 8`);
  });
});

describe('a record', () => {
  it('of an unknown tag', () => {
    const bytes = tinyHprof(SHAPE);
    bytes[HEADER_BYTES] = 0x42;
    return whatIsWrong(bytes).toThrow('byte 31 has the tag 0x42, which no record has');
  });
  it('that is longer than the file', () => {
    const bytes = tinyHprof(SHAPE);
    new DataView(bytes.buffer).setUint32(HEADER_BYTES + 5, 0xffff_ffff);
    return whatIsWrong(bytes).toThrow(
      `truncated: it ends at byte ${bytes.length}, in UTF8, which begins at byte 31`,
    );
  });
  it.each([0, 7])('of a name in %i bytes', (length) => {
    const bytes = tinyHprof(SHAPE);
    new DataView(bytes.buffer).setUint32(HEADER_BYTES + 5, length);
    return whatIsWrong(bytes).toThrow(`byte 31 has UTF8 of ${length} bytes, which must have 8 or more`);
  });
  it('that ends segments is missing', () =>
    whatIsWrong(tinyHprof(SHAPE).subarray(0, -9)).toThrow(
      /truncated: it ends at byte \d+, before HEAP_DUMP_END/,
    ));
  it('with objects is missing', () => {
    const writer = createHprofWriter(SHAPE);
    writer.header();
    return whatIsWrong(writer.bytes()).toThrow('it has no heap dump with an object in it');
  });
});

describe('a part of the heap dump', () => {
  it('of an unknown tag', () =>
    added((w) => w.u1(0x33)).toThrow(/byte \d+ has the tag 0x33, which no part of a heap dump has/));
  it('of an unknown type of elements', () =>
    added((w) => w.primitiveArrayWithoutData(0x7000, 3, 1)).toThrow(
      'an array of the type 0x03, which is none',
    ));
  it('of references that are said to be primitive', () =>
    added((w) => w.primitiveArrayWithoutData(0x7000, TYPE.object, 1)).toThrow('an array of the type 0x02'));
  it('of an unknown type of a field', () =>
    added((w) => w.classDump({ id: 0x7000, fields: [[12, 1]] })).toThrow(
      'a field of the type 0xc, which is none',
    ));

  it.each([
    ['ROOT_STICKY_CLASS', (w: HprofWriter) => w.u1(0x05)],
    ['CLASS_DUMP', (w: HprofWriter) => w.u1(0x20)],
    [
      'INSTANCE_DUMP',
      (w: HprofWriter) => {
        w.u1(0x21);
        w.id(0x7000);
        w.u4(0);
        w.id(ID.object);
        w.u4(0xffff_ffff);
      },
    ],
    [
      'OBJECT_ARRAY_DUMP',
      (w: HprofWriter) => {
        w.u1(0x22);
        w.id(0x7000);
        w.u4(0);
        w.u4(0xffff_ffff);
        w.id(ID.object);
      },
    ],
    [
      'PRIMITIVE_ARRAY_DUMP',
      (w: HprofWriter) => {
        w.u1(0x23);
        w.id(0x7000);
        w.u4(0);
        w.u4(0xffff_ffff);
        w.u1(TYPE.long);
      },
    ],
  ])('%s that goes on past its end', (name, write) =>
    added(write).toThrow(
      new RegExp(`byte \\d+ has ${name} that goes on past byte \\d+, where its heap dump ends`),
    ),
  );

  it.each([0, 1, 2])('CLASS_DUMP whose count number %i is of more than there is', (which) =>
    whatIsWrong(
      dump((w) => {
        w.root(0x05, ID.object);
        w.classDump({ id: ID.object });
        w.classDump({ id: ID.node });
        w.u1(0x20);
        for (let i = 0; i < 7; i++) w.id(0x7000);
        w.u4(0);
        w.u4(0);
        for (let i = 0; i < which; i++) w.u2(0);
        w.u2(0xffff);
      }),
    ).toThrow(/CLASS_DUMP that goes on past byte|a field of the type 0x0/),
  );
});

describe('objects:', () => {
  it('one twice', () =>
    added((w) => w.instance(ID.node1, ID.object, [])).toThrow(
      /byte \d+ has object 0x2048 once more; a file must be/,
    ));
  it('a class twice', () => added((w) => w.classDump({ id: ID.node })).toThrow('object 0x1500 once more'));
  it('of the identifier of null', () =>
    added((w) => w.instance(0, ID.object, [])).toThrow('an object of the identifier 0, which is null'));
  it('of a class that is not there', () =>
    changed((heap) => heap.delete('weak')).toThrow(
      /byte \d+ has object 0x2068, of class 0x1400, which is not in the dump; copy it/,
    ));
  it('of a class that is no class', () =>
    added((w) => w.instance(0x7000, ID.array, [])).toThrow(
      'object 0x7000, of class 0x20b0, which is not in',
    ));
  it('of a class whose superclass is not there', () =>
    changed((heap) => heap.delete('reference')).toThrow('0x1400, a superclass of which is not in the dump'));
  it('with fewer fields than the class has', () =>
    added((w) => w.instance(0x7000, ID.node, [[TYPE.int, 1]])).toThrow(
      'object 0x7000 with 4 bytes of fields; class 0x1500 and its superclasses have 13',
    ));
  it('with more', () =>
    added((w) => w.instance(0x7000, ID.object, [[TYPE.int, 1]])).toThrow('superclasses have 0'));
  it('of 4 GiB and more', () =>
    added((w) => w.primitiveArrayWithoutData(0x7000, TYPE.long, 2 ** 29)).toThrow(
      /byte \d+ has an object of 4294967312 bytes, which is not below 2\^32/,
    ));
  it('none that a root names', () =>
    changed((heap) => heap.delete('roots')).toThrow('it has no root that is an object of it'));
  it('a superclass that is not there does no harm without instances', async () => {
    const bytes = tinyHprof(SHAPE, (heap) =>
      heap.set('added', (w) => w.classDump({ id: 0x7000, superclass: 0x7777 })),
    );
    expect((await readHprof(() => [bytes], 'the file')).nodes).toBe(18);
  });
});

describe('superclasses in a circle', () => {
  it.each([1, 2, 3, 100])('of %i', (length) =>
    added((w) => {
      for (let i = 0; i < length; i++)
        w.classDump({ id: 0x7000 + 8 * i, superclass: 0x7000 + 8 * ((i + 1) % length) });
    }).toThrow(/byte \d+ has class 0x7000, which is its own superclass/),
  );
  it('above other classes', () =>
    added((w) => {
      w.classDump({ id: 0x7000, superclass: 0x7008 });
      w.classDump({ id: 0x7008, superclass: 0x7008 });
      w.instance(0x7010, 0x7000, []);
    }).toThrow('its own superclass'));
});

describe('names that come too late', () => {
  const late = (tag: 'names' | 'loads') => {
    const bytes = createHprofWriter({ ...SHAPE, version: '1.0.1' });
    tinyHprof({ ...SHAPE, version: '1.0.1' }, (heap, names) => {
      bytes.header();
      if (tag === 'loads') names.get('names')?.(bytes);
      bytes.record(0x0c, () => {
        for (const write of heap.values()) write(bytes);
      });
      names.get(tag)?.(bytes);
    });
    return whatIsWrong(bytes.bytes());
  };
  it('of classes', () =>
    late('names').toThrow(/the name java\/lang\/Class, after classes that it is needed for/));
  it('of what is loaded', () => late('loads').toThrow('the name java.lang.Class, after classes'));
});

describe('a file that changes between the first time and the second:', () => {
  const other = (second: Uint8Array) => {
    const [first, again] = [[tinyHprof(SHAPE)], [second]];
    let times = 0;
    return expect(readHprof(() => (times++ === 0 ? first : again), 'the file')).rejects;
  };
  const message = 'it has changed while it was read, twice; give a file that nobody writes to';
  it('it is gone', () => other(new Uint8Array(0)).toThrow(message));
  it('it is shorter', () => other(tinyHprof(SHAPE).subarray(0, -40)).toThrow(message));
  it('it has one object less', () =>
    other(tinyHprof(SHAPE, (heap) => heap.delete('onlyWeak'))).toThrow(message));
  it('it has one more', () =>
    other(tinyHprof(SHAPE, (heap) => heap.set('x', (w) => w.instance(0x7000, ID.object, [])))).toThrow(
      message,
    ));
  it('it has another', () =>
    other(tinyHprof(SHAPE, (heap) => heap.set('onlyWeak', (w) => w.instance(0x7000, ID.object, [])))).toThrow(
      message,
    ));
  it('it has more references', () =>
    other(
      tinyHprof(SHAPE, (heap) =>
        heap.set('array', (w) => w.objectArray(ID.array, ID.object, Array(99).fill(ID.sub))),
      ),
    ).toThrow(message));
});

describe('memory is in proportion to the bytes of a file', () => {
  const COUNT = 20_000;
  const KINDS: Readonly<Record<string, (w: HprofWriter, i: number) => void>> = {
    'arrays without elements': (w, i) => w.primitiveArray(16 + i, TYPE.byte, []),
    'classes without fields': (w, i) => w.classDump({ id: 16 + i }),
    'classes each the superclass of the one before': (w, i) =>
      w.classDump({ id: 16 + i, superclass: 17 + i }),
    'roots alone': (w, i) => (i === 0 ? w.primitiveArray(16, TYPE.byte, []) : w.root(0x05, 16 + i)),
    'instances without fields': (w, i) => (i === 0 ? w.classDump({ id: 16 }) : w.instance(16 + i, 16, [])),
    'fields of references': (w, i) =>
      i < 300 &&
      w.classDump({ id: 16 + i, fields: Array.from({ length: 99 }, () => [TYPE.object, 1] as const) }),
  };
  it.each(SHAPES.slice(0, 2).flatMap((shape) => Object.keys(KINDS).map((kind) => ({ ...shape, kind }))))(
    'of $kind, identifiers of $idBytes bytes',
    async ({ kind, ...shape }) => {
      const writer = createHprofWriter(shape);
      writer.header();
      writer.record(0x0c, () => {
        writer.root(0x05, 16);
        for (let i = 0; i < COUNT; i++) KINDS[kind]?.(writer, i);
      });
      const bytes = writer.bytes();
      const memory = createDumpMemory('the file');
      const { nodes } = await readHprof(() => [bytes], 'the file', memory);
      expect(nodes).toBeGreaterThan(1);
      expect(memory.asked / bytes.length).toBeLessThan(6);
    },
  );

  it('an instance is not walked through more classes than have fields', async () => {
    // 20,000 instances with 20,000 superclasses: 4e8 steps if each were walked.
    const bytes = dump((w) => {
      w.root(0x05, 16);
      for (let i = 0; i < COUNT; i++) w.classDump({ id: 16 + i, superclass: i === 0 ? 0 : 15 + i });
      for (let i = 0; i < COUNT; i++) w.instance(16 + COUNT + i, 15 + COUNT, []);
    });
    const { nodes } = await readHprof(() => [bytes], 'the file');
    expect(nodes).toBe(2 * COUNT + 1);
  });
});
