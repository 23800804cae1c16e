/** The system calls on a userfaultfd's descriptor: userfaultfd, ioctl, read, poll, and its fdinfo. */

import { type Field, store64, storeU32 } from '../abi/layout.ts';
import type { UffdRemove } from '../abi.ts';
import {
  _IOC_SIZE,
  O_CLOEXEC,
  O_NONBLOCK,
  POLLERR,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  UFFD_EVENT_FORK,
  UFFD_EVENT_PAGEFAULT,
  UFFD_EVENT_REMAP,
  UFFD_USER_MODE_ONLY,
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
  uffdioContinue,
  uffdioCopy,
  uffdioMove,
  uffdioPoison,
  uffdioZeropage,
  uffdMsg,
  uffdMsgPagefault,
} from '../abi.ts';
import { EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, ENFILE, ENOSYS, ENOTTY } from '../errno.ts';
import { PAGE_BYTES, type UffdInfo } from '../kernel.ts';
import {
  awaitMessage,
  createContext,
  dropContext,
  FEATURE,
  featuresOf,
  hasFeature,
  isInitialised,
  openFlags,
  ownerOf,
  pendingFaults,
  sleepingFaults,
  takeMessage,
  waitingCalls,
} from './context.ts';
import { KIND, openDescriptor, withOpen } from './descriptors.ts';
import { type Event, isChanging, takeEvent } from './events.ts';
import { continueRange, copy, poison, zeropage } from './fill.ts';
import { answer } from './fill-answer.ts';
import { type Machine, NO_USERFAULTFD } from './machine.ts';
import { move } from './move.ts';
import { api, hasRequest, register, unregister, wake } from './register.ts';
import { threadId } from './tasks.ts';
import { writeprotect } from './write-protect.ts';

const MESSAGE_BYTES = uffdMsg.size;

export function userfaultfd(m: Machine, flags: number): number {
  if ((m.lacks & NO_USERFAULTFD) !== 0) return -ENOSYS;
  const known = O_CLOEXEC | O_NONBLOCK | (m.profile.has.userModeOnly ? UFFD_USER_MODE_ONLY : 0);
  if ((flags & ~known) !== 0) return -EINVAL;
  const object = createContext(m, flags);
  if (object < 0) return -ENFILE;
  const fd = openContext(m, object);
  if (fd === -EMFILE) dropContext(m, object);
  return fd;
}

/** A descriptor for a context, with the flags that this was opened with. */
function openContext(m: Machine, object: number): number {
  const flags = openFlags(m, object);
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  return openDescriptor(m, { kind: KIND.userfaultfd, object, flags: flags & O_NONBLOCK, closeOnExec });
}

export function ioctl(m: Machine, task: number, fd: number, request: number, arg: Uint8Array | null): number {
  const number = request >>> 0; // C's unsigned int: a negative number names the same request
  return withOpen(m, fd, ({ kind, object }) => {
    if (kind !== KIND.userfaultfd) return -ENOTTY;
    if (number !== UFFDIO_API && !isInitialised(m, object)) return -EINVAL;
    if (!hasRequest(m, number)) return -EINVAL;
    // Before the argument is looked at: whoever asks for it must read an event first.
    const out = OUT_FIELDS.get(number);
    const isLate = out !== undefined && isChanging(m, object);
    if (isLate && out === null) return -EAGAIN;
    if (arg === null || arg.byteLength < _IOC_SIZE(number)) return -EFAULT;
    if (isLate && out !== null) return answer(arg, out, -EAGAIN, 0);
    return serve(m, task, object, number, arg);
  });
}

/** What is not done while the layout changes, and the field that says so; WRITEPROTECT has none. */
const OUT_FIELDS: ReadonlyMap<number, Field | null> = new Map<number, Field | null>([
  [UFFDIO_COPY, uffdioCopy.fields.copy],
  [UFFDIO_ZEROPAGE, uffdioZeropage.fields.zeropage],
  [UFFDIO_CONTINUE, uffdioContinue.fields.mapped],
  [UFFDIO_CONTINUE_IOR, uffdioContinue.fields.mapped],
  [UFFDIO_MOVE, uffdioMove.fields.move],
  [UFFDIO_POISON, uffdioPoison.fields.updated],
  [UFFDIO_WRITEPROTECT, null],
]);

