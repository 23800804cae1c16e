/** The real kernel: the `Kernel` interface over the C library, for the thread that attached with it. */
import { readlinkSync } from 'node:fs';
import {
  _IOC_SIZE,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  MFD_HUGETLB,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  uffdioRange,
} from '../abi.ts';
import { AccessError, type Kernel, MachineGoneError, type PageState } from '../kernel.ts';
import { createLinear } from '../linear.ts';
import { loadRelaxed, storeRelease } from '../sync.ts';
import { endChild } from './child.ts';
import { forgetAtExit, quellAtExit } from './exit.ts';
import { pread, pwrite } from './file-io.ts';
import { countAsking, forkMachine, inTurn, mailboxOf } from './forked.ts';
import type { Extent } from './intervals.ts';
import { type Libc, uninterrupted } from './libc.ts';
import { kernelLinear } from './linear.ts';
import {
  backAll,
  checkAlive,
  closeKept,
  createMachine,
  forgetDescriptor,
  hasAttached,
  isHugeFile,
  isOurs,
  type LinuxMachine,
  noteDescriptor,
  noteWatch,
  quell,
  reserveDescriptors,
  STATE,
  unmapBut,
} from './machine.ts';
import { advise, MOVE_UNIT, map, protect, unmap } from './mappings.ts';
import { memoryUse } from './memory.ts';
import { openUserfaultfdFile } from './open-userfaultfd.ts';
import { makePoller } from './poller.ts';
import { fdinfo, pagemaps, presence } from './proc.ts';
import { remap } from './remap.ts';
import { remoteLibc } from './remote.ts';
import { mutatorView, pageView } from './views.ts';

/** A new machine over this process's memory, with linear memory if that is wanted and can be had. */
export function openLinuxMachine(libc: Libc, wantsLinear: boolean): Kernel {
  const machine = createMachine(libc, wantsLinear ? createLinear() : null);
  quellAtExit(machine, libc);
  return linuxKernel(libc, machine, true);
}

