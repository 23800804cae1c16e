/** What the tests of the simulated kernel share: small machines, mappings of pages, raw ioctls, waiting on state. */
import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { attachMachine, MAX_TASKS } from '../../dist/uffd/sim/machine.js';
import { sleepOf, threadId } from '../../dist/uffd/sim/tasks.js';

export const P = u.PAGE_BYTES;
export const RW = u.PROT_READ | u.PROT_WRITE;
export const MISSING = u.UFFDIO_REGISTER_MODE_MISSING;
export const MINOR = u.UFFDIO_REGISTER_MODE_MINOR;
export const WP = u.UFFDIO_REGISTER_MODE_WP;
const PRIVATE = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
const PUNCH = u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE;

/** A machine that is gone when the test is. */
export function openMachine(options: Parameters<typeof u.openKernel>[1] = {}): u.Kernel {
  const kernel = u.openKernel('sim', { memoryBytes: 1 << 20, addressBytes: 8 << 20, ...options });
  onTestFinished(() => kernel.dispose());
  return kernel;
}

/** Throws for −errno, so that a test's preparation cannot fail silently. */
export function ok(result: number): number {
  if (result < 0) throw new Error(`unexpected ${u.errnoName(result)}`);
  return result;
}

/** Private anonymous memory. */
export function mapAnon(k: u.Kernel, pages: number, prot = RW): number {
  return ok(k.mmap(0, pages * P, prot, PRIVATE, -1, 0));
}

/** A memfd of so many pages and two shared mappings of it. */
export function mapFile(k: u.Kernel, pages: number): { fd: number; addr: number; alias: number } {
  const fd = ok(k.memfd_create('test', 0));
  ok(k.ftruncate(fd, pages * P));
  const [addr, alias] = [0, 1].map(() => ok(k.mmap(0, pages * P, RW, u.MAP_SHARED, fd, 0))) as [
    number,
    number,
  ];
  return { fd, addr, alias };
}

export function punch(k: u.Kernel, fd: number, page: number, pages = 1): number {
  return k.fallocate(fd, PUNCH, page * P, pages * P);
}

/** A userfaultfd past its handshake, non-blocking unless said. */
export function openUffd(k: u.Kernel, flags: number = u.O_NONBLOCK, features = 0n): u.Userfaultfd {
  return u.openUserfaultfd(k, { flags, features });
}

/** An ioctl's answer beside the field it wrote, as C sees them. The field is preset to show whether it was. */
export interface Answer {
  readonly errno: string;
  readonly out: number | 'untouched';
}

const PRESET = 0x5555_5555_5555;

function answer(result: number, out: number): Answer {
  return { errno: said(result), out: out === PRESET ? 'untouched' : out };
}

export function copy(k: u.Kernel, fd: number, dst: number, src: number, len: number, mode = 0): Answer {
  const arg = u.uffdioCopy.encode({ dst, src, len, mode, copy: PRESET });
  const result = k.ioctl(fd, u.UFFDIO_COPY, arg);
  return answer(result, u.uffdioCopy.take(arg, 'copy'));
}

export function zeropage(k: u.Kernel, fd: number, start: number, len: number, mode = 0): Answer {
  const arg = u.uffdioZeropage.encode({ start, len, mode, zeropage: PRESET });
  const result = k.ioctl(fd, u.UFFDIO_ZEROPAGE, arg);
  return answer(result, u.uffdioZeropage.take(arg, 'zeropage'));
}

export function continueRange(k: u.Kernel, fd: number, start: number, len: number, mode = 0): Answer {
  const arg = u.uffdioContinue.encode({ start, len, mode, mapped: PRESET });
  const result = k.ioctl(fd, u.UFFDIO_CONTINUE, arg);
  return answer(result, u.uffdioContinue.take(arg, 'mapped'));
}

export function poison(k: u.Kernel, fd: number, start: number, len: number, mode = 0): Answer {
  const arg = u.uffdioPoison.encode({ start, len, mode, updated: PRESET });
  const result = k.ioctl(fd, u.UFFDIO_POISON, arg);
  return answer(result, u.uffdioPoison.take(arg, 'updated'));
}

