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
  O_NONBLOCK,
  O_RDWR,
} from '../abi.ts';
import { EBADF, EINVAL, EMFILE } from '../errno.ts';
import { fetchAdd, loadAcquire, lock, storeRelease, unlock } from '../sync.ts';
import { freeContext } from './context.ts';
import { endShootdown } from './frames.ts';
import { DESCRIPTION_WORDS, type Machine, MAX_DESCRIPTORS, STATE } from './machine.ts';
import { dropFile } from './page-cache.ts';
import { exclusively, releaseContext } from './register.ts';

/** What a description is open on. */
export const KIND = { none: 0, userfaultfd: 1, memfd: 2 } as const;
const DESCRIPTION = { references: 0, kind: 1, object: 2, flags: 3 } as const;
const FIRST_DESCRIPTOR = 3;

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

/** A descriptor on a new description of the object; −EMFILE if there is no room. */
export function openDescriptor(m: Machine, kind: number, object: number, flags: number): number {
  return locked(m, () => {
    const description = findFree(m);
    const fd = lowestDescriptor(m, FIRST_DESCRIPTOR);
    if (description < 0 || fd < 0) return -EMFILE;
    m.descriptions.set([1, kind, object, flags], wordOf(description, 0));
    storeRelease(m.descriptors, fd, description + 1);
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
  return loadAcquire(m.descriptors, fd) - 1;
}

/** The object behind a descriptor of that kind, or −1. */
export function objectOf(m: Machine, fd: number, kind: number): number {
  const description = descriptionOf(m, fd);
  if (description < 0 || field(m, description, DESCRIPTION.kind) !== kind) return -1;
  return field(m, description, DESCRIPTION.object);
}

export function isOpen(m: Machine, fd: number): boolean {
  return descriptionOf(m, fd) >= 0;
}

export function isNonBlocking(m: Machine, fd: number): boolean {
  const description = descriptionOf(m, fd);
  return description >= 0 && (field(m, description, DESCRIPTION.flags) & O_NONBLOCK) !== 0;
}

/** Keeps the description open while a call uses it, whoever closes the descriptor meanwhile; −1 if it is closed. */
export function holdDescription(m: Machine, fd: number): number {
  return locked(m, () => {
    const description = descriptionOf(m, fd);
    if (description >= 0) fetchAdd(m.descriptions, wordOf(description, DESCRIPTION.references), 1);
    return description;
  });
}

/** Lets go of a description; the last to do so closes what it is open on. */
export function dropDescription(m: Machine, description: number): void {
  const object = field(m, description, DESCRIPTION.object);
  const kind = field(m, description, DESCRIPTION.kind);
  const left = locked(m, () => {
    return fetchAdd(m.descriptions, wordOf(description, DESCRIPTION.references), -1) - 1;
  });
  if (left > 0) return;
  if (kind === KIND.userfaultfd) {
    releaseContext(m, object);
    freeContext(m, object);
  } else {
    exclusively(m, () => {
      dropFile(m, object);
      endShootdown(m);
      return 0;
    });
  }
}

export function close(m: Machine, fd: number): number {
  let description = -1;
  locked(m, () => {
    description = descriptionOf(m, fd);
    if (description >= 0) storeRelease(m.descriptors, fd, 0);
    return 0;
  });
  if (description < 0) return -EBADF;
  dropDescription(m, description);
  return 0;
}

export function dup(m: Machine, fd: number, from = FIRST_DESCRIPTOR): number {
  return locked(m, () => {
    const description = descriptionOf(m, fd);
    if (description < 0) return -EBADF;
    const copy = lowestDescriptor(m, from);
    if (copy < 0) return -EMFILE;
    fetchAdd(m.descriptions, wordOf(description, DESCRIPTION.references), 1);
    storeRelease(m.descriptors, copy, description + 1);
    return copy;
  });
}

/** There is no exec, so close-on-exec is accepted and makes no difference. */
export function fcntl(m: Machine, fd: number, command: number, value: number): number {
  const description = descriptionOf(m, fd);
  if (description < 0) return -EBADF;
  const flags = wordOf(description, DESCRIPTION.flags);
  switch (command) {
    case F_GETFL:
      return loadAcquire(m.descriptions, flags) | (field(m, description, DESCRIPTION.kind) === KIND.memfd ? O_RDWR : 0);
    case F_SETFL:
      storeRelease(m.descriptions, flags, value & O_NONBLOCK);
      return 0;
    case F_GETFD:
    case F_SETFD:
      return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return value < 0 || value >= MAX_DESCRIPTORS ? -EINVAL : dup(m, fd, value);
    default:
      return -EINVAL;
  }
}
