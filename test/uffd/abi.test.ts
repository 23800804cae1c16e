/**
 * The wire format: golden bytes written by hand, the request numbers, a slow second codec, and what a C compiler
 * makes of the system's own header.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as abi from '../../dist/uffd/abi.js';
import * as errno from '../../dist/uffd/errno.js';

/** Bytes from words of little-endian hex as a dump shows them, e.g. `00 10 00`. */
const bytes = (dump: string) =>
  Uint8Array.from(
    dump
      .trim()
      .split(/\s+/)
      .map((byte) => Number.parseInt(byte, 16)),
  );
const hexDump = (from: Uint8Array) => Buffer.from(from).toString('hex');

// biome-ignore format: a table
const golden = [
  [abi.uffdioApi, { api: 0xaa, features: 0x8000_0000_0000_07ffn, ioctls: 0x8000_0000_0000_0003n },
    `aa 00 00 00 00 00 00 00  ff 07 00 00 00 00 00 80  03 00 00 00 00 00 00 80`],
  [abi.uffdioRange, { start: 0x7f12_3456_7000, len: 0x1_0000_2000 },
    `00 70 56 34 12 7f 00 00  00 20 00 00 01 00 00 00`],
  [abi.uffdioRegister, { start: 0x7f12_3456_7000, len: 0x2000, mode: 5, ioctls: 0x1bcn },
    `00 70 56 34 12 7f 00 00  00 20 00 00 00 00 00 00  05 00 00 00 00 00 00 00  bc 01 00 00 00 00 00 00`],
  [abi.uffdioCopy, { dst: 0x7f12_3456_7000, src: 0xfedc_ba98, len: 0x3000, mode: 3, copy: -11 },
    `00 70 56 34 12 7f 00 00  98 ba dc fe 00 00 00 00  00 30 00 00 00 00 00 00  03 00 00 00 00 00 00 00
     f5 ff ff ff ff ff ff ff`],
  [abi.uffdioZeropage, { start: 0x1000, len: 0x2000, mode: 1, zeropage: 0x1_0000_0000 },
    `00 10 00 00 00 00 00 00  00 20 00 00 00 00 00 00  01 00 00 00 00 00 00 00  00 00 00 00 01 00 00 00`],
  [abi.uffdioWriteprotect, { start: 0x1000, len: 0x2000, mode: 2 },
    `00 10 00 00 00 00 00 00  00 20 00 00 00 00 00 00  02 00 00 00 00 00 00 00`],
  [abi.uffdioPoison, { start: 0x7f12_3456_7000, len: 0x1000, mode: 1, updated: -11 },
    `00 70 56 34 12 7f 00 00  00 10 00 00 00 00 00 00  01 00 00 00 00 00 00 00  f5 ff ff ff ff ff ff ff`],
  [abi.uffdioMove, { dst: 0x7f12_3456_7000, src: 0x7f12_fedc_b000, len: 0x1_0000, mode: 3, move: -17 },
    `00 70 56 34 12 7f 00 00  00 b0 dc fe 12 7f 00 00  00 00 01 00 00 00 00 00  03 00 00 00 00 00 00 00
     ef ff ff ff ff ff ff ff`],
  [abi.uffdioContinue, { start: 0x1000, len: 0x2000, mode: 1, mapped: -17 },
    `00 10 00 00 00 00 00 00  00 20 00 00 00 00 00 00  01 00 00 00 00 00 00 00  ef ff ff ff ff ff ff ff`],
] as const;

type Value = number | bigint;
/** The constants of a module, by name. */
function constants(module: object): Map<string, Value> {
  const isConstant = (row: [string, unknown]): row is [string, Value] =>
    /^(number|bigint)$/.test(typeof row[1]);
  return new Map(Object.entries(module).filter(isConstant));
}
const ours = new Map([...constants(abi), ...constants(errno)]);

type AnyValues = Record<string, Value>;
/** A structure whose fields the compiler is not asked about. */
type AnyStructure = {
  readonly name: string;
  readonly size: number;
  readonly fields: abi.Fields;
  encode(values: AnyValues, into?: Uint8Array): Uint8Array;
  decode(bytes: Uint8Array, at?: number): AnyValues;
  put(bytes: Uint8Array, name: string, value: Value): void;
  take(bytes: Uint8Array, name: string): Value;
};
const structures = golden.map(([codec]) => codec as unknown as AnyStructure);