export function move(k: u.Kernel, fd: number, dst: number, src: number, len: number, mode = 0): Answer {
  const arg = u.uffdioMove.encode({ dst, src, len, mode, move: PRESET });
  const result = k.ioctl(fd, u.UFFDIO_MOVE, arg);
  return answer(result, u.uffdioMove.take(arg, 'move'));
}

export function register(k: u.Kernel, fd: number, start: number, len: number, mode: number): Answer {
  const arg = u.uffdioRegister.encode({ start, len, mode, ioctls: BigInt(PRESET) });
  const result = k.ioctl(fd, u.UFFDIO_REGISTER, arg);
  return answer(result, Number(u.uffdioRegister.take(arg, 'ioctls')));
}

function rangeCall(k: u.Kernel, fd: number, request: number, start: number, len: number): string {
  return said(k.ioctl(fd, request, u.uffdioRange.encode({ start, len })));
}

export function unregister(k: u.Kernel, fd: number, start: number, len: number): string {
  return rangeCall(k, fd, u.UFFDIO_UNREGISTER, start, len);
}

export function wake(k: u.Kernel, fd: number, start: number, len: number): string {
  return rangeCall(k, fd, u.UFFDIO_WAKE, start, len);
}

/** Protects the pages unless another mode is given; there is no field that tells how far it got. */
export function writeprotect(
  k: u.Kernel,
  fd: number,
  start: number,
  len: number,
  mode: number = u.UFFDIO_WRITEPROTECT_MODE_WP,
): string {
  return said(k.ioctl(fd, u.UFFDIO_WRITEPROTECT, u.uffdioWriteprotect.encode({ start, len, mode })));
}

/** The name of what a call answered: an errno, or 'ok' for anything that is none. */
export function said(result: number): string {
  return result < 0 ? u.errnoName(result) : 'ok';
}

/** `said`, or the signal, for an access. */
export function accessed(access: () => unknown): string {
  try {
    access();
    return 'ok';
  } catch (error) {
    if (error instanceof u.AccessError) return error.code;
    throw error;
  }
}

/** The messages that can be read without blocking. */
export function readAll(k: u.Kernel, fd: number): u.UffdPagefault[] {
  const found: u.UffdPagefault[] = [];
  const bytes = new Uint8Array(u.uffdMsg.size);
  while (k.read(fd, bytes) === bytes.length) found.push(u.uffdMsg.decode(bytes) as u.UffdPagefault);
  return found;
}

/** Pages of the range that are write-protected, or will be once they are there, as '1' and '0'. */
export function protection(k: u.Kernel, addr: number, pages: number): string {
  return Array.from({ length: pages }, (_, i) => (k.pagemap(addr + i * P).writeProtected ? '1' : '0')).join(
    '',
  );
}

/** Pages of the range that are mapped, as '1' and '0'. */
export function presence(k: u.Kernel, addr: number, pages: number): string {
  return Array.from({ length: pages }, (_, i) => (k.pagemap(addr + i * P).present ? '1' : '0')).join('');
}

const DEADLINE_MS = 20_000;

/** Waits until the state is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited ${DEADLINE_MS} ms in vain until ${what}`);
    await setImmediate();
  }
}

/**
 * Waits until so many threads sleep in faults of this userfaultfd, read or not. A thread is counted before it has looked
 * at its page once more, and would go on if that had come: those of the whole machine have looked.
 */
export function untilAsleep(k: u.Kernel, fd: number, count: number): Promise<void> {
  const m = attachMachine(k.handle().machine as SharedArrayBuffer);
  const tids = Array.from({ length: MAX_TASKS }, (_, task) => threadId(task));
  const asleep = () => tids.filter((tid) => sleepOf(m, tid) === 'fault').length;
  const counted = () => (k.fdinfo(fd) as u.UffdInfo).total === count;
  return until(() => counted() && asleep() >= count, `${count} threads are asleep in a fault`);
}
