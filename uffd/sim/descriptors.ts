/**
 * File descriptors: a table of small numbers, each naming an open file description, which several may share (dup).
 * A description holds a userfaultfd context or a memfd, and the flags that F_SETFL changes.
 */
import {
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
} from '../abi.ts';
import { EBADF, EINVAL, EMFILE } from '../errno.ts';
import { cas, fetchAdd, loadAcquire, lock, storeRelease, unlock } from '../sync.ts';
import { dropContext } from './context.ts';
import { endShootdown } from './frames.ts';
import { DESCRIPTION_WORDS, MAX_DESCRIPTORS, type Machine, STATE } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import { dropFile } from './page-cache.ts';
import { releaseContext } from './register.ts';

/** What a description is open on. */
export const KIND = { none: 0, userfaultfd: 1, memfd: 2 } as const;
const DESCRIPTION = { references: 0, kind: 1, object: 2, flags: 3 } as const;
/** Below are standard input, output and error, which every process has. */
const FIRST_DESCRIPTOR = 3;
/** What x86-64 Linux shows among the status flags of a memfd. */
const O_LARGEFILE = 0o100000;

// A descriptor's word: the description + 1 (0: closed) above one bit, close-on-exec.
const CLOEXEC = 1;

function openWord(description: number, closeOnExec: boolean): number {
  return ((description + 1) << 1) | (closeOnExec ? CLOEXEC : 0);
}

function wordOf(description: number, word: number): number {
  return description * DESCRIPTION_WORDS + word;
}

function field(m: Machine, description: number, word: number): number {
  return loadAcquire(m.descriptions, wordOf(description, word));
}

function locked(m: Machine, body: () => number): number {
  lock(m.state, STATE.fileLock);
  try {
    return body();
  } finally {
    unlock(m.state, STATE.fileLock);
  }
}

/** What a new descriptor is opened on. */
export interface Opening {
  readonly kind: number;
  readonly object: number;
  /** O_NONBLOCK or 0. */
  readonly flags: number;
  readonly closeOnExec: boolean;
}

/** A descriptor on a new description of the object; −EMFILE if there is no room. */
export function openDescriptor(m: Machine, { kind, object, flags, closeOnExec }: Opening): number {
  return locked(m, () => {
    const description = findFree(m);
    const fd = lowestDescriptor(m, FIRST_DESCRIPTOR);
    if (description < 0 || fd < 0) return -EMFILE;
    m.descriptions.set([1, kind, object, flags], wordOf(description, 0));
    storeRelease(m.descriptors, fd, openWord(description, closeOnExec));
    return fd;
  });
}

function findFree(m: Machine): number {
  for (let i = 0; i < MAX_DESCRIPTORS; i++) if (field(m, i, DESCRIPTION.references) === 0) return i;
  return -1;
}

function lowestDescriptor(m: Machine, from: number): number {
  for (let fd = from; fd < MAX_DESCRIPTORS; fd++) if (loadAcquire(m.descriptors, fd) === 0) return fd;
  return -1;
}

/** The description that a descriptor names, or −1. */
function descriptionOf(m: Machine, fd: number): number {
  if (!Number.isInteger(fd) || fd < 0 || fd >= MAX_DESCRIPTORS) return -1;
  return (loadAcquire(m.descriptors, fd) >>> 1) - 1;
}

/** An open description, as a system call uses it. */
export interface Open {
  readonly kind: number;
  /** The context or the file, by `kind`. */
  readonly object: number;
  readonly nonBlocking: boolean;
}

/**
 * Runs `body` with what the descriptor is open on, which stays so until it ends, whoever closes the descriptor
 * meanwhile. −EBADF if it is not open.
 */
export function withOpen<T>(m: Machine, fd: number, body: (open: Open) => T): T | number {
  const description = hold(m, fd);
  if (description < 0) return -EBADF;
  try {
    return body({
      kind: field(m, description, DESCRIPTION.kind),
      object: field(m, description, DESCRIPTION.object),
      nonBlocking: (field(m, description, DESCRIPTION.flags) & O_NONBLOCK) !== 0,
    });
  } finally {
    drop(m, description);
  }
}