/** The calling thread's kernel on `m`. */
export function linuxKernel(here: Libc, m: LinuxMachine, opener: boolean): Kernel {
  const mailbox = mailboxOf(m);
  const libc = mailbox === null ? here : remoteLibc(here, mailbox, (body) => inTurn(m, body));
  if (mailbox !== null) countAsking(m, 1);
  const who = mailbox?.pid ?? 'self';
  let attached = true;
  const views: Extent[] = []; // that were handed out to this thread
  let kept: Float64Array | null = null; // addresses that stay backed for other threads
  // The last argument of an ioctl: whoever publishes uses one again and again.
  let lastArg: Uint8Array | null = null;
  let lastAddress = 0;
  let lastBytes = 0;
  const word = new Uint32Array(1);
  const wordBytes = new Uint8Array(word.buffer);
  const poller = makePoller(libc, m);

  function alive(): void {
    checkAlive(m);
    if (!attached) throw new MachineGoneError('this thread has detached from the machine (dispose)');
  }

  /** A small array may lie in V8's heap, which moves it; not once it has a buffer. (One that is transferred is too short.) */
  function remember(arg: Uint8Array): void {
    lastArg = arg;
    lastBytes = arg.byteLength;
    lastAddress = libc.addressOf(new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength));
  }

  function noteWatchRequest(fd: number, request: number, arg: Uint8Array): void {
    const { start, len } = uffdioRange.decode(arg);
    noteWatch(m, fd, start, len, request === UFFDIO_REGISTER);
  }

  function noted(fd: number, huge = false): number {
    if (fd >= 0) noteDescriptor(m, fd, huge);
    return fd;
  }

  /** Refuses what no mapping of the machine holds: on linux the access would end the process. */
  function requireMapped(address: number, length: number): void {
    alive();
    if (isOurs(m, address, length)) return;
    throw new AccessError('SIGSEGV', address, 'this machine has mapped nothing there');
  }

  function requireAligned(address: number): void {
    if (address % 4 !== 0)
      throw new RangeError(`address 0x${address.toString(16)} is not aligned to 4 bytes`);
  }

  const kernel: Kernel = {
    kind: 'linux',
    moveUnit: MOVE_UNIT,
    dropsAtOnce: false,
    linear: kernelLinear(m),
    userfaultfd(flags) {
      alive();
      return noted(openUserfaultfdFile(libc, flags));
    },
    ioctl(fd, request, arg) {
      // A relaxed load of the flag: this is the hot call, and one that is on its way when the machine ends is no rarer.
      if (!attached || loadRelaxed(m.state, STATE.disposed) !== 0) alive();
      const number = request >>> 0;
      if (arg !== null && arg === lastArg && _IOC_SIZE(number) <= lastBytes && !isWatchRequest(number)) {
        // Signed, V8 need not box it; Linux reads 32 bits of it.
        return libc.ioctlAt(fd, request | 0, lastAddress);
      }
      // The kernel finds the null in its own order of errors.
      const given = arg !== null && arg.byteLength < _IOC_SIZE(number) ? null : arg;
      const answer = libc.ioctl(fd, request | 0, given);
      if (given === null) return answer;
      // Not what says where to watch: seldom used twice, and the pause of a collection need not wait for that.
      if (!isWatchRequest(number)) remember(given);
      else if (answer === 0) noteWatchRequest(fd, number, given);
      return answer;
    },
    read(fd, into) {
      alive();
      const bytes = uninterrupted(() => libc.read(fd, into, into.byteLength));
      checkAlive(m);
      return bytes;
    },
    poll(fd, events, timeoutMs) {
      alive();
      const revents = poller(fd, events, timeoutMs);
      checkAlive(m);
      return revents;
    },
    close(fd) {
      alive();
      forgetDescriptor(m, fd);
      return libc.close(fd);
    },
    dup(fd) {
      alive();
      return noted(libc.dup(fd), isHugeFile(m, fd));
    },
    fcntl(fd, command, value) {
      alive();
      const answer = libc.fcntl(fd, command, value);
      const duplicates = command === F_DUPFD || command === F_DUPFD_CLOEXEC;
      return duplicates ? noted(answer, isHugeFile(m, fd)) : answer;
    },
    memfd_create(name, flags) {
      alive();
      return noted(libc.memfdCreate(name, flags), (flags & MFD_HUGETLB) !== 0);
    },
    ftruncate(fd, length) {
      alive();
      return libc.ftruncate(fd, length);
    },
    fallocate(fd, mode, offset, length) {
      alive();
      return libc.fallocate(fd, mode, offset, length);
    },
    pread(fd, addr, length, offset) {
      alive();
      return pread(libc, m, { fd, addr, length, offset });
    },
    pwrite(fd, addr, length, offset) {
      alive();
      return pwrite(libc, m, { fd, addr, length, offset });
    },
    mmap(addr, length, prot, flags, fd, offset) {
      alive();
      return map(libc, m, { addr, length, prot, flags, fd, offset });
    },
    munmap(addr, length) {
      alive();
      return unmap(libc, m, addr, length);
    },
    mremap(old, oldLength, newLength, flags, newAddr) {
      alive();
      return remap(libc, m, { old, oldLength, newLength, flags, newAddr });
    },
    mprotect(addr, length, prot) {
      alive();
      return protect(libc, m, addr, length, prot);
    },
    madvise(addr, length, advice) {
      alive();
      return advise(libc, m, addr, length, advice);
    },
    fork() {
      alive();
      const child = forkMachine(libc, m);
      return typeof child === 'number' ? child : linuxKernel(libc, child, false);
    },
    load32(addr) {
      requireAligned(addr);
      requireMapped(addr, 4);
      libc.copyOut(wordBytes, addr, 4);
      return word[0] as number;
    },
    store32(addr, value) {
      requireAligned(addr);
      requireMapped(addr, 4);
      word[0] = value;
      libc.copyIn(addr, wordBytes, 4);
    },
    copyIn(addr, bytes) {
      requireMapped(addr, bytes.length);
      libc.copyIn(addr, bytes, bytes.length);
    },
    copyOut(addr, bytes) {
      requireMapped(addr, bytes.length);
      libc.copyOut(bytes, addr, bytes.length);
    },
    pagemap(addr) {
      alive();
      return pagemaps(who, addr, 1)[0] as PageState;
    },
    pagemaps(addr, pages) {
      alive();
      return pagemaps(who, addr, pages);
    },
    presence(addr, pages) {
      alive();
      return presence(who, addr, pages);
    },
    fdinfo(fd) {
      alive();
      return fdinfo(who, fd);
    },
    gettid: () => mailbox?.pid ?? Number(readlinkSync('/proc/thread-self').split('/').pop()),
    mutatorView(addr, length) {
      alive();
      views.push({ start: addr, end: addr + length });
      return mutatorView(m, libc, addr, length);
    },
    pageView(addr, length) {
      alive();
      views.push({ start: addr, end: addr + length });
      return pageView(m, libc, addr, length);
    },
    memory() {
      alive();
      return memoryUse(m, libc);
    },
    handle: () => ({ minorfault: 'linux', machine: m.shared, linear: m.linear?.memory ?? null }),
    dispose() {
      const first = attached;
      attached = false;
      if (first && mailbox !== null && countAsking(m, -1) === 0) {
        storeRelease(m.state, STATE.disposed, 1);
        endChild(here, mailbox);
      }
      if (!opener) return;
      if (first) {
        quell(m, libc);
        kept = backAll(m, libc);
        forgetAtExit(m);
      }
      if (first && hasAttached(m)) {
        reserveDescriptors(m, libc);
        return;
      }
      closeKept(m, libc);
      if (kept !== null) unmapBut(views, kept, libc);
      kept = null;
    },
  };
  return kernel;
}

function isWatchRequest(request: number): boolean {
  return request === UFFDIO_REGISTER || request === UFFDIO_UNREGISTER;
}
