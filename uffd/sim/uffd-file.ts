/** The system calls on a userfaultfd's descriptor: userfaultfd, ioctl, read, poll, and its fdinfo. */
import {
  _IOC_SIZE,
  O_CLOEXEC,
  O_NONBLOCK,
  POLLERR,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_THREAD_ID,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_ZEROPAGE,
  uffdMsg,
} from '../abi.ts';
import { EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, ENFILE, ENOTTY } from '../errno.ts';
import { PAGE_BYTES, type UffdInfo } from '../kernel.ts';
import {
  awaitFault,
  createContext,
  featuresOf,
  freeContext,
  isInitialised,
  pendingFaults,
  sleepingFaults,
  takeMessage,
} from './context.ts';
import {
  dropDescription,
  holdDescription,
  isNonBlocking,
  isOpen,
  KIND,
  objectOf,
  openDescriptor,
} from './descriptors.ts';
import { continueRange, copy, zeropage } from './fill.ts';
import type { Machine } from './machine.ts';
import { api, register, unregister, wake } from './register.ts';
import { threadId } from './tasks.ts';

const MESSAGE_BYTES = uffdMsg.size;

export function userfaultfd(m: Machine, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)) !== 0) return -EINVAL;
  const context = createContext(m, (flags & UFFD_USER_MODE_ONLY) !== 0);
  if (context < 0) return -ENFILE;
  const fd = openDescriptor(m, KIND.userfaultfd, context, flags & O_NONBLOCK);
  if (fd === -EMFILE) freeContext(m, context);
  return fd;
}

export function ioctl(m: Machine, task: number, fd: number, request: number, arg: Uint8Array | null): number {
  const context = objectOf(m, fd, KIND.userfaultfd);
  if (context < 0) return isOpen(m, fd) ? -ENOTTY : -EBADF;
  if (request !== UFFDIO_API && !isInitialised(m, context)) return -EINVAL;
  if (!REQUESTS.has(request)) return -EINVAL;
  if (arg === null || arg.byteLength < _IOC_SIZE(request)) return -EFAULT;
  return serve(m, task, context, request, arg);
}

const REQUESTS: ReadonlySet<number> = new Set([
  UFFDIO_API,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_COPY,
  UFFDIO_ZEROPAGE,
  UFFDIO_CONTINUE,
]);

function serve(m: Machine, task: number, context: number, request: number, arg: Uint8Array): number {
  switch (request) {
    case UFFDIO_CONTINUE:
      return continueRange(m, context, arg);
    case UFFDIO_COPY:
      return copy(m, context, task, arg);
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

/** Reads as many messages as fit and are there; blocks for the first. While it blocks, the description stays open. */
export function read(m: Machine, fd: number, into: Uint8Array): number {
  const context = objectOf(m, fd, KIND.userfaultfd);
  if (context < 0) return isOpen(m, fd) ? -EINVAL : -EBADF;
  if (!isInitialised(m, context) || into.byteLength < MESSAGE_BYTES) return -EINVAL;
  const nonBlocking = isNonBlocking(m, fd);
  const description = holdDescription(m, fd);
  if (description < 0) return -EBADF;
  try {
    for (;;) {
      const bytes = readReady(m, context, into);
      if (bytes > 0) return bytes;
      if (nonBlocking) return -EAGAIN;
      awaitFault(m, context);
    }
  } finally {
    dropDescription(m, description);
  }
}

function readReady(m: Machine, context: number, into: Uint8Array): number {
  const tellsThread = (BigInt(featuresOf(m, context)) & UFFD_FEATURE_THREAD_ID) !== 0n;
  let bytes = 0;
  for (; bytes + MESSAGE_BYTES <= into.byteLength; bytes += MESSAGE_BYTES) {
    const message = takeMessage(m, context);
    if (message === null) break;
    const { page, flags, task } = message;
    const ptid = tellsThread ? threadId(task) : 0;
    uffdMsg.encode({ event: UFFD_EVENT_PAGEFAULT, flags, address: page * PAGE_BYTES, ptid }, into, bytes);
  }
  return bytes;
}

export function poll(m: Machine, fd: number, events: number, timeoutMs: number): number {
  if (!isOpen(m, fd)) return POLLNVAL;
  const context = objectOf(m, fd, KIND.userfaultfd);
  if (context < 0) return events & (POLLIN | POLLOUT); // a file in memory is always ready
  if (!isInitialised(m, context) || !isNonBlocking(m, fd)) return POLLERR;
  const description = holdDescription(m, fd);
  if (description < 0) return POLLNVAL;
  try {
    const ready = awaitFault(m, context, timeoutMs < 0 ? Infinity : timeoutMs);
    return ready ? events & POLLIN : 0;
  } finally {
    dropDescription(m, description);
  }
}

export function fdinfo(m: Machine, fd: number): UffdInfo | number {
  const context = objectOf(m, fd, KIND.userfaultfd);
  if (context < 0) return -EBADF;
  return {
    pending: pendingFaults(m, context),
    total: sleepingFaults(m, context),
    features: BigInt(featuresOf(m, context)),
  };
}
