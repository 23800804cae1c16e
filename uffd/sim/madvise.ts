/** madvise: dropping pages, punching holes, faulting pages in; and hints, which this machine has no use for. */
import {
  MADV_COLD,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  PROT_READ,
  PROT_WRITE,
} from '../abi.ts';
import { EACCES, EFAULT, EHWPOISON, EINVAL, ENOMEM } from '../errno.ts';
import type { ChangeName } from './changes.ts';
import { handleFault } from './fault.ts';
import { endShootdown } from './frames.ts';
import type { Machine } from './machine.ts';
import { exclusively, sharing } from './mm-lock.ts';
import { isAligned, isUserRange, pageOf, pagesOf } from './ranges.ts';
import { sleepsOf } from './tasks.ts';
import { dropPages, punch } from './unmap.ts';
import { clip, findVma, type Vma, vmasIn } from './vmas.ts';

/** Without effect here. Pages that were MADV_FREEd stay until memory is short, which the machine never is. */
const HINTS: ReadonlySet<number> = new Set([
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_FREE,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_COLD,
  MADV_PAGEOUT,
]);
const POPULATES: ReadonlySet<number> = new Set([MADV_POPULATE_READ, MADV_POPULATE_WRITE]);
const DROPS: ReadonlySet<number> = new Set([MADV_DONTNEED, MADV_REMOVE]);
/** Advice that is younger than userfaultfd. */
const CAME_WITH: ReadonlyMap<number, ChangeName> = new Map([
  [MADV_FREE, 'madvFree'],
  [MADV_COLD, 'madvCold'],
  [MADV_PAGEOUT, 'madvCold'],
  [MADV_POPULATE_READ, 'madvPopulate'],
  [MADV_POPULATE_WRITE, 'madvPopulate'],
]);

export function madvise(m: Machine, task: number, addr: number, length: number, advice: number): number {
  const change = CAME_WITH.get(advice);
  if (change !== undefined && !m.profile.has[change]) return -EINVAL;
  if (!HINTS.has(advice) && !POPULATES.has(advice) && !DROPS.has(advice)) return -EINVAL;
  if (!isAligned(addr) || !isUserRange(addr, length)) return -EINVAL;
  if (length === 0) return 0;
  const [start, end] = [pageOf(addr), pageOf(addr) + pagesOf(length)];
  if (POPULATES.has(advice)) return populate(m, task, start, end, advice === MADV_POPULATE_WRITE);
  return exclusively(m, () => adviseAll(m, start, end, advice));
}

/** Goes on past holes, and tells of them at the end; an error of one VMA ends it. */
function adviseAll(m: Machine, start: number, end: number, advice: number): number {
  let errno = 0;
  let reached = start;
  for (const vma of vmasIn(m, start, end)) {
    errno = advise(m, clip(vma, start, end), advice);
    if (errno !== 0) break;
    if (vma.start <= reached) reached = vma.end;
  }
  endShootdown(m);
  if (errno !== 0) return errno;
  return reached >= end ? 0 : -ENOMEM;
}

function advise(m: Machine, vma: Vma, advice: number): number {
  if (advice === MADV_FREE && vma.file >= 0) return -EINVAL;
  if (advice === MADV_DONTNEED) dropPages(m, vma);
  if (advice !== MADV_REMOVE) return 0;
  if (vma.file < 0) return -EINVAL;
  if (!vma.shared) return -EACCES;
  punch(m, vma.file, vma.filePage, vma.filePage + vma.end - vma.start);
  return 0;
}

function populate(m: Machine, task: number, start: number, end: number, write: boolean): number {
  for (let page = start; page < end; page++) {
    const errno = populatePage(m, task, page, write);
    if (errno !== 0) return errno;
  }
  return 0;
}

/** The mapping is looked at before each attempt: it may have changed while the thread slept. */
function populatePage(m: Machine, task: number, page: number, write: boolean): number {
  const sleeps = sleepsOf(m, task);
  for (;;) {
    const errno = sharing(m, () => populateRefusal(m, page, write));
    if (errno !== 0) return errno;
    const again = sleepsOf(m, task) !== sleeps;
    const outcome = handleFault(m, task, { page, write, kernelMode: true, offset: 0, again });
    if (outcome === 'ok') return 0;
    if (outcome === 'EHWPOISON') return -EHWPOISON;
    if (outcome !== 'retry') return outcome === 'EFAULT' ? -EFAULT : -ENOMEM;
  }
}

function populateRefusal(m: Machine, page: number, write: boolean): number {
  const vma = findVma(m, page);
  if (vma === null) return -ENOMEM;
  return (vma.prot & (write ? PROT_WRITE : PROT_READ)) !== 0 ? 0 : -EINVAL;
}
