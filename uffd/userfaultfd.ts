/**
 * A typed userfaultfd over any kernel: what people use instead of packing structures. Operations on pages answer
 * `{ done, errno }`, since they may stop half way for reasons that are no mistake; misuse throws a SyscallError in
 * Node's shape.
 */

import { loadU32, loadU64 } from './abi/layout.ts';
import {
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_CONTINUE_IOR,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_ZEROPAGE,
  type UffdMsg,
  type UffdPagefault,
  uffdioApi,
  uffdioContinue,
  uffdioCopy,
  uffdioRange,
  uffdioRegister,
  uffdioWriteprotect,
  uffdMsg,
  uffdMsgPagefault,
} from './abi.ts';
import { EAGAIN, EINVAL, SyscallError } from './errno.ts';
import type { Kernel } from './kernel.ts';

/** How far a page operation got: bytes that took effect, and the errno it stopped with (0: it did not). */
export interface PageOutcome {
  readonly done: number;
  readonly errno: number;
}

/** What {@link openUserfaultfd} asks for. */
export interface UserfaultfdOptions {
  /** O_CLOEXEC, O_NONBLOCK, UFFD_USER_MODE_ONLY (default 0). */
  readonly flags?: number;
  /** Features to enable (default none). */
  readonly features?: bigint;
}

/** A userfaultfd past its handshake. Addresses and lengths are bytes. */
export interface Userfaultfd {
  readonly fd: number;
  /** Watches the range; answers the bit mask of the ioctls that serve it. @throws SyscallError */
  register(start: number, length: number, mode: number): bigint;
  /** @throws SyscallError */
  unregister(start: number, length: number): void;
  /** Lets every thread that sleeps in the range try again. @throws SyscallError */
  wake(start: number, length: number): void;
  copy(destination: number, source: number, length: number, mode?: number): PageOutcome;
  zeropage(start: number, length: number, mode?: number): PageOutcome;
  continue(start: number, length: number, mode?: number): PageOutcome;
  /** Takes the pages from `source`, which is empty afterwards. */
  move(destination: number, source: number, length: number, mode?: number): PageOutcome;
  /** Makes every later access to the pages a SIGBUS. */
  poison(start: number, length: number, mode?: number): PageOutcome;
  /**
   * UFFDIO_WRITEPROTECT_MODE_WP: protects the range. 0: ends that, and wakes who sleeps there; or with
   * UFFDIO_WRITEPROTECT_MODE_DONTWAKE does not. @throws SyscallError
   */
  writeprotect(start: number, length: number, mode: number): void;
  /** The next message; blocks unless O_NONBLOCK, and is then null if there is none. @throws SyscallError */
  read(): UffdMsg | null;
  close(): void;
}

/** Opens a userfaultfd and does the API handshake. @throws SyscallError if the kernel refuses either */
export function openUserfaultfd(kernel: Kernel, options: UserfaultfdOptions = {}): Userfaultfd {
  const fd = kernel.userfaultfd(options.flags ?? 0);
  if (fd < 0) throw new SyscallError('userfaultfd', fd, { flags: options.flags ?? 0 });
  const features = options.features ?? 0n;
  const errno = kernel.ioctl(fd, UFFDIO_API, uffdioApi.encode({ api: UFFD_API, features }));
  if (errno < 0) {
    kernel.close(fd);
    throw new SyscallError('UFFDIO_API', errno, { features });
  }
  return attachUserfaultfd(kernel, fd);
}

/** The same over a descriptor that is past its handshake: for another thread of the machine. */
export function attachUserfaultfd(kernel: Kernel, fd: number): Userfaultfd {
  const on = { kernel, fd };
  const message = new Uint8Array(uffdMsg.size);

  function rangeCall(name: string, request: number, start: number, length: number): void {
    const errno = kernel.ioctl(fd, request, uffdioRange.encode({ start, len: length }));
    if (errno < 0) throw new SyscallError(name, errno, { start, len: length });
  }

  return {
    fd,
    register(start, length, mode) {
      const arg = uffdioRegister.encode({ start, len: length, mode });
      const errno = kernel.ioctl(fd, UFFDIO_REGISTER, arg);
      if (errno < 0) throw new SyscallError('UFFDIO_REGISTER', errno, { start, len: length, mode });
      return uffdioRegister.take(arg, 'ioctls');
    },
    unregister: (start, length) => rangeCall('UFFDIO_UNREGISTER', UFFDIO_UNREGISTER, start, length),
    wake: (start, length) => rangeCall('UFFDIO_WAKE', UFFDIO_WAKE, start, length),
    copy: transferRequest(on, 'UFFDIO_COPY', UFFDIO_COPY),
    zeropage: rangeRequest(on, 'UFFDIO_ZEROPAGE', UFFDIO_ZEROPAGE),
    continue: rangeRequest(on, 'UFFDIO_CONTINUE', UFFDIO_CONTINUE, UFFDIO_CONTINUE_IOR),
    move: transferRequest(on, 'UFFDIO_MOVE', UFFDIO_MOVE),
    poison: rangeRequest(on, 'UFFDIO_POISON', UFFDIO_POISON),
    writeprotect(start, length, mode) {
      const errno = kernel.ioctl(
        fd,
        UFFDIO_WRITEPROTECT,
        uffdioWriteprotect.encode({ start, len: length, mode }),
      );
      if (errno < 0) throw new SyscallError('UFFDIO_WRITEPROTECT', errno, { start, len: length, mode });
    },
    read() {
      const bytes = kernel.read(fd, message);
      if (bytes === -EAGAIN) return null;
      if (bytes < 0) throw new SyscallError('read', bytes, { fd });
      return message[0] === UFFD_EVENT_PAGEFAULT ? readFault(message) : uffdMsg.decode(message);
    },
    close() {
      const errno = kernel.close(fd);
      if (errno < 0) throw new SyscallError('close', errno, { fd });
    },
  };
}

