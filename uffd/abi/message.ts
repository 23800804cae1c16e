/**
 * What read(2) on a userfaultfd delivers: 32-byte messages, a union told apart by their first byte.
 * Source: include/uapi/linux/userfaultfd.h, Linux 5.14; userfaultfd(2). Addresses and lengths are bytes.
 */
import { type Decoded, requireBytes, type Structure, structure } from './layout.ts';

export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_EVENT_FORK = 0x13;
export const UFFD_EVENT_REMAP = 0x14;
export const UFFD_EVENT_REMOVE = 0x15;
export const UFFD_EVENT_UNMAP = 0x16;

/** The access was a write. */
export const UFFD_PAGEFAULT_FLAG_WRITE = 1;
/** The page was write-protected. Always with {@link UFFD_PAGEFAULT_FLAG_WRITE}. */
export const UFFD_PAGEFAULT_FLAG_WP = 2;
/** The page cache had the page. A fault with neither this nor WP is a missing fault. */
export const UFFD_PAGEFAULT_FLAG_MINOR = 4;

/** Bytes in a message. */
const SIZE = 32;
const event = { at: 0, kind: 'u8' } as const;

/** The message of a fault: what most messages are. {@link uffdMsg} tells all of them apart. */
export const uffdMsgPagefault = structure('uffd_msg', SIZE, {
  event,
  flags: { at: 8, kind: 'u64' },
  address: { at: 16, kind: 'u64' },
  ptid: { at: 24, kind: 'u32' },
});
const fork = structure('uffd_msg', SIZE, { event, ufd: { at: 8, kind: 'u32' } });
const remap = structure('uffd_msg', SIZE, {
  event,
  from: { at: 8, kind: 'u64' },
  to: { at: 16, kind: 'u64' },
  len: { at: 24, kind: 'u64' },
});
const range = structure('uffd_msg', SIZE, {
  event,
  start: { at: 8, kind: 'u64' },
  end: { at: 16, kind: 'u64' },
});

/** A structure whose fields the compiler is not asked about. */
type Layout = {
  encode(values: never, into: Uint8Array, at: number): Uint8Array;
  decode(bytes: Uint8Array, at: number): object;
};

/** The layout of each event's message. */
const layoutOf = new Map<number, Layout>([
  [UFFD_EVENT_PAGEFAULT, uffdMsgPagefault],
  [UFFD_EVENT_FORK, fork],
  [UFFD_EVENT_REMAP, remap],
  [UFFD_EVENT_REMOVE, range],
  [UFFD_EVENT_UNMAP, range],
]);

type Body<S> = S extends Structure<infer F> ? Omit<Decoded<F>, 'event'> : never;
type Message<E extends number, S> = { readonly event: E } & Body<S>;

/** A fault: `flags` are UFFD_PAGEFAULT_FLAG_*; `ptid` is 0 unless UFFD_FEATURE_THREAD_ID was asked for. */
export type UffdPagefault = Message<typeof UFFD_EVENT_PAGEFAULT, typeof uffdMsgPagefault>;
/** The process forked: `ufd` is a descriptor for the child's address space. */
export type UffdFork = Message<typeof UFFD_EVENT_FORK, typeof fork>;
/** mremap moved `len` bytes. */
export type UffdRemap = Message<typeof UFFD_EVENT_REMAP, typeof remap>;
/** The pages of [start, end) are being dropped, or unmapped. */
export type UffdRemove = Message<typeof UFFD_EVENT_REMOVE | typeof UFFD_EVENT_UNMAP, typeof range>;
type Known = (UffdPagefault | UffdFork | UffdRemap | UffdRemove)['event'];
type Below<N extends number, Row extends number[] = []> = Row['length'] extends N
  ? Row[number]
  : Below<N, [...Row, Row['length']]>;

/**
 * An event of a kernel younger than this table: a copy of all 32 bytes. The type of `event` leaves out the known
 * ones, so that comparing it tells the members of {@link UffdMsg} apart.
 */
export type UffdUnknown = { readonly event: Exclude<Below<256>, Known>; readonly raw: Uint8Array };
/** A message, told apart by `event`. */
export type UffdMsg = UffdPagefault | UffdFork | UffdRemap | UffdRemove | UffdUnknown;

function encode(message: UffdMsg, into: Uint8Array = new Uint8Array(SIZE), at = 0): Uint8Array {
  const layout = layoutOf.get(message.event);
  if (layout !== undefined) return layout.encode(message as never, into, at);
  const { raw } = message as UffdUnknown;
  requireBytes('uffd_msg', SIZE, into, at);
  requireBytes('uffd_msg (raw)', SIZE, raw, 0);
  into.set(raw.subarray(0, SIZE), at);
  into[at] = message.event;
  return into;
}

function decode(bytes: Uint8Array, at = 0): UffdMsg {
  requireBytes('uffd_msg', SIZE, bytes, at);
  const layout = layoutOf.get(bytes[at]!);
  if (layout !== undefined) return layout.decode(bytes, at) as UffdMsg;
  return { event: bytes[at] as UffdUnknown['event'], raw: bytes.slice(at, at + SIZE) };
}

/** The codec of messages. `at` is the byte a message begins at: read(2) fills a buffer with several. */
export const uffdMsg = { name: 'uffd_msg', size: SIZE, encode, decode } as const;
