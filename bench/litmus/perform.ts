/** One step of a program as calls on a kernel, and what it answers, in words that are the same on every kernel. */
import * as u from '../../uffd/index.ts';
import { HUGE, type Step, type StepOf } from './program.ts';

/** What the names of a program stand for on one kernel. */
export interface Names {
  /** Byte address of the area. */
  readonly base: number;
  readonly files: Readonly<Record<string, number>>;
  /** Which of them are of huge pages. */
  readonly hugeFiles: Readonly<Record<string, true>>;
  readonly uffds: Record<string, number>;
  /** Thread ids, to tell whose fault a message is. */
  readonly threads: Readonly<Record<string, number>>;
}

/** A message of a userfaultfd, its addresses in pages from the area on. */
export interface Message {
  readonly event: number;
  /** Of a fault. */
  readonly flags?: number;
  readonly at: number;
  /** Of an event: how long the range is, and of REMAP where it is now. */
  readonly pages?: number;
  readonly to?: number;
  /** The thread that faulted; absent where the message does not say. */
  readonly thread?: string;
}

/** What a step answered. */
export interface Answer {
  /** 'ok', the name of an errno or of a signal, or 'asleep': it has not answered yet. */
  readonly is: string;
  /** What the kernel wrote into the structure: bytes or −errno, a mask, or 'untouched'. */
  readonly out?: number | string;
  /** What was loaded or counted. */
  readonly value?: number;
  readonly messages?: readonly Message[];
  /** Of a fork: the new process. No part of what kernels are compared by. */
  readonly handle?: u.KernelHandle;
}

const P = u.PAGE_BYTES;
const PRESET = 0x5555_5555_5555;
const PROTS = { rw: u.PROT_READ | u.PROT_WRITE, r: u.PROT_READ, w: u.PROT_WRITE, none: u.PROT_NONE } as const;
const ADVICES = {
  DONTNEED: u.MADV_DONTNEED,
  FREE: u.MADV_FREE,
  REMOVE: u.MADV_REMOVE,
  POPULATE_READ: u.MADV_POPULATE_READ,
  POPULATE_WRITE: u.MADV_POPULATE_WRITE,
  DONTFORK: u.MADV_DONTFORK,
  DOFORK: u.MADV_DOFORK,
} as const;

/** Bytes of so many pages. */
function bytes(pages: number): number {
  return Math.round(pages * P);
}

/** −1 where nothing has the name: the kernel says EBADF. */
function named(numbers: Readonly<Record<string, number>>, name: string | undefined): number {
  return name === undefined ? -1 : (numbers[name] ?? -1);
}

/** The answer of a call that says ≥ 0 or −errno. */
function plain(result: number): Answer {
  return { is: result < 0 ? u.errnoName(result) : 'ok' };
}

/** The same where how much is part of it. */
function counted(result: number): Answer {
  return result < 0 ? plain(result) : { is: 'ok', value: result };
}

function constant(name: string): number {
  const value = (u as unknown as Record<string, unknown>)[name];
  if (typeof value !== 'number') throw new Error(`there is no ${name}`);
  return value;
}

/** UFFDIO_COPY_MODE_WP and the like, and bits without a name. */
export function modeBits(
  call: string,
  { mode = [], bits = 0 }: { mode?: readonly string[]; bits?: number },
): number {
  return mode.reduce((sum, name) => sum + constant(`UFFDIO_${call.toUpperCase()}_MODE_${name}`), bits);
}

/** Kept by the thread that has forked it until another has attached: else the process would end. */
const forked: u.Kernel[] = [];

/** This thread's part in forked processes is over. */
export function leaveForked(): void {
  for (const child of forked.splice(0)) child.dispose();
}

type Perform<Call extends Step['call']> = (k: u.Kernel, step: StepOf<Call>, names: Names) => Answer;