describe('structures', () => {
  for (const [codec, values, dump] of golden) {
    const any = codec as unknown as AnyStructure;
    it(`${any.name} has these bytes`, () => {
      expect(any.size).toBe(bytes(dump).length);
      expect(hexDump(any.encode(values as AnyValues))).toBe(hexDump(bytes(dump)));
      expect(any.decode(bytes(dump))).toEqual(values);
    });
    it(`${any.name} is tiled by its fields`, () => {
      const width = { u8: 1, u32: 4, u64: 8, s64: 8, mask64: 8 };
      let end = 0;
      for (const field of Object.values(any.fields)) {
        expect(field.at).toBe(end);
        end += width[field.kind];
      }
      expect(end).toBe(any.size);
    });
  }

  it('put and take touch one field', () => {
    const copy = abi.uffdioCopy.encode({ dst: 0x1000, src: 0x2000, len: 0x3000, mode: 1 });
    expect(abi.uffdioCopy.take(copy, 'copy')).toBe(0);
    abi.uffdioCopy.put(copy, 'copy', -17);
    expect(abi.uffdioCopy.take(copy, 'copy')).toBe(-17);
    expect(abi.uffdioCopy.decode(copy)).toEqual({
      dst: 0x1000,
      src: 0x2000,
      len: 0x3000,
      mode: 1,
      copy: -17,
    });
    abi.uffdioRegister.put(new Uint8Array(32), 'ioctls', 4n);
  });

  it('are written and read where they are told, in a shared buffer too', () => {
    const into = new Uint8Array(new SharedArrayBuffer(64)).fill(0xee);
    expect(abi.uffdioRange.encode({ start: 0x1000, len: 0x2000 }, into, 24)).toBe(into);
    expect(abi.uffdioRange.decode(into, 24)).toEqual({ start: 0x1000, len: 0x2000 });
    expect(new Set([...into.subarray(0, 24), ...into.subarray(40)])).toEqual(new Set([0xee]));
  });

  it('answers left out are zero, whatever was there', () => {
    const into = new Uint8Array(40).fill(0xee);
    abi.uffdioCopy.encode({ dst: 0, src: 0, len: 0, mode: 0 }, into);
    expect(into).toEqual(new Uint8Array(40));
  });

  it('too few bytes are a RangeError that names the structure and both sizes', () => {
    for (const codec of structures) {
      const short = new Uint8Array(codec.size - 1);
      const message = `${codec.name} is ${codec.size} bytes, the buffer has ${codec.size - 1}`;
      const field = Object.keys(codec.fields)[0]!;
      expect(() => codec.decode(short)).toThrow(new RangeError(message));
      expect(() => codec.encode({}, short)).toThrow(new RangeError(message));
      expect(() => codec.take(short, field)).toThrow(new RangeError(message));
      expect(() => codec.put(short, field, 0)).toThrow(new RangeError(message));
      expect(() => codec.decode(new Uint8Array(codec.size), 1)).toThrow(`${message} from byte 1`);
      expect(() => codec.decode(new Uint8Array(codec.size), -1)).toThrow(RangeError);
    }
  });

  it('what is no integer, or left out, is refused', () => {
    for (const start of [Number.NaN, 0.5, Number.POSITIVE_INFINITY]) {
      expect(() => abi.uffdioRange.encode({ start, len: 0 })).toThrow('uffdio_range.start');
    }
    const short = { start: 0 } as { start: number; len: number };
    expect(() => abi.uffdioRange.encode(short)).toThrow(
      new RangeError('uffdio_range.len: undefined is not an integer'),
    );
    const api = { api: 0xaa, features: 1 as unknown as bigint };
    expect(() => abi.uffdioApi.encode(api)).toThrow(new RangeError('uffdio_api.features: 1 is not a bigint'));
  });
});

// Properties. Whole pages up to 2^64 are exact in a double; other numbers up to 2^53.
const u64 = fc.oneof(
  fc.maxSafeNat(),
  fc.bigInt(0n, 2n ** 52n - 1n).map((page) => Number(page << 12n)),
);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const arbitraryOf: Record<abi.Kind, fc.Arbitrary<Value>> = {
  u8: fc.integer({ min: 0, max: 255 }),
  u32,
  u64,
  s64: fc.maxSafeInteger(),
  mask64: fc.bigInt(0n, 2n ** 64n - 1n),
};
const valuesOf = (fields: abi.Fields): fc.Arbitrary<AnyValues> =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, { kind }]) => [name, arbitraryOf[kind]])));

