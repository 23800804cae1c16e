/**
 * What the kernel may refuse in the course of a collection, and what is left then. ENOMEM, EAGAIN and ENOSPC may pass:
 * the call is made again, with longer and longer pauses (patience.ts), and meanwhile from-space that nobody reads any
 * more is given back. Any other errno is a mistake of ours, and ends the run at once with its SyscallError.
 *
 * If a call is refused to the end of the patience:
 *
 * | when | call | what happens | the heap |
 * |---|---|---|---|
 * | before the flip | from-space still owed, `ready`, the flip's rehearsal | collection given up | as it was |
 * | flip, world stopped | mremap, mmap, REGISTER | undone, and the collection is given up | as it was |
 * | | the undoing itself | the run ends, the world still stopped | lost |
 * | compaction | populating a page of to-space | the run ends; who waits for the page is ended where it sleeps | lost |
 * | | CONTINUE | no more pages are published; at the end of the watch all are mapped | whole |
 * | | COPY, MOVE | the run ends, as above: without the call the page does not get there | lost |
 * | | fallocate, madvise of from-space | it is given back later: at the end, or with the next collection | whole |
 * | after it | UNREGISTER | the run ends; who waits for a page is ended where it sleeps | lost |
 * | | what is put aside by the flip | stays until the next flip | whole |
 * | | fallocate, madvise of free pages that do not move | they stay: who allocates there zeroes them | whole |
 *
 * With the world stopped, in `stw`, the flip makes no call, so that no collection is given up. Its compaction is in the pause:
 *
 * | call | what happens | the heap |
 * |---|---|---|
 * | populating a page of the buffer, or one that a page is put over | the run ends, the world still stopped | lost |
 * | madvise of what is above the pages that were made | zeroed; given back at the end of the next collection | whole |
 *
 * "Given up": mark bits, live bits and the crossing map are put back (phases/give-up.ts), the mutators go on,
 * `collect()` rejects, and half of what is free is handed out before the next collection begins by itself.
 * "Lost": some pages are made and some are not; no mutator runs on what is not (heap.ts ends them before it wakes
 * them). EAGAIN after a part was done is no refusal: the rest is asked for, as often as there is progress.
 *
 * When memory is really full, giving back helps whoever makes the topmost pages: from-space goes from its top. Threads
 * that make pages further down, for a fault or in a batch of their own, may have taken what those need: then all of them
 * wait, and the run ends.
 *
 * Cannot be answered on linux: memory that runs out where no call is made. A store through an alias, or a mutator's
 * first store to a fresh page, then meets the out-of-memory killer, or SIGBUS. The simulated kernel answers both.
 */
import { EAGAIN, ENOMEM, ENOSPC, type Operands, SyscallError } from '../uffd/errno.ts';
import { AccessError } from '../uffd/kernel.ts';

/** What a refusal leaves of the heap. */
export type HeapLeft = 'intact' | 'lost';

const LEFT: Readonly<Record<HeapLeft, string>> = {
  intact: 'the collection was given up, and the heap is as it was before it',
  lost: 'the compaction cannot be finished, and the heap is lost',
};

const REMEDIES: Readonly<Record<number, string>> = {
  [-ENOMEM]:
    'use a smaller --heap, or raise what limits memory (cgroup memory.max, ulimit -v, vm.max_map_count)',
  [-ENOSPC]: 'use a smaller --heap, or make room in shared memory',
  [-EAGAIN]: 'something keeps changing the mappings of this process, or holds them: end that, and try again',
};

/** The kernel refused a collection something that it needs, and kept refusing. `cause` is the last refusal. */
export class RefusedError extends Error {
  readonly code = 'KERNEL_REFUSED';
  readonly syscall: string;
  /** Negative, as Node has it. */
  readonly errno: number;
  readonly operands: Operands;
  readonly heap: HeapLeft;
  constructor(refusal: SyscallError, heap: HeapLeft) {
    super(`${refusal.message}, again and again; ${LEFT[heap]}; ${REMEDIES[refusal.errno] ?? 'try again'}`);
    this.name = 'RefusedError';
    this.syscall = refusal.syscall;
    this.errno = refusal.errno;
    this.operands = refusal.operands;
    this.heap = heap;
  }
}

/** What of a {@link RefusedError} can be posted to another thread. */
export interface PostedRefusal {
  readonly syscall: string;
  readonly errno: number;
  readonly operands: Operands;
}

export function posted({ syscall, errno, operands }: RefusedError): PostedRefusal {
  return { syscall, errno, operands };
}

export function unposted({ syscall, errno, operands }: PostedRefusal): RefusedError {
  return new RefusedError(new SyscallError(syscall, errno, operands), 'intact');
}

/** A flip that was refused, and put back as a whole: the heap is where it was. `cause` is why. */
export class FlipUndoneError extends Error {
  readonly code = 'FLIP_UNDONE';
  declare readonly cause: SyscallError;
  constructor(cause: SyscallError) {
    super(`the flip was undone: ${cause.message}`, { cause });
    this.name = 'FlipUndoneError';
  }
}

/** Whether a call that answered that errno (positive) may succeed later. */
export function mayPass(errno: number): boolean {
  return errno === ENOMEM || errno === EAGAIN || errno === ENOSPC;
}

/** What was refused, if it is that which was thrown, and may succeed later; else null. */
export function refusalIn(error: unknown): SyscallError | null {
  if (error instanceof SyscallError) return mayPass(-error.errno) ? error : null;
  if (error instanceof AccessError && error.outOfMemory)
    return new SyscallError('populate', ENOMEM, { address: error.address });
  return null;
}

/** Answers what `run` does, or what was refused. Whatever else it throws goes on. */
export function unlessRefused<T>(run: () => T): T | RefusedError {
  try {
    return run();
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === null) throw error;
    return new RefusedError(refusal, 'intact');
  }
}

/** Answers the result of a flip, or why it was undone. Whatever else it throws goes on. */
export function unlessUndone<T>(flip: () => T): T | RefusedError {
  try {
    return flip();
  } catch (error) {
    if (error instanceof FlipUndoneError) return new RefusedError(error.cause, 'intact');
    throw asLost(error);
  }
}

/** Past the flip: what is refused now is the heap's end. */
export function asLost(error: unknown): unknown {
  const refusal = refusalIn(error);
  return refusal === null ? error : new RefusedError(refusal, 'lost');
}

/**
 * The steps of a flip, or none: what was done is undone if one is refused.
 * @throws FlipUndoneError; or the error of the undoing: then the heap is nowhere
 */
export function allOrNothing(steps: () => void, undo: () => void): void {
  try {
    steps();
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === null) throw error;
    undo();
    throw new FlipUndoneError(refusal);
  }
}