// What follows runs once a fault: field by field, without a codec's object in between, and in whole words, since
// byte by byte a structure takes longer than what is left of a system call. Each request has one buffer, reused.

type RangeRequest = Userfaultfd['continue'];
type TransferRequest = Userfaultfd['copy'];

interface Descriptor {
  readonly kernel: Kernel;
  readonly fd: number;
}

// Where the fields are, in words: the structures of CONTINUE, ZEROPAGE and POISON have theirs alike, and those of
// COPY and MOVE. Constants of this module, which V8 compiles in as numbers.
const START = uffdioContinue.fields.start.at >> 2;
const RANGE_LENGTH = uffdioContinue.fields.len.at >> 2;
const RANGE_MODE = uffdioContinue.fields.mode.at >> 2;
const MAPPED = uffdioContinue.fields.mapped.at >> 2;
const RANGE_WORDS = uffdioContinue.size >> 2;
const DESTINATION = uffdioCopy.fields.dst.at >> 2;
const SOURCE = uffdioCopy.fields.src.at >> 2;
const TRANSFER_LENGTH = uffdioCopy.fields.len.at >> 2;
const TRANSFER_MODE = uffdioCopy.fields.mode.at >> 2;
const COPIED = uffdioCopy.fields.copy.at >> 2;
const TRANSFER_WORDS = uffdioCopy.size >> 2;

/** A request of pages at one place, which some kernels know by another number alone. */
function rangeRequest(
  { kernel, fd }: Descriptor,
  name: string,
  request: number,
  other = request,
): RangeRequest {
  const { ioctl } = kernel;
  let number = request;
  const words = new Int32Array(RANGE_WORDS);
  const arg = new Uint8Array(words.buffer);
  return (start, length, mode = 0) => {
    if (!(Number.isInteger(start) && Number.isInteger(length) && Number.isInteger(mode))) {
      throw new RangeError(`${name}: ${start}, ${length} and ${mode} are not all integers`);
    }
    put64(words, START, start);
    put64(words, RANGE_LENGTH, length);
    put64(words, RANGE_MODE, mode);
    put64(words, MAPPED, 0);
    let errno = ioctl(fd, number, arg);
    if (errno === -EINVAL && number !== other && take64(words, MAPPED) === 0) {
      errno = ioctl(fd, other, arg);
      if (errno !== -EINVAL || take64(words, MAPPED) !== 0) number = other;
    }
    return outcome(name, errno, take64(words, MAPPED), start, length);
  };
}

/** A request of pages from one place to another. */
function transferRequest({ kernel, fd }: Descriptor, name: string, request: number): TransferRequest {
  const { ioctl } = kernel;
  const words = new Int32Array(TRANSFER_WORDS);
  const arg = new Uint8Array(words.buffer);
  return (destination, source, length, mode = 0) => {
    const integers = Number.isInteger(destination) && Number.isInteger(source) && Number.isInteger(length);
    if (!(integers && Number.isInteger(mode))) {
      throw new RangeError(`${name}: ${destination}, ${source}, ${length} and ${mode} are not all integers`);
    }
    put64(words, DESTINATION, destination);
    put64(words, SOURCE, source);
    put64(words, TRANSFER_LENGTH, length);
    put64(words, TRANSFER_MODE, mode);
    put64(words, COPIED, 0);
    const errno = ioctl(fd, request, arg);
    return outcome(name, errno, take64(words, COPIED), destination, length);
  };
}

const TWO_TO_MINUS_32 = 2 ** -32;

/** Stores the low 64 bits of an integer from word `at` on; the two kernels run on little-endian processors. */
function put64(words: Int32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = Math.floor(value * TWO_TO_MINUS_32);
}

function take64(words: Int32Array, at: number): number {
  return (words[at + 1] as number) * 2 ** 32 + ((words[at] as number) >>> 0);
}

function readFault(message: Uint8Array): UffdPagefault {
  const { fields } = uffdMsgPagefault;
  return {
    event: UFFD_EVENT_PAGEFAULT,
    flags: loadU64(message, fields.flags.at),
    address: loadU64(message, fields.address.at),
    ptid: loadU32(message, fields.ptid.at),
  };
}

/**
 * The kernel leaves the output field alone (0, as it was encoded) when the arguments are wrong: that is misuse.
 * Otherwise the field holds the bytes done or −errno.
 */
function outcome(name: string, errno: number, out: number, start: number, length: number): PageOutcome {
  if (errno === 0) return { done: out, errno: 0 };
  if (out === 0) throw new SyscallError(name, errno, { start, len: length });
  return out > 0 ? { done: out, errno: EAGAIN } : { done: 0, errno: -out };
}