/** The obvious slow encoder: every field of these structures is 8 bytes. */
function slowEncode(codec: AnyStructure, values: AnyValues): Uint8Array {
  const view = new DataView(new ArrayBuffer(codec.size));
  for (const [name, { at }] of Object.entries(codec.fields))
    view.setBigInt64(at, BigInt(values[name]!), true);
  return new Uint8Array(view.buffer);
}

describe('properties', () => {
  for (const codec of structures) {
    it(`${codec.name}: decode(encode(x)) = x, and the bytes are the slow encoder's`, () => {
      fc.assert(
        fc.property(valuesOf(codec.fields), (values) => {
          const packed = codec.encode(values);
          expect(packed).toEqual(slowEncode(codec, values));
          expect(codec.decode(packed)).toEqual(values);
          for (const name of Object.keys(values)) expect(codec.take(packed, name)).toBe(values[name]);
        }),
      );
    });
  }

  it('an unsigned field takes a negative number as C would', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: -1 }), (len) => {
        const packed = abi.uffdioRange.encode({ start: 0, len });
        const expected = Buffer.alloc(16);
        expected.writeBigUInt64LE(BigInt.asUintN(64, BigInt(len)), 8);
        expect(hexDump(packed)).toBe(hexDump(expected));
      }),
    );
  });

  it('any 8 bytes decode to the nearest double', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        const packed = new Uint8Array(40);
        new DataView(packed.buffer).setBigUint64(0, value, true);
        new DataView(packed.buffer).setBigUint64(32, value, true);
        expect(abi.uffdioCopy.take(packed, 'dst')).toBe(Number(value));
        expect(abi.uffdioCopy.take(packed, 'copy')).toBe(Number(BigInt.asIntN(64, value)));
      }),
    );
  });
});

// biome-ignore format: a table
const goldenMessages: readonly (readonly [abi.UffdMsg, string])[] = [
  [{ event: abi.UFFD_EVENT_PAGEFAULT, flags: 5, address: 0x7f12_3456_7000, ptid: 0xfedc_ba98 },
    `12 00 00 00 00 00 00 00  05 00 00 00 00 00 00 00  00 70 56 34 12 7f 00 00  98 ba dc fe 00 00 00 00`],
  [{ event: abi.UFFD_EVENT_FORK, ufd: 0x0102 },
    `13 00 00 00 00 00 00 00  02 01 00 00 00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00`],
  [{ event: abi.UFFD_EVENT_REMAP, from: 0x1000, to: 0x7f12_3456_7000, len: 0x3000 },
    `14 00 00 00 00 00 00 00  00 10 00 00 00 00 00 00  00 70 56 34 12 7f 00 00  00 30 00 00 00 00 00 00`],
  [{ event: abi.UFFD_EVENT_REMOVE, start: 0x1000, end: 0x2000 },
    `15 00 00 00 00 00 00 00  00 10 00 00 00 00 00 00  00 20 00 00 00 00 00 00  00 00 00 00 00 00 00 00`],
  [{ event: abi.UFFD_EVENT_UNMAP, start: 0x1000, end: 0x2000 },
    `16 00 00 00 00 00 00 00  00 10 00 00 00 00 00 00  00 20 00 00 00 00 00 00  00 00 00 00 00 00 00 00`],
];

const messages: fc.Arbitrary<abi.UffdMsg> = fc.oneof(
  fc.record({ event: fc.constant(abi.UFFD_EVENT_PAGEFAULT), flags: u64, address: u64, ptid: u32 }),
  fc.record({ event: fc.constant(abi.UFFD_EVENT_FORK), ufd: u32 }),
  fc.record({ event: fc.constant(abi.UFFD_EVENT_REMAP), from: u64, to: u64, len: u64 }),
  fc.record({ event: fc.constantFrom(abi.UFFD_EVENT_REMOVE, abi.UFFD_EVENT_UNMAP), start: u64, end: u64 }),
);