const performers: { readonly [Call in Step['call']]: Perform<Call> } = {
  memfd_create: () => ({ is: 'ok' }), // opens a name: see open()
  userfaultfd: () => ({ is: 'ok' }),
  exit: () => ({ is: 'ok' }), // it is another's: see step.ts
  fork: (k) => {
    const child = k.fork();
    if (typeof child === 'number') return plain(child);
    forked.push(child);
    return { is: 'ok', handle: child.handle() };
  },
  ftruncate: (k, { file, pages }, { files }) => plain(k.ftruncate(named(files, file), bytes(pages))),
  fallocate: (k, { file, page, pages, punch = false }, { files }) => {
    const mode = punch ? u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE : 0;
    return plain(k.fallocate(named(files, file), mode, bytes(page), bytes(pages)));
  },
  mmap: (k, step, { base, files }) => {
    const { at, pages, prot = 'rw', file, page = 0 } = step;
    const kind = file === undefined ? u.MAP_PRIVATE | u.MAP_ANONYMOUS : u.MAP_SHARED;
    const fixed = step.over ? u.MAP_FIXED : u.MAP_FIXED_NOREPLACE;
    const huge = step.huge ? u.MAP_HUGETLB | u.MAP_HUGE_2MB : 0;
    const rest = fixed | huge | (step.noreserve ? u.MAP_NORESERVE : 0);
    const flags = (step.private ? u.MAP_PRIVATE : kind) | rest;
    const [address, length] = [base + bytes(at), bytes(pages)];
    if (!step.over) k.munmap(address, length); // MAP_FIXED in two calls: over a hole, linux's machine takes it for a mistake
    return plain(k.mmap(address, length, PROTS[prot], flags, named(files, file), bytes(page)));
  },
  munmap: (k, { at, pages }, { base }) => plain(k.munmap(base + bytes(at), bytes(pages))),
  mremap: (k, { at, pages, to, keep = false, over = false }, { base }) => {
    const flags = u.MREMAP_MAYMOVE | u.MREMAP_FIXED | (keep ? u.MREMAP_DONTUNMAP : 0);
    const [from, length, target] = [base + bytes(at), bytes(pages), base + bytes(to)];
    if (over || (target < from + length && from < target + length))
      return plain(k.mremap(from, length, length, flags, target));
    // As for mmap; and with a page on either side, so that what is moved never becomes one mapping with its neighbours.
    const page = to < HUGE ? P : u.HUGE_PAGE_BYTES;
    const room = (Math.floor(target / page) - 1) * page;
    const whole = (Math.ceil((target + length) / page) + 1) * page - room;
    if (room < from + length && from < room + whole) return { is: 'too near' };
    k.munmap(room, whole);
    k.mmap(room, whole, u.PROT_NONE, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE, -1, 0);
    return plain(k.mremap(from, length, length, flags, target));
  },
  mprotect: (k, { at, pages, prot = 'rw' }, { base }) =>
    plain(k.mprotect(base + bytes(at), bytes(pages), PROTS[prot])),
  madvise: (k, { at, pages, advice }, { base }) =>
    plain(k.madvise(base + bytes(at), bytes(pages), ADVICES[advice])),
  api: (k, { uffd, features = [], version = u.UFFD_API }, { uffds }) => {
    const set = features.reduce((all, name) => all | featureBit(name), 0n);
    const arg = u.uffdioApi.encode({ api: version, features: set, ioctls: BigInt(PRESET) });
    const answer = plain(k.ioctl(named(uffds, uffd), u.UFFDIO_API, arg));
    const ioctls = u.uffdioApi.take(arg, 'ioctls'); // which features are told differs between kernels
    return { ...answer, out: ioctls === BigInt(PRESET) ? 'untouched' : `0x${ioctls.toString(16)}` };
  },
  register: (k, step, { base, uffds }) => {
    const range = { start: base + bytes(step.at), len: bytes(step.pages) };
    const mode = modeBits('register', step);
    const arg = u.uffdioRegister.encode({ ...range, mode, ioctls: BigInt(PRESET) });
    const answer = plain(k.ioctl(named(uffds, step.uffd), u.UFFDIO_REGISTER, arg));
    const ioctls = u.uffdioRegister.take(arg, 'ioctls');
    return { ...answer, out: ioctls === BigInt(PRESET) ? 'untouched' : `0x${ioctls.toString(16)}` };
  },
  unregister: (k, step, names) => rangeCall(k, u.UFFDIO_UNREGISTER, step, names),
  wake: (k, step, names) => rangeCall(k, u.UFFDIO_WAKE, step, names),
  writeprotect: (k, step, { base, uffds }) => {
    const range = { start: base + bytes(step.at), len: bytes(step.pages) };
    const arg = u.uffdioWriteprotect.encode({ ...range, mode: modeBits('writeprotect', step) });
    return plain(k.ioctl(named(uffds, step.uffd), u.UFFDIO_WRITEPROTECT, arg));
  },
  copy: (k, step, { base, uffds }) => {
    const [dst, src, len] = [base + bytes(step.at), base + bytes(step.from), bytes(step.pages)];
    const arg = u.uffdioCopy.encode({ dst, src, len, mode: modeBits('copy', step), copy: PRESET });
    const answer = plain(k.ioctl(named(uffds, step.uffd), u.UFFDIO_COPY, arg));
    return { ...answer, out: told(u.uffdioCopy.take(arg, 'copy')) };
  },
  move: (k, step, { base, uffds }) => {
    const [dst, src, len] = [base + bytes(step.at), base + bytes(step.from), bytes(step.pages)];
    const arg = u.uffdioMove.encode({ dst, src, len, mode: modeBits('move', step), move: PRESET });
    const answer = plain(k.ioctl(named(uffds, step.uffd), u.UFFDIO_MOVE, arg));
    return { ...answer, out: told(u.uffdioMove.take(arg, 'move')) };
  },
  zeropage: (k, step, names) => {
    const arg = u.uffdioZeropage.encode({ ...fillRange(step, names), zeropage: PRESET });
    const answer = plain(k.ioctl(named(names.uffds, step.uffd), u.UFFDIO_ZEROPAGE, arg));
    return { ...answer, out: told(u.uffdioZeropage.take(arg, 'zeropage')) };
  },
  continue: (k, step, names) => {
    const arg = u.uffdioContinue.encode({ ...fillRange(step, names), mapped: PRESET });
    const answer = plain(k.ioctl(named(names.uffds, step.uffd), u.UFFDIO_CONTINUE, arg));
    return { ...answer, out: told(u.uffdioContinue.take(arg, 'mapped')) };
  },
  poison: (k, step, names) => {
    const arg = u.uffdioPoison.encode({ ...fillRange(step, names), updated: PRESET });
    const answer = plain(k.ioctl(named(names.uffds, step.uffd), u.UFFDIO_POISON, arg));
    return { ...answer, out: told(u.uffdioPoison.take(arg, 'updated')) };
  },
  read: (k, { uffd, messages = 1 }, names) => {
    const into = new Uint8Array(messages * u.uffdMsg.size);
    const result = k.read(named(names.uffds, uffd), into);
    if (result < 0) return plain(result);
    const found = Array.from({ length: result / u.uffdMsg.size }, (_, i) => {
      const message = u.uffdMsg.decode(into.subarray(i * u.uffdMsg.size));
      if (message.event !== u.UFFD_EVENT_FORK) return messageOf(message, names);
      names.uffds[`${uffd}child`] = message.ufd;
      return { event: message.event, at: 0 };
    });
    return { is: 'ok', messages: found };
  },
  poll: (k, { uffd }, { uffds }) => counted(k.poll(named(uffds, uffd), u.POLLIN, 0)),
  close: (k, { uffd }, { uffds }) => plain(k.close(named(uffds, uffd))),
  load: (k, { at }, { base }) => accessed(() => k.load32(base + bytes(at))),
  store: (k, { at, value }, { base }) => accessed(() => void k.store32(base + bytes(at), value)),
  pread: (k, { file, page, at, pages }, { base, files }) =>
    counted(k.pread(named(files, file), base + bytes(at), bytes(pages), bytes(page))),
  pwrite: (k, { file, page, at, pages }, { base, files }) =>
    counted(k.pwrite(named(files, file), base + bytes(at), bytes(pages), bytes(page))),
};

