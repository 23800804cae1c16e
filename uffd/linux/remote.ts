/** The C library's calls as a forked process makes them (child.ts). What belongs to this process alone is not among them. */

import { _IOC_SIZE } from '../abi.ts';
import { MachineGoneError, PAGE_BYTES } from '../kernel.ts';
import { type Ask, BYTES, type Mailbox, makeAsk, ROOM_BYTES, WORD } from './child.ts';
import type { Libc } from './libc.ts';

/** Numbers of system calls on x86-64. */
const NR = {
  read: 0,
  write: 1,
  open: 2,
  close: 3,
  poll: 7,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  ioctl: 16,
  pread: 17,
  pwrite: 18,
  mremap: 25,
  mincore: 27,
  madvise: 28,
  dup: 32,
  fcntl: 72,
  ftruncate: 77,
  getrusage: 98,
  gettid: 186,
  fallocate: 285,
  eventfd: 290,
  dup3: 292,
  memfdCreate: 319,
} as const;
const POLLFD_BYTES = 8;

function notThere(what: string): never {
  throw new MachineGoneError(`a forked process has no ${what}`);
}

/** @param inTurn runs what asks the process while no other thread does */
export function remoteLibc(libc: Libc, mailbox: Mailbox, inTurn: <T>(body: () => T) => T): Libc {
  const { view, clone, addressOf, ...calls } = askingLibc(libc, mailbox);
  const taken = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: never[]) => inTurn(() => (call as (...args: never[]) => unknown)(...args)),
  ]);
  return { ...libc, ...Object.fromEntries(taken), view, clone, addressOf };
}

function askingLibc(libc: Libc, mailbox: Mailbox) {
  const ask = makeAsk(libc, mailbox);
  const address = mailbox.address + PAGE_BYTES;
  const room = new Uint8Array(libc.view(address, ROOM_BYTES));
  let remembered = new Uint8Array(0);

  /** With the bytes in the room for them, which are taken back from there. */
  function exchanging(bytes: Uint8Array, length: number, call: (at: number) => number): number {
    room.set(bytes.subarray(0, length));
    const answer = call(address);
    bytes.set(room.subarray(0, length));
    return answer;
  }

  function named(name: string, call: (at: number) => number): number {
    room.set(Buffer.from(`${name}\0`));
    return call(address);
  }

  /** As much at a time as there is room for. */
  function copyAll(bytes: number, copy: (at: number, some: number) => void): void {
    for (let at = 0; at < bytes; at += ROOM_BYTES) copy(at, Math.min(ROOM_BYTES, bytes - at));
  }

  function ioctl(fd: number, request: number, arg: Uint8Array | null): number {
    if (arg === null) return ask(NR.ioctl, fd, request >>> 0, 0);
    return exchanging(arg, _IOC_SIZE(request >>> 0), (at) => ask(NR.ioctl, fd, request >>> 0, at));
  }

  const calls: Partial<Libc> & Pick<Libc, 'view' | 'clone' | 'addressOf'> = {
    syscall: (number, argument) => ask(number, argument),
    ioctl,
    ioctlAt: (fd, request) => ioctl(fd, request, remembered),
    ioctlValue: (fd, request, value) => ask(NR.ioctl, fd, request, value),
    open: (path, flags) => named(path, (at) => ask(NR.open, at, flags)),
    read: (fd, into, bytes) => exchanging(into, bytes, (at) => ask(NR.read, fd, at, bytes)),
    write: (fd, from, bytes) => exchanging(from, bytes, (at) => ask(NR.write, fd, at, bytes)),
    poll: (fds, count, timeoutMs) =>
      exchanging(fds, count * POLLFD_BYTES, (at) => ask(NR.poll, at, count, timeoutMs)),
    ...plain(ask),
    memfdCreate: (name, flags) => named(name, (at) => ask(NR.memfdCreate, at, flags)),
    mincore: (start, length, into) =>
      exchanging(into, Math.ceil(length / PAGE_BYTES), (at) => ask(NR.mincore, start, length, at)),
    getrusage: (who, into) => exchanging(into, into.length, (at) => ask(NR.getrusage, who, at)),
    copyOut: (into, from, bytes) =>
      copyAll(bytes, (at, some) => {
        ask(some === 4 ? WORD : BYTES, address, from + at, some);
        into.set(room.subarray(0, some), at);
      }),
    copyIn: (to, from, bytes) =>
      copyAll(bytes, (at, some) => {
        room.set(from.subarray(at, at + some));
        ask(some === 4 ? WORD : BYTES, to + at, address, some);
      }),
    view: () => notThere('memory that this one could have a view of'),
    clone: () => notThere('processes of its own'),
    // Of the one argument that ioctlAt is asked with next.
    addressOf: (bytes) => {
      remembered = bytes as Uint8Array<ArrayBuffer>;
      return 0;
    },
  };
  return calls;
}

/** Those whose arguments are numbers alone. */
function plain(ask: Ask) {
  return {
    close: (fd: number) => ask(NR.close, fd),
    dup: (fd: number) => ask(NR.dup, fd),
    dup3: (from: number, to: number, flags: number) => ask(NR.dup3, from, to, flags),
    fcntl: (fd: number, command: number, value: number) => ask(NR.fcntl, fd, command, value),
    eventfd: (value: number, flags: number) => ask(NR.eventfd, value, flags),
    ftruncate: (fd: number, length: number) => ask(NR.ftruncate, fd, length),
    fallocate: (fd: number, mode: number, offset: number, length: number) =>
      ask(NR.fallocate, fd, mode, offset, length),
    pread: (fd: number, at: number, bytes: number, offset: number) => ask(NR.pread, fd, at, bytes, offset),
    pwrite: (fd: number, at: number, bytes: number, offset: number) => ask(NR.pwrite, fd, at, bytes, offset),
    mmap: (at: number, length: number, prot: number, flags: number, fd: number, offset: number) =>
      ask(NR.mmap, at, length, prot, flags, fd, offset),
    munmap: (at: number, length: number) => ask(NR.munmap, at, length),
    mremap: (old: number, oldLength: number, newLength: number, flags: number, to: number) =>
      ask(NR.mremap, old, oldLength, newLength, flags, to),
    mprotect: (at: number, length: number, prot: number) => ask(NR.mprotect, at, length, prot),
    madvise: (at: number, length: number, advice: number) => ask(NR.madvise, at, length, advice),
    gettid: () => ask(NR.gettid),
  };
}
