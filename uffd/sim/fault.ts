/**
 * The fault path: what happens when the memory management unit refuses an access. Linux's order: permissions
 * first, then poison, the end of the file, userfaults of pages that are not there (missing, minor), what the kernel fills
 * silently; and of pages that are there and write-protected (wp).
 */
import {
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '../abi.ts';
import { PAGE_WORDS } from '../kernel.ts';
import { announce, FEATURE, hasFeature, type Message, queueFault, withdrawFault } from './context.ts';
import {
  type Access,
  busError,
  type FaultOutcome,
  isPermitted,
  isWatched,
  type Step,
  userfault,
} from './fault-step.ts';
import { allocateDirtyFrame, allocateZeroedFrame, NO_FRAME, releaseFrame } from './frames.ts';
import { decideHuge, isHugeThere, toldAt } from './huge-fault.ts';
import { checkAlive, type Machine } from './machine.ts';
import { exclusively, sharing } from './mm-lock.ts';
import { cachedFrame, cachedOrZeroed, filePages, usedFrame } from './page-cache.ts';
import {
  ANON,
  cachedPte,
  frameOf,
  isAnon,
  isPresent,
  isProtected,
  isWritable,
  loadPte,
  makePte,
  NO_PTE,
  POISON_MARKER,
  protectedPte,
  replacePte,
  unprotectedPte,
  WRITABLE,
  withProtection,
  writtenPte,
} from './page-table.ts';
import { enterTranslating, isTranslating, leaveTranslating, sleepInFault, sleepsOf } from './tasks.ts';
import { findVma, takeOwner, type Vma } from './vmas.ts';

/**
 * Makes the page accessible, or sleeps in a userfault until somebody says that it might be.
 * @throws MachineGoneError if the machine ends meanwhile
 */
export function handleFault(m: Machine, task: number, access: Access): FaultOutcome {
  checkAlive(m);
  // Whatever this thread translated before, it will translate again.
  if (!isTranslating(m, task)) return fault(m, task, access);
  leaveTranslating(m, task);
  try {
    return fault(m, task, access);
  } finally {
    enterTranslating(m, task);
  }
}

function fault(m: Machine, task: number, access: Access): FaultOutcome {
  let step: Step | 'huge' = sharing(m, () => {
    const vma = findVma(m, access.page);
    if (vma === null) return 'SIGSEGV';
    if (vma.huge) return isHugeThere(m, vma, access) ? 'ok' : 'huge';
    const decided = decide(m, vma, access);
    // Queued before the lock is let go: no UNREGISTER can miss it.
    if (typeof decided === 'object') queueFault(m, decided, task, access);
    return decided;
  });
  if (step === 'huge') step = exclusively(m, () => hugeFault(m, task, access));
  if (typeof step !== 'object') return step;
  announce(m, step.context);
  sleepUnlessResolved(m, task, step, access.page);
  return 'retry';
}

/** The same for a system call that has nothing to look at in between: until it stands for good. */
export function faultIn(
  m: Machine,
  task: number,
  page: number,
  write: boolean,
  offset = 0,
): Exclude<FaultOutcome, 'retry'> {
  const sleeps = sleepsOf(m, task);
  for (;;) {
    const again = sleepsOf(m, task) !== sleeps;
    const outcome = handleFault(m, task, { page, write, kernelMode: true, offset, again });
    if (outcome !== 'retry') return outcome;
  }
}

/** A fault on a mapping of huge pages, unless it is none any longer. */
function hugeFault(m: Machine, task: number, access: Access): Step {
  const vma = findVma(m, access.page);
  if (!vma?.huge) return 'retry';
  const decided = decideHuge(m, vma, access);
  if (typeof decided === 'object') queueFault(m, decided, task, toldAt(m, decided.context, access));
  return decided;
}

/** A resolver that came before the fault was queued found nobody to wake: so look once more before sleeping. */
function sleepUnlessResolved(m: Machine, task: number, { context, flags }: Message, page: number): void {
  if (isUnresolved(loadPte(m, page), flags)) sleepInFault(m, task);
  else withdrawFault(m, context, task);
}

function isUnresolved(pte: number, flags: number): boolean {
  if ((flags & UFFD_PAGEFAULT_FLAG_WP) !== 0) return isPresent(pte) && isProtected(pte);
  return !isPresent(pte); // as on Linux a marker counts as nothing, even poison: whoever comes to sleep just then sleeps on
}

function decide(m: Machine, vma: Vma, access: Access): Step {
  if (!isPermitted(vma, access.write)) return access.kernelMode ? 'EFAULT' : 'SIGSEGV';
  const pte = loadPte(m, access.page);
  if (pte === POISON_MARKER) return access.kernelMode ? 'EHWPOISON' : 'SIGBUS';
  if (isProtected(pte) && !isPresent(pte) && !isWatched(vma, UFFDIO_REGISTER_MODE_WP)) {
    replacePte(m, access.page, pte, NO_PTE); // a marker from when it was
    return 'retry';
  }
  if (isPresent(pte)) return !access.write || isWritable(pte) ? 'ok' : writeFault(m, vma, access, pte);
  if (access.write) takeOwner(m, vma); // a userfault or not
  return vma.file < 0 ? anonymousFault(m, vma, access, pte) : fileFault(m, vma, access, pte);
}

/** A permitted write to an entry that is there and not writable. */
function writeFault(m: Machine, vma: Vma, access: Access, pte: number): Step {
  const { page } = access;
  if (isProtected(pte) && isWatched(vma, UFFDIO_REGISTER_MODE_WP)) {
    if (!hasFeature(m, vma.context, FEATURE.wpAsync))
      return userfault(m, vma, access, UFFD_PAGEFAULT_FLAG_WP);
    replacePte(m, page, pte, withProtection(unprotectedPte(pte), vma));
    return 'retry'; // it may be the zero page
  }
  if (!vma.shared && !isAnon(pte)) return copyPage(m, vma, page, pte);
  // Or a protection from when the range was watched for writes: it stays, and counts again once that is so.
  return replacePte(m, page, pte, writtenPte(pte)) ? 'ok' : 'retry';
}

/** A private mapping gets a copy of its own, of a page of the file or of the page of zeros. */
function copyPage(m: Machine, vma: Vma, page: number, pte: number): FaultOutcome {
  takeOwner(m, vma);
  const frame = copyOfFrame(m, frameOf(pte));
  if (frame === NO_FRAME) return 'nomem';
  if (replacePte(m, page, pte, makePte(frame, WRITABLE | ANON))) return 'ok';
  releaseFrame(m, frame, 'data');
  return 'retry';
}

function copyOfFrame(m: Machine, from: number): number {
  const frame = allocateDirtyFrame(m);
  if (frame !== NO_FRAME) m.frames.copyWithin(frame * PAGE_WORDS, from * PAGE_WORDS, (from + 1) * PAGE_WORDS);
  return frame;
}

function anonymousFault(m: Machine, vma: Vma, access: Access, marker: number): Step {
  if (isWatched(vma, UFFDIO_REGISTER_MODE_MISSING)) return userfault(m, vma, access, 0);
  if (!access.write && m.profile.zeroPage)
    return unlessLost(install(m, vma, access.page, marker, makePte(0, 0)));
  return installOwn(m, vma, access.page, marker, allocateZeroedFrame(m, 'data'));
}

/** Maps a frame that is nobody else's. */
function installOwn(m: Machine, vma: Vma, page: number, marker: number, frame: number): FaultOutcome {
  if (frame === NO_FRAME) return 'nomem';
  const outcome = install(m, vma, page, marker, withProtection(makePte(frame, ANON), vma));
  if (outcome === 'lost') releaseFrame(m, frame, 'data');
  return unlessLost(outcome);
}

function fileFault(m: Machine, vma: Vma, access: Access, marker: number): Step {
  if (!access.write && !isWatched(vma, UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR)) {
    mapAround(m, vma, access.page);
    if (isPresent(loadPte(m, access.page))) return 'ok';
  }
  const filePage = vma.filePage + access.page - vma.start;
  if (filePage >= filePages(m, vma.file)) return busError(access);
  const cached = cachedFrame(m, vma.file, filePage) !== NO_FRAME;
  if (cached && isWatched(vma, UFFDIO_REGISTER_MODE_MINOR)) {
    return userfault(m, vma, access, UFFD_PAGEFAULT_FLAG_MINOR);
  }
  if (!cached && isWatched(vma, UFFDIO_REGISTER_MODE_MISSING)) return userfault(m, vma, access, 0);
  const frame = cachedOrZeroed(m, vma.file, filePage);
  if (frame === NO_FRAME) return 'nomem';
  if (access.write && !vma.shared) return installOwn(m, vma, access.page, marker, copyOfFrame(m, frame));
  return unlessLost(install(m, vma, access.page, marker, cachedPte(vma, frame)));
}

/** As fault_around_bytes and what one page table holds, in pages. */
const AROUND_PAGES = 16;
const TABLE_PAGES = 512;

/**
 * A read maps what the cache has of the pages around too, whatever becomes of it itself. Linux, mm/memory.c: from the
 * mapping's begin or a multiple of so many pages on, and not past a page table's end.
 */
function mapAround(m: Machine, vma: Vma, page: number): void {
  const table = page - (page % TABLE_PAGES);
  const first = Math.max(page - (page % AROUND_PAGES), vma.start, table);
  const end = Math.min(first + AROUND_PAGES, table + TABLE_PAGES, vma.end);
  const fileEnd = vma.start + filePages(m, vma.file) - vma.filePage;
  for (let each = first; each < Math.min(end, fileEnd); each++) {
    const frame = usedFrame(m, vma.file, vma.filePage + each - vma.start);
    if (frame !== NO_FRAME) replacePte(m, each, NO_PTE, cachedPte(vma, frame));
  }
}

/**
 * Publishes an entry in place of `marker`; where that says so it is write-protected, and then whoever writes must look
 * again. 'lost' if another thread was quicker.
 */
function install(m: Machine, vma: Vma, page: number, marker: number, pte: number): 'ok' | 'retry' | 'lost' {
  const isMarked = isProtected(marker) && isWatched(vma, UFFDIO_REGISTER_MODE_WP);
  if (!replacePte(m, page, marker, isMarked ? protectedPte(pte) : pte)) return 'lost';
  return isMarked ? 'retry' : 'ok';
}

/** Whoever has lost a race finds what the winner has installed. */
function unlessLost(outcome: 'ok' | 'retry' | 'lost'): FaultOutcome {
  return outcome === 'lost' ? 'retry' : outcome;
}
