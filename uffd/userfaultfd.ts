/**
 * A typed userfaultfd over any kernel: what people use instead of packing structures. Operations on pages answer
 * `{ done, errno }`, since they may stop half way for reasons that are no mistake; misuse throws a SyscallError in
 * Node's shape.
 */

import { type Field, loadS64, loadU32, loadU64, store64 } from './abi/layout.ts';
import {
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_ZEROPAGE,
  type UffdMsg,
  type UffdPagefault,
  uffdioApi,
  uffdioContinue,
  uffdioCopy,
  uffdioMove,
  uffdioPoison,
  uffdioRange,
  uffdioRegister,
  uffdioZeropage,
  uffdMsg,
  uffdMsgPagefault,
} from './abi.ts';
import { EAGAIN, SyscallError } from './errno.ts';
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
  /** Makes every later access to the pages a SIGBUS. Not on sim. */
  poison(start: number, length: number, mode?: number): PageOutcome;
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
  // One buffer a request, reused: these calls sit in fault handlers.
  const copyArg = new Uint8Array(uffdioCopy.size);
  const zeropageArg = new Uint8Array(uffdioZeropage.size);
  const continueArg = new Uint8Array(uffdioContinue.size);
  const moveArg = new Uint8Array(uffdioMove.size);
  const poisonArg = new Uint8Array(uffdioPoison.size);
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
    copy(destination, source, length, mode = 0) {
      uffdioCopy.encode({ dst: destination, src: source, len: length, mode }, copyArg);
      const errno = kernel.ioctl(fd, UFFDIO_COPY, copyArg);
      return outcome('UFFDIO_COPY', errno, outField(copyArg, uffdioCopy.fields.copy), destination, length);
    },
    zeropage(start, length, mode = 0) {
      uffdioZeropage.encode({ start, len: length, mode }, zeropageArg);
      const errno = kernel.ioctl(fd, UFFDIO_ZEROPAGE, zeropageArg);
      return outcome(
        'UFFDIO_ZEROPAGE',
        errno,
        outField(zeropageArg, uffdioZeropage.fields.zeropage),
        start,
        length,
      );
    },
    continue(start, length, mode = 0) {
      setFields(continueArg, start, length, mode);
      const errno = kernel.ioctl(fd, UFFDIO_CONTINUE, continueArg);
      return outcome(
        'UFFDIO_CONTINUE',
        errno,
        outField(continueArg, uffdioContinue.fields.mapped),
        start,
        length,
      );
    },
    move(destination, source, length, mode = 0) {
      uffdioMove.encode({ dst: destination, src: source, len: length, mode }, moveArg);
      const errno = kernel.ioctl(fd, UFFDIO_MOVE, moveArg);
      return outcome('UFFDIO_MOVE', errno, outField(moveArg, uffdioMove.fields.move), destination, length);
    },
    poison(start, length, mode = 0) {
      uffdioPoison.encode({ start, len: length, mode }, poisonArg);
      const errno = kernel.ioctl(fd, UFFDIO_POISON, poisonArg);
      return outcome('UFFDIO_POISON', errno, outField(poisonArg, uffdioPoison.fields.updated), start, length);
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

// What follows runs once a fault: field by field, without a codec's object in between.

function setFields(arg: Uint8Array, start: number, length: number, mode: number): void {
  const { fields } = uffdioContinue;
  if (!(Number.isInteger(start) && Number.isInteger(length) && Number.isInteger(mode))) {
    throw new RangeError(`UFFDIO_CONTINUE: ${start}, ${length} and ${mode} are not all integers`);
  }
  store64(arg, fields.start.at, start);
  store64(arg, fields.len.at, length);
  store64(arg, fields.mode.at, mode);
  store64(arg, fields.mapped.at, 0);
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

function outField(arg: Uint8Array, { at }: Field): number {
  return loadS64(arg, at);
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
