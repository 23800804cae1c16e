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
import { PAGE_BYTES } from '../kernel.ts';
import type { ChangeName } from './changes.ts';
import { type Prepared, prepareRemove, tellEvents } from './events.ts';
import { handleFault } from './fault.ts';
import { endShootdown } from './frames.ts';
import { hugeStartOf, isHugeAligned } from './huge-entries.ts';
import { punchHugeBytes } from './huge-file.ts';
import type { Machine } from './machine.ts';
import { exclusively, sharing } from './mm-lock.ts';
import { changePtes, NO_PTE, POISON_MARKER } from './page-table.ts';
import { isAligned, isUserRange, pageOf, pagesOf } from './ranges.ts';
import { sleepsOf } from './tasks.ts';
import { dropPages, punch } from './unmap.ts';
import { clip, findVma, hasRoom, replaceRange, type Vma, vmasIn } from './vmas.ts';

/**
 * Without effect here. Pages that were MADV_FREEd stay until memory is short, which the machine never is; but poison is
 * gone at once, as on Linux.
 */
const HINTS: ReadonlySet<number> = new Set([
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_COLD,
  MADV_PAGEOUT,
]);
const NOT_OF_HUGE_PAGES: ReadonlySet<number> = new Set([MADV_FREE, MADV_COLD, MADV_PAGEOUT]);
const POPULATES: ReadonlySet<number> = new Set([MADV_POPULATE_READ, MADV_POPULATE_WRITE]);
const DROPS: ReadonlySet<number> = new Set([MADV_DONTNEED, MADV_REMOVE]);
/** Whether a forked process gets the mapping (fork.ts). */
const FORKS: ReadonlySet<number> = new Set([MADV_DONTFORK, MADV_DOFORK]);
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
  if (![HINTS, POPULATES, DROPS, FORKS].some((known) => known.has(advice))) return -EINVAL;
  if (!isAligned(addr) || !isUserRange(addr, length)) return -EINVAL;
  if (length === 0) return 0;
  const [start, end] = [pageOf(addr), pageOf(addr) + pagesOf(length)];
  if (POPULATES.has(advice)) return populate(m, task, start, end, advice === MADV_POPULATE_WRITE);
  return adviseAll(m, task, { start, end, advice });
}

/** An advice for pages [start, end), and how far it has come. */
interface Advice {
  readonly start: number;
  readonly end: number;
  readonly advice: number;
}

/** Advices that tell of the pages that they drop: MADV_FREE too, which may not drop them. */
const TELLS: ReadonlySet<number> = new Set([...DROPS, MADV_FREE]);

/**
 * Goes on past holes, and tells of them at the end; an error of one VMA ends it. Where a userfaultfd is to be told first,
 * the lock is given back meanwhile, and the mapping looked up anew: it may be another, or end sooner.
 */
function adviseAll(m: Machine, task: number, { start, end, advice }: Advice): number {
  let at = start;
  let hasHole = false;
  let told: Vma | null = null;
  for (;;) {
    const step = exclusively(m, () => adviseUntilTold(m, { start: at, end, advice }, told));
    hasHole ||= step.hasHole;
    if (step.event === null) return step.errno !== 0 || !hasHole ? step.errno : -ENOMEM;
    tellEvents(m, task, [step.event]);
    told = step.part;
    at = step.part.start;
  }
}

/** How a stretch of an advice ended: done or with −errno, or at a part that must be told of first. */
type Stretch = { readonly hasHole: boolean } & (
  | { readonly event: null; readonly errno: number }
  | { readonly event: Prepared; readonly part: Vma }
);

/** `told`: the part at the start, which was told of. */
function adviseUntilTold(m: Machine, { start, end, advice }: Advice, told: Vma | null): Stretch {
  let reached = start;
  let hasHole = false;
  try {
    if (told !== null) {
      const errno = adviseTold(m, told, advice);
      reached = errno < 0 ? end : errno;
      if (errno < 0) return { hasHole, event: null, errno };
    }
    const rest = reached < end ? vmasIn(m, reached, end) : [];
    for (const vma of rest) {
      const part = clip(vma, reached, end);
      hasHole ||= part.start > reached;
      const refused = refusal(m, part, advice);
      if (refused !== 0) return { hasHole, event: null, errno: refused };
      const meant = meantBy(part, advice);
      const tells = TELLS.has(advice) && meant.start < meant.end;
      const event = tells ? prepareRemove(m, meant) : null;
      if (event !== null) return { hasHole, event, part: meant };
      const errno = advise(m, meant, advice);
      if (errno !== 0) return { hasHole, event: null, errno };
      reached = part.end;
    }
    return { hasHole: hasHole || reached < end, event: null, errno: 0 };
  } finally {
    endShootdown(m);
  }
}

/** Where the advice goes on behind what was told of, or −errno. Of a file that is known; of pages what is there now. */
function adviseTold(m: Machine, told: Vma, advice: number): number {
  const errno = (of: Vma): number => advise(m, of, advice) || of.end;
  if (advice === MADV_REMOVE) return errno(told);
  const now = findVma(m, told.start);
  if (now === null) return -ENOMEM;
  const part = clip(now, told.start, told.end);
  return refusal(m, part, advice) || errno(meantBy(part, advice));
}

/** Of huge pages those that are whole are dropped: the end of the range counts as the begin of the one that it is in. */
function meantBy(vma: Vma, advice: number): Vma {
  return vma.huge && advice === MADV_DONTNEED ? { ...vma, end: hugeStartOf(vma.end) } : vma;
}

function advise(m: Machine, vma: Vma, advice: number): number {
  if (advice === MADV_FREE && vma.file >= 0) return -EINVAL;
  if (advice === MADV_FREE) forgetPoison(m, vma);
  if (advice === MADV_DONTNEED) dropPages(m, vma);
  if (advice === MADV_REMOVE) remove(m, vma);
  if (FORKS.has(advice)) {
    if (!hasRoom(m, 2)) return -ENOMEM;
    replaceRange(m, vma.start, vma.end, [{ ...vma, dontFork: advice === MADV_DONTFORK }]);
  }
  return 0;
}

function forgetPoison(m: Machine, { start, end }: Vma): void {
  changePtes(m, start, end, (pte) => (pte === POISON_MARKER ? NO_PTE : pte));
}

function remove(m: Machine, { file, filePage, start, end, huge }: Vma): void {
  const last = filePage + end - start;
  if (huge) punchHugeBytes(m, file, filePage * PAGE_BYTES, last * PAGE_BYTES);
  else punch(m, file, filePage, last);
}

/** What is looked at before anybody is told. */
function refusal(m: Machine, vma: Vma, advice: number): number {
  if (vma.huge) return hugeRefusal(m, vma, advice);
  if (advice !== MADV_REMOVE) return 0;
  if (vma.file < 0) return -EINVAL;
  return vma.shared ? 0 : -EACCES;
}

/** What is not wanted of huge pages must begin with one. */
function hugeRefusal(m: Machine, { start, shared }: Vma, advice: number): number {
  if (NOT_OF_HUGE_PAGES.has(advice)) return -EINVAL;
  if (advice === MADV_DONTNEED && !(m.profile.has.dontneedHugetlb && isHugeAligned(start))) return -EINVAL;
  return advice === MADV_REMOVE && !shared ? -EACCES : 0;
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
