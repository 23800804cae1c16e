/** What a fault may come to, on pages of either size: an outcome at once, or a userfault. */
import { PROT_READ, PROT_WRITE, UFFD_PAGEFAULT_FLAG_WRITE } from '../abi.ts';
import { FEATURE, hasFeature, isUserModeOnly, type Message } from './context.ts';
import type { Machine } from './machine.ts';
import type { Vma } from './vmas.ts';

/**
 * How an access that the kernel was asked about stands: `ok`, it is allowed now; `retry`, the page may be there now,
 * so try again (the thread has slept, or another was quicker). The others are final; only madvise tells EHWPOISON from EFAULT.
 */
export type FaultOutcome =
  | 'ok'
  | 'retry'
  | 'SIGSEGV'
  | 'SIGBUS'
  | 'EFAULT'
  | 'EHWPOISON'
  | 'nomem'
  | 'no huge page';

/** One access: to which page, for a write or not, by a system call (kernel mode) or by the program itself. */
export interface Access {
  readonly page: number;
  readonly write: boolean;
  readonly kernelMode: boolean;
  /** Of the byte, on the page. */
  readonly offset: number;
  /** Whether the access has slept in a userfault already. */
  readonly again: boolean;
}

export type Step = FaultOutcome | Message;

/** Whether the VMA permits the access. x86: a page that can be written can be read. */
export function isPermitted(vma: Vma, write: boolean): boolean {
  return (vma.prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE)) !== 0;
}

/** Whether the VMA is registered with one of these modes. */
export function isWatched(vma: Vma, modes: number): boolean {
  return (vma.modes & modes) !== 0;
}

export function busError({ kernelMode }: Access): FaultOutcome {
  return kernelMode ? 'EFAULT' : 'SIGBUS';
}

/** `kind`: UFFD_PAGEFAULT_FLAG_MINOR, _WP, or 0 for a page that is missing. */
export function userfault(m: Machine, vma: Vma, access: Access, kind: number): Step {
  const { context } = vma;
  if (hasFeature(m, context, FEATURE.sigbus)) return busError(access);
  if (access.again && !m.profile.has.faultsAgain) return busError(access);
  if (access.kernelMode && isUserModeOnly(m, context)) return 'EFAULT';
  return { context, flags: kind | (access.write ? UFFD_PAGEFAULT_FLAG_WRITE : 0) };
}
