/**
 * The fault path: what happens when the memory management unit refuses an access. Linux's order: permissions
 * first, then the end of the file, then userfaults (missing, minor), then what the kernel fills silently.
 */
import {
  PROT_READ,
  PROT_WRITE,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../abi.ts';
import { announce, isUserModeOnly, queueFault, withdrawFault } from './context.ts';
import { allocateZeroedFrame, NO_FRAME, releaseFrame } from './frames.ts';
import { checkAlive, type Machine } from './machine.ts';
import { sharing } from './mm-lock.ts';
import { cachedFrame, cachedOrZeroed, filePages } from './page-cache.ts';
import {
  ANON,
  frameOf,
  installPte,
  isPresent,
  isWritable,
  loadPte,
  makePte,
  NO_PTE,
  permit,
  replacePte,
  WRITABLE,
} from './page-table.ts';
import { enterTranslating, isTranslating, leaveTranslating, sleepInFault } from './tasks.ts';
import { findVma, type Vma } from './vmas.ts';

/**
 * How an access that the kernel was asked about stands: `ok`, it is allowed now; `retry`, the page may be there now,
 * so try again (the thread has slept, or another was quicker). The others are final.
 */
export type FaultOutcome = 'ok' | 'retry' | 'SIGSEGV' | 'SIGBUS' | 'EFAULT' | 'nomem';

/** One access: to which page, for a write or not, by a system call (kernel mode) or by the program itself. */
export interface Access {
  readonly page: number;
  readonly write: boolean;
  readonly kernelMode: boolean;
}

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
  const step = sharing(m, () => {
    const vma = findVma(m, access.page);
    if (vma === null) return 'SIGSEGV';
    const decided = decide(m, vma, access);
    // Queued before the lock is let go: no UNREGISTER can miss it.
    if (typeof decided === 'object') queueFault(m, decided.context, task, access.page, decided.flags);
    return decided;
  });
  if (typeof step !== 'object') return step;
  announce(m, step.context);
  sleepUnlessResolved(m, task, step.context, access.page);
  return 'retry';
}

/** The same for a system call that has nothing to look at in between: until it stands for good. */
export function faultIn(
  m: Machine,
  task: number,
  page: number,
  write: boolean,
): Exclude<FaultOutcome, 'retry'> {
  for (;;) {
    const outcome = handleFault(m, task, { page, write, kernelMode: true });
    if (outcome !== 'retry') return outcome;
  }
}

/** A resolver that came before the fault was queued found nobody to wake: so look once more before sleeping. */
function sleepUnlessResolved(m: Machine, task: number, context: number, page: number): void {
  if (loadPte(m, page) !== NO_PTE) withdrawFault(m, context, task);
  else sleepInFault(m, task);
}

/** What a fault comes to: an outcome, or a message with these flags to this context. */
type Step = FaultOutcome | { readonly context: number; readonly flags: number };

function decide(m: Machine, vma: Vma, access: Access): Step {
  if (!isPermitted(vma, access.write)) return access.kernelMode ? 'EFAULT' : 'SIGSEGV';
  const pte = loadPte(m, access.page);
  if (isPresent(pte)) {
    if (!access.write || isWritable(pte)) return 'ok';
    return copyZeroPage(m, access.page, pte);
  }
  return vma.file < 0 ? anonymousFault(m, vma, access) : fileFault(m, vma, access);
}

/** Whether the VMA permits the access. x86: a page that can be written can be read. */
export function isPermitted(vma: Vma, write: boolean): boolean {
  return (vma.prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE)) !== 0;
}

/** A permitted write to a read-only entry: it maps the zero page, which gets a private copy. */
function copyZeroPage(m: Machine, page: number, pte: number): FaultOutcome {
  const frame = allocateZeroedFrame(m, 'data');
  if (frame === NO_FRAME) return 'nomem';
  if (replacePte(m, page, pte, makePte(frame, WRITABLE | ANON))) return 'ok';
  releaseFrame(m, frame, 'data');
  return 'retry';
}

function anonymousFault(m: Machine, vma: Vma, access: Access): Step {
  if ((vma.modes & UFFDIO_REGISTER_MODE_MISSING) !== 0) return userfault(m, vma, access, 0);
  if (!access.write) return install(m, access.page, makePte(0, 0));
  const frame = allocateZeroedFrame(m, 'data');
  if (frame === NO_FRAME) return 'nomem';
  if (installPte(m, access.page, makePte(frame, WRITABLE | ANON))) return 'ok';
  releaseFrame(m, frame, 'data');
  return 'retry';
}

function fileFault(m: Machine, vma: Vma, access: Access): Step {
  const filePage = vma.filePage + access.page - vma.start;
  if (filePage >= filePages(m, vma.file)) return access.kernelMode ? 'EFAULT' : 'SIGBUS';
  const cached = cachedFrame(m, vma.file, filePage) !== NO_FRAME;
  if (cached && (vma.modes & UFFDIO_REGISTER_MODE_MINOR) !== 0) {
    return userfault(m, vma, access, UFFD_PAGEFAULT_FLAG_MINOR);
  }
  if (!cached && (vma.modes & UFFDIO_REGISTER_MODE_MISSING) !== 0) return userfault(m, vma, access, 0);
  const frame = cachedOrZeroed(m, vma.file, filePage);
  if (frame === NO_FRAME) return 'nomem';
  return install(m, access.page, sharedPte(vma, frame));
}

/** The entry for a page of a shared file mapping. */
export function sharedPte(vma: Vma, frame: number): number {
  return withProtection(makePte(frame, 0), vma.prot);
}

/** The entry under a VMA's protection; the zero page stays read-only. */
export function withProtection(pte: number, prot: number): number {
  const writable = (prot & PROT_WRITE) !== 0 && frameOf(pte) !== 0;
  return permit(pte, (prot & (PROT_READ | PROT_WRITE)) !== 0, writable);
}

function install(m: Machine, page: number, pte: number): FaultOutcome {
  return installPte(m, page, pte) ? 'ok' : 'retry';
}

function userfault(m: Machine, vma: Vma, access: Access, kind: number): Step {
  if (access.kernelMode && isUserModeOnly(m, vma.context)) return 'EFAULT';
  return { context: vma.context, flags: kind | (access.write ? UFFD_PAGEFAULT_FLAG_WRITE : 0) };
}