function featureBit(name: string): bigint {
  const bit = (u as unknown as Record<string, unknown>)[`UFFD_FEATURE_${name}`];
  if (typeof bit !== 'bigint') throw new Error(`there is no UFFD_FEATURE_${name}`);
  return bit;
}

function rangeCall(
  k: u.Kernel,
  request: number,
  step: StepOf<'wake' | 'unregister'>,
  { base, uffds }: Names,
): Answer {
  const arg = u.uffdioRange.encode({ start: base + bytes(step.at), len: bytes(step.pages) });
  return plain(k.ioctl(named(uffds, step.uffd), request, arg));
}

function fillRange(step: StepOf<'zeropage' | 'continue' | 'poison'>, { base }: Names) {
  return { start: base + bytes(step.at), len: bytes(step.pages), mode: modeBits(step.call, step) };
}

/** A field that the kernel may have written: −errno by its name. */
function told(out: number): number | string {
  if (out === PRESET) return 'untouched';
  return out < 0 ? u.errnoName(out) : out;
}

function messageOf(message: u.UffdMsg, { base, threads }: Names): Message {
  const pagesTo = (address: number): number => (address - base) / P;
  switch (message.event) {
    case u.UFFD_EVENT_PAGEFAULT: {
      const { event, flags, address, ptid } = message;
      const found = { event, flags, at: pagesTo(address) };
      const thread = Object.keys(threads).find((name) => threads[name] === ptid);
      return thread === undefined ? found : { ...found, thread };
    }
    case u.UFFD_EVENT_REMAP: {
      const { event, from, to, len } = message;
      return { event, at: pagesTo(from), pages: len / P, to: pagesTo(to) };
    }
    case u.UFFD_EVENT_REMOVE:
    case u.UFFD_EVENT_UNMAP: {
      const { event, start, end } = message;
      return { event, at: pagesTo(start), pages: (end - start) / P };
    }
    default:
      throw new Error(`a message of event ${message.event}, which no program can ask for`);
  }
}

function accessed(access: () => number | undefined): Answer {
  try {
    const value = access();
    return typeof value === 'number' ? { is: 'ok', value } : { is: 'ok' };
  } catch (error) {
    if (error instanceof u.AccessError) return { is: error.code };
    throw error;
  }
}

/** @throws Error for what no kernel answers: a name that no flag has */
export function perform(kernel: u.Kernel, step: Step, names: Names): Answer {
  return (performers[step.call] as Perform<Step['call']>)(kernel, step as never, names);
}

/** A step that gives a name to a new descriptor. */
export function open(kernel: u.Kernel, step: StepOf<'memfd_create' | 'userfaultfd'>): number {
  if (step.call === 'memfd_create')
    return kernel.memfd_create(step.file, step.huge ? u.MFD_HUGETLB | u.MFD_HUGE_2MB : 0);
  const flags = (step.flags ?? []).map((name) => constant(name === 'O_NONBLOCK' ? name : `UFFD_${name}`));
  return kernel.userfaultfd(flags.reduce((all, bit) => all | bit, 0));
}