/** Addresses are those of the process that the context is bound to, whoever asks; a COPY's source is the caller's. */
function serve(caller: Machine, task: number, context: number, request: number, arg: Uint8Array): number {
  const m = ownerOf(caller, context);
  switch (request) {
    case UFFDIO_CONTINUE:
    case UFFDIO_CONTINUE_IOR:
      return continueRange(m, context, arg);
    case UFFDIO_COPY:
      return copy(m, context, { m: caller, task }, arg);
    case UFFDIO_MOVE:
      return m === caller ? move(m, context, arg) : -EINVAL;
    case UFFDIO_POISON:
      return poison(m, context, arg);
    case UFFDIO_WRITEPROTECT:
      return writeprotect(m, context, arg);
    case UFFDIO_ZEROPAGE:
      return zeropage(m, context, arg);
    case UFFDIO_WAKE:
      return wake(m, context, arg);
    case UFFDIO_REGISTER:
      return register(m, context, arg);
    case UFFDIO_UNREGISTER:
      return unregister(m, context, arg);
    default:
      return api(m, context, arg);
  }
}

/** Reads as many messages as fit and are there; −EMFILE where the first is a FORK, and no descriptor is left for it; blocks for the first, while the description stays open. */
export function read(m: Machine, fd: number, into: Uint8Array): number {
  return withOpen(m, fd, ({ kind, object, nonBlocking }) => {
    // A memfd's position is not modelled: pread.
    if (kind !== KIND.userfaultfd || !isInitialised(m, object)) return -EINVAL;
    if (into.byteLength < MESSAGE_BYTES) return -EINVAL;
    for (;;) {
      const bytes = readReady(m, object, into);
      if (bytes !== 0) return bytes;
      if (nonBlocking) return -EAGAIN;
      awaitMessage(m, object, Infinity);
    }
  });
}

function readReady(m: Machine, context: number, into: Uint8Array): number {
  const tellsThread = hasFeature(m, context, FEATURE.threadId);
  const isExact = m.profile.has.exactAddressAlways || hasFeature(m, context, FEATURE.exactAddress);
  let bytes = 0;
  for (; bytes + MESSAGE_BYTES <= into.byteLength; bytes += MESSAGE_BYTES) {
    const message = takeMessage(m, context);
    if (message === null) {
      const event = takeEvent(m, context, (child) => openContext(m, child));
      if (typeof event === 'number') return bytes > 0 ? bytes : event;
      if (event === null) break;
      writeEvent(into, bytes, event);
      continue;
    }
    const { page, offset, flags, task } = message;
    const ptid = tellsThread ? threadId(task) : 0;
    writeFault(into, bytes, page * PAGE_BYTES + (isExact ? offset : 0), flags, ptid);
  }
  return bytes;
}

function writeEvent(into: Uint8Array, at: number, { kind, first, second, third }: Event): void {
  const [start, end, len] = [first * PAGE_BYTES, second * PAGE_BYTES, third * PAGE_BYTES];
  if (kind === UFFD_EVENT_FORK) uffdMsg.encode({ event: kind, ufd: first }, into, at);
  else if (kind === UFFD_EVENT_REMAP) uffdMsg.encode({ event: kind, from: start, to: end, len }, into, at);
  else uffdMsg.encode({ event: kind as UffdRemove['event'], start, end }, into, at);
}

/** Field by field, as fill.ts reads them: it runs once a fault. */
function writeFault(into: Uint8Array, at: number, address: number, flags: number, ptid: number): void {
  const { fields } = uffdMsgPagefault;
  for (let word = at; word < at + MESSAGE_BYTES; word += 4) storeU32(into, word, 0);
  into[at + fields.event.at] = UFFD_EVENT_PAGEFAULT;
  store64(into, at + fields.flags.at, flags);
  store64(into, at + fields.address.at, address);
  storeU32(into, at + fields.ptid.at, ptid);
}

export function poll(m: Machine, fd: number, events: number, timeoutMs: number): number {
  const revents = withOpen(m, fd, ({ kind, object, nonBlocking }) => {
    if (kind !== KIND.userfaultfd) return events & (POLLIN | POLLOUT); // a file in memory is always ready
    if (!isInitialised(m, object) || !nonBlocking) return POLLERR;
    const ready = awaitMessage(m, object, timeoutMs < 0 ? Infinity : timeoutMs);
    return ready ? events & POLLIN : 0;
  });
  if (fd < 0) return 0; // no descriptor is asked about
  return revents === -EBADF ? POLLNVAL : revents;
}

export function fdinfo(m: Machine, fd: number): UffdInfo | number {
  return withOpen<UffdInfo | number>(m, fd, ({ kind, object }) => {
    if (kind !== KIND.userfaultfd) return -EBADF;
    return {
      pending: pendingFaults(m, object),
      total: sleepingFaults(m, object),
      events: waitingCalls(m, object),
      features: BigInt(featuresOf(m, object)),
    };
  });
}