describe('uffd_msg', () => {
  for (const [message, dump] of goldenMessages) {
    it(`event 0x${message.event.toString(16)} has these bytes, the unused ones zero`, () => {
      const into = new Uint8Array(32).fill(0xee);
      expect(hexDump(abi.uffdMsg.encode(message, into))).toBe(hexDump(bytes(dump)));
      expect(abi.uffdMsg.decode(bytes(dump))).toEqual(message);
    });
  }

  it('decode(encode(x)) = x at any place in a buffer, and nothing around it changes', () => {
    fc.assert(
      fc.property(messages, fc.nat({ max: 3 }), (message, index) => {
        const into = new Uint8Array(128).fill(0xee);
        abi.uffdMsg.encode(message, into, index * 32);
        expect(abi.uffdMsg.decode(into, index * 32)).toEqual(message);
        const around = [...into.subarray(0, index * 32), ...into.subarray(index * 32 + 32)];
        expect(around.every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });

  it('the type is told apart by the event', () => {
    const message = abi.uffdMsg.decode(bytes(goldenMessages[0]![1]));
    const address: number = message.event === abi.UFFD_EVENT_PAGEFAULT ? message.address : -1;
    expect(address).toBe(0x7f12_3456_7000);
  });

  it('an unknown event keeps its bytes, in a copy', () => {
    const from = Uint8Array.from({ length: 32 }, (_, i) => 0x17 + i);
    const message = abi.uffdMsg.decode(from);
    expect(message).toEqual({ event: 0x17, raw: from });
    expect(abi.uffdMsg.encode(message)).toEqual(from);
    from.fill(0);
    expect((message as abi.UffdUnknown).raw[31]).toBe(0x36);
  });

  it('too few bytes are a RangeError', () => {
    const expected = new RangeError('uffd_msg is 32 bytes, the buffer has 31');
    expect(() => abi.uffdMsg.decode(new Uint8Array(31))).toThrow(expected);
    for (const [message] of goldenMessages) {
      expect(() => abi.uffdMsg.encode(message, new Uint8Array(31))).toThrow(expected);
    }
    expect(() => abi.uffdMsg.decode(new Uint8Array(32), 32)).toThrow('the buffer has 0 from byte 32');
  });
});

// biome-ignore format: a table
const requests = [
  ['UFFDIO_API', 0xc018aa3f, 24], ['UFFDIO_REGISTER', 0xc020aa00, 32], ['UFFDIO_UNREGISTER', 0x8010aa01, 16],
  ['UFFDIO_WAKE', 0x8010aa02, 16], ['UFFDIO_COPY', 0xc028aa03, 40], ['UFFDIO_ZEROPAGE', 0xc020aa04, 32],
  ['UFFDIO_WRITEPROTECT', 0xc018aa06, 24], ['UFFDIO_CONTINUE', 0xc020aa07, 32],
  ['UFFDIO_CONTINUE_IOR', 0x8020aa07, 32], ['UFFDIO_MOVE', 0xc028aa05, 40], ['UFFDIO_POISON', 0xc020aa08, 32],
] as const;

describe('numbers', () => {
  for (const [name, number, size] of requests) {
    it(`${name} is 0x${number.toString(16)}`, () => {
      expect(ours.get(name)).toBe(number);
      expect(abi._IOC_SIZE(number)).toBe(size);
      expect(abi._IOC_TYPE(number)).toBe(0xaa);
      expect(abi._IOC_NR(number)).toBe(number & 0xff);
      expect(abi._IOC_DIR(number)).toBe(number >= 2 ** 31 + 2 ** 30 ? 3 : 2);
      expect(abi.requestName(number)).toBe(name);
    });
  }

  it('requests without a structure, and unnamed ones', () => {
    expect(abi._IO(0xaa, 0)).toBe(0xaa00);
    expect(abi.USERFAULTFD_IOC_NEW).toBe(0xaa00);
    expect(abi._IOW(0xaa, 2, 16)).toBe(0x4010aa02);
    expect(abi.requestName(0xc020aa55)).toBe('0xc020aa55');
    expect(abi.requestName(0xaa)).toBe('0xaa');
  });

  it('feature bits 0 to 16, all different, with names', () => {
    const names = Object.keys(abi).filter((name) => name.startsWith('UFFD_FEATURE_'));
    expect(names).toHaveLength(17);
    expect(abi.UFFD_API_FEATURES).toBe(0x1ffffn);
    expect(abi.featureNames(0x8000_0401n)).toEqual([
      'UFFD_FEATURE_PAGEFAULT_FLAG_WP',
      'UFFD_FEATURE_MINOR_SHMEM',
      'bit 31',
    ]);
    expect(abi.featureNames(0x1_f800n)).toEqual([
      'UFFD_FEATURE_EXACT_ADDRESS',
      'UFFD_FEATURE_WP_HUGETLBFS_SHMEM',
      'UFFD_FEATURE_WP_UNPOPULATED',
      'UFFD_FEATURE_POISON',
      'UFFD_FEATURE_WP_ASYNC',
      'UFFD_FEATURE_MOVE',
    ]);
  });

  it('mode bits of what came after 2021', () => {
    expect([abi.UFFDIO_MOVE_MODE_DONTWAKE, abi.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES]).toEqual([1, 2]);
    expect([abi.UFFDIO_POISON_MODE_DONTWAKE, abi.UFFDIO_CONTINUE_MODE_WP]).toEqual([1, 2]);
  });

  it('ioctl masks as the header of Linux 6.8 has them', () => {
    expect(abi.UFFD_API_IOCTLS).toBe(0x8000_0000_0000_0003n);
    expect(abi.UFFD_API_RANGE_IOCTLS).toBe(0x1fcn);
    expect(abi.UFFD_API_RANGE_IOCTLS_BASIC).toBe(0x1ccn);
  });
});

describe('errno', () => {
  const rows = [...constants(errno)].map(([name, value]) => [name, Number(value)] as const);

  it('has the numbers of the system this runs on', { skip: process.platform !== 'linux' }, () => {
    const ofSystem = os.constants.errno as Record<string, number>;
    expect(rows.length).toBeGreaterThan(35);
    for (const [name, number] of rows) {
      if (name !== 'EHWPOISON') expect([name, number]).toEqual([name, ofSystem[name]]);
    }
  });

  it('names and describes each, from either sign', () => {
    for (const [name, number] of rows) {
      const expected = name === 'EWOULDBLOCK' ? 'EAGAIN' : name;
      expect(errno.errnoName(number)).toBe(expected);
      expect(errno.errnoName(-number)).toBe(expected);
      expect(errno.describeErrno(-number)).toMatch(/^\w.*[^.]$/);
    }
    expect(errno.errnoName(-999)).toBe('ERRNO_999');
    expect(errno.describeErrno(999)).toBe('an error this package has no words for');
  });

  it('SyscallError has the shape of Node’s own', () => {
    for (const number of [22, -22]) {
      const error = new errno.SyscallError('UFFDIO_COPY', number);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({
        code: 'EINVAL',
        errno: -22,
        syscall: 'UFFDIO_COPY',
        name: 'SyscallError',
      });
      expect(error.message).toBe(`UFFDIO_COPY: EINVAL, ${errno.describeErrno(22)}`);
    }
    const error = new errno.SyscallError('mmap', errno.ENOMEM, { addr: 0x1000, fd: -1, name: 'heap' });
    expect(error.message).toMatch(/ \(addr 0x1000, fd -1, name heap\)$/);
  });
});

// What a C compiler makes of the header of this system.
const HEADER = '/usr/include/linux/userfaultfd.h';

function missingForC(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `not x86-64 Linux, but ${process.platform}`;
  if (!existsSync(HEADER)) return `${HEADER} is not there`;
  if (!readFileSync(HEADER, 'utf8').includes('MINOR_SHMEM')) return `${HEADER} is older than Linux 5.14`;
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no C compiler by the name cc';
  }
}

const why = missingForC();
if (why !== null) console.warn(`SKIPPED: the ABI is not compared with a C compiler's: ${why}`);

/** Whether the header has all that this package has. */
const isComplete = () => readFileSync(HEADER, 'utf8').includes('UFFD_FEATURE_MOVE');
/** Those of our structures that the header has too. */
function known<S extends { readonly name: string }>(all: readonly S[]): S[] {
  const header = readFileSync(HEADER, 'utf8');
  return all.filter(({ name }) => header.includes(`struct ${name} {`));
}

const INCLUDES = [
  ...['stdio', 'stddef', 'string', 'errno', 'fcntl', 'poll', 'sys/ioctl', 'sys/mman'],
  ...['linux/mman', 'linux/memfd', 'linux/falloc', 'linux/types', 'linux/userfaultfd'],
].map((name) => `#include <${name}.h>`);

/** Where C keeps our flattened fields. */
const EMBEDDED = /^uffdio_(register|zeropage|writeprotect|continue|poison)$/;
const cField = (structure: string, field: string) =>
  EMBEDDED.test(structure) && /^(start|len)$/.test(field) ? `range.${field}` : field;

const cMessages = [
  'arg.pagefault.flags = 5; m.arg.pagefault.address = 0x7f1234567000; m.arg.pagefault.feat.ptid = 0xfedcba98',
  'arg.fork.ufd = 0x0102',
  'arg.remap.from = 0x1000; m.arg.remap.to = 0x7f1234567000; m.arg.remap.len = 0x3000',
  'arg.remove.start = 0x1000; m.arg.remove.end = 0x2000',
  'arg.remove.start = 0x1000; m.arg.remove.end = 0x2000',
];

/** A program that prints `name value` lines: constants, sizes, offsets, and messages in hex. */
function cProgram(): string {
  const values = [...ours.keys()].map(
    (name) => `#ifdef ${name}\nprintf("${name} %llu\\n", (unsigned long long)(${name}));\n#endif`,
  );
  const sizes = known([...structures, abi.uffdMsg]).map(
    ({ name }) => `printf("sizeof(${name}) %zu\\n", sizeof(struct ${name}));`,
  );
  const offsets = known(structures).flatMap(({ name, fields }) =>
    Object.keys(fields).map(
      (field) => `printf("${name}.${field} %zu\\n", offsetof(struct ${name}, ${cField(name, field)}));`,
    ),
  );
  const dumps = cMessages.map(
    (body, i) => `{ struct uffd_msg m; memset(&m, 0, sizeof m); m.event = 0x12 + ${i}; m.${body};
      printf("msg${i} "); for (unsigned b = 0; b < sizeof m; b++) printf("%02x", ((unsigned char *)&m)[b]);
      printf("\\n"); }`,
  );
  const main = ['int main(void) {', ...values, ...sizes, ...offsets, ...dumps, 'return 0; }'];
  return ['#define _GNU_SOURCE', ...INCLUDES, ...main].join('\n');
}

/** What headers between 5.14 and 6.8 may not have yet. */
const YOUNG =
  /EXACT_ADDRESS|WP_HUGETLBFS_SHMEM|WP_UNPOPULATED|POISON|WP_ASYNC|UFFD\w+_MOVE|CONTINUE_MODE_WP|USERFAULTFD_IOC/;
/** Masks that grew with the header: one of the two is part of the other. */
const GREW = ['UFFD_API_FEATURES', 'UFFD_API_RANGE_IOCTLS', 'UFFD_API_RANGE_IOCTLS_BASIC'];

describe.skipIf(why !== null)('against C', () => {
  const printed = new Map<string, string>();
  let folder = '';
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'minorfault-abi-'));
    const source = path.join(folder, 'abi.c');
    writeFileSync(source, cProgram());
    execFileSync('cc', ['-w', '-o', path.join(folder, 'abi'), source]);
    const out = execFileSync(path.join(folder, 'abi'), { encoding: 'utf8' });
    for (const line of out.trim().split('\n')) printed.set(...(line.split(' ') as [string, string]));
  });

  it('every constant has the value of the C header', () => {
    const missing: string[] = [];
    for (const [name, value] of ours) {
      const there = printed.get(name);
      if (there === undefined) missing.push(name);
      else if (GREW.includes(name))
        expect([BigInt(there), BigInt(value)], name).toContain(BigInt(there) & BigInt(value));
      else expect([name, BigInt(there)]).toEqual([name, BigInt(value)]);
    }
    expect(missing.filter((name) => isComplete() || !YOUNG.test(name))).toEqual(['UFFDIO_CONTINUE_IOR']);
  });

  it('every constant of the C header is ours', () => {
    const header = readFileSync(HEADER, 'utf8');
    const names = [...header.matchAll(/^#define\s+(_?U(?:FFD|SERFAULTFD)\w*)[ \t]+\S/gm)].map(
      ([, name]) => name!,
    );
    expect(names.length).toBeGreaterThan(40);
    const unknown = names.filter((name) => !ours.has(name));
    if (isComplete() && unknown.length > 0) {
      console.warn(`The header here is younger than this package; not ours: ${unknown.join(' ')}`);
    } else expect(unknown).toEqual([]);
  });

  it('every structure has the size and the offsets of C', () => {
    for (const { name, size } of known([...structures, abi.uffdMsg])) {
      expect([name, printed.get(`sizeof(${name})`)]).toEqual([name, String(size)]);
    }
    for (const { name, fields } of known(structures)) {
      for (const [field, { at }] of Object.entries(fields)) {
        expect([name, field, printed.get(`${name}.${field}`)]).toEqual([name, field, String(at)]);
      }
    }
  });

  it('every message has the bytes of C', () => {
    for (const [i, [message]] of goldenMessages.entries()) {
      expect(hexDump(abi.uffdMsg.encode(message))).toBe(printed.get(`msg${i}`));
    }
  });
});