/** The description behind the descriptor, with one more reference; −1 if it is closed. */
function hold(m: Machine, fd: number): number {
  for (;;) {
    const description = descriptionOf(m, fd);
    if (description < 0) return -1;
    const count = wordOf(description, DESCRIPTION.references);
    const users = loadAcquire(m.descriptions, count);
    // Counts us among its users; not if the last one is leaving (0), nor if their number just changed: look again.
    if (users === 0 || !cas(m.descriptions, count, users, users + 1)) continue;
    if (descriptionOf(m, fd) === description) return description;
    drop(m, description); // closed meanwhile, and perhaps another file's by now
  }
}

/** Lets go of a description; the last to do so closes what it is open on. */
function drop(m: Machine, description: number): void {
  const object = field(m, description, DESCRIPTION.object);
  const kind = field(m, description, DESCRIPTION.kind);
  if (fetchAdd(m.descriptions, wordOf(description, DESCRIPTION.references), -1) > 1) return;
  if (kind === KIND.userfaultfd) {
    releaseContext(m, object);
    dropContext(m, object);
    return;
  }
  exclusively(m, () => {
    dropFile(m, object);
    endShootdown(m);
  });
}

export function close(m: Machine, fd: number): number {
  let description = -1;
  locked(m, () => {
    description = descriptionOf(m, fd);
    if (description >= 0) storeRelease(m.descriptors, fd, 0);
    return 0;
  });
  if (description < 0) return -EBADF;
  drop(m, description);
  return 0;
}

export function dup(m: Machine, fd: number): number {
  return duplicate(m, fd, FIRST_DESCRIPTOR, false);
}

function duplicate(m: Machine, fd: number, from: number, closeOnExec: boolean): number {
  return locked(m, () => {
    const description = descriptionOf(m, fd);
    if (description < 0) return -EBADF;
    const copy = lowestDescriptor(m, Math.max(from, FIRST_DESCRIPTOR));
    if (copy < 0) return -EMFILE;
    fetchAdd(m.descriptions, wordOf(description, DESCRIPTION.references), 1);
    storeRelease(m.descriptors, copy, openWord(description, closeOnExec));
    return copy;
  });
}

/** A forked process has each of its parent's, under the same number and on the same description. */
export function inheritDescriptors(m: Machine, child: Machine): void {
  locked(m, () => {
    for (const [fd, word] of m.descriptors.entries()) {
      if (word !== 0) fetchAdd(m.descriptions, wordOf((word >>> 1) - 1, DESCRIPTION.references), 1);
      storeRelease(child.descriptors, fd, word);
    }
    return 0;
  });
}

/** A process ends. */
export function closeAll(m: Machine): void {
  for (let fd = FIRST_DESCRIPTOR; fd < MAX_DESCRIPTORS; fd++) close(m, fd);
}

/** There is no exec here, so close-on-exec is kept for whoever asks, and makes no difference. */
export function fcntl(m: Machine, fd: number, command: number, value: number): number {
  if (descriptionOf(m, fd) < 0) return -EBADF;
  switch (command) {
    case F_GETFL:
      return statusFlags(m, fd);
    case F_SETFL:
      return setStatusFlags(m, fd, value);
    case F_GETFD:
    case F_SETFD:
      return closeOnExec(m, fd, command === F_GETFD ? null : (value & FD_CLOEXEC) !== 0);
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (value < 0 || value >= MAX_DESCRIPTORS) return -EINVAL;
      return duplicate(m, fd, value, command === F_DUPFD_CLOEXEC);
    default:
      return -EINVAL;
  }
}

function statusFlags(m: Machine, fd: number): number {
  return withOpen(m, fd, ({ kind, nonBlocking }) => {
    const access = kind === KIND.memfd ? O_RDWR | O_LARGEFILE : 0;
    return access | (nonBlocking ? O_NONBLOCK : 0);
  });
}

function setStatusFlags(m: Machine, fd: number, flags: number): number {
  return locked(m, () => {
    const description = descriptionOf(m, fd);
    if (description < 0) return -EBADF;
    storeRelease(m.descriptions, wordOf(description, DESCRIPTION.flags), flags & O_NONBLOCK);
    return 0;
  });
}

/** Sets the descriptor's flag, or with null answers it. */
function closeOnExec(m: Machine, fd: number, to: boolean | null): number {
  return locked(m, () => {
    const description = descriptionOf(m, fd);
    if (description < 0) return -EBADF;
    if (to === null) return loadAcquire(m.descriptors, fd) & CLOEXEC;
    storeRelease(m.descriptors, fd, openWord(description, to));
    return 0;
  });
}
