/**
 * Faults on huge pages: Linux's order (mm/hugetlb.c), which differs from that of small pages: what is cached is found before
 * the end of the file; a hole of a private mapping is filled with a page of its own, read or written, and the file stays a
 * hole; with no page left in the pool the access is a bus error. All of it is called with the mm lock held exclusively.
 */
import {
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '../abi.ts';
import { PAGE_WORDS } from '../kernel.ts';
import { FEATURE, hasFeature } from './context.ts';
import {
  type Access,
  busError,
  type FaultOutcome,
  isPermitted,
  isWatched,
  type Step,
  userfault,
} from './fault-step.ts';
import { NO_FRAME } from './frames.ts';
import { cachedAt, hugeIndexOf, hugeStartOf, installHuge, loadHuge } from './huge-entries.ts';
import { takeHuge } from './huge-pool.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { cacheHuge, hugeFilePages } from './page-cache.ts';
import {
  ANON,
  cachedPte,
  frameOf,
  isAnon,
  isPresent,
  isProtected,
  isWritable,
  makePte,
  POISON_MARKER,
  protectedPte,
  unprotectedPte,
  WRITABLE,
  withProtection,
} from './page-table.ts';
import type { Vma } from './vmas.ts';

/** Whether the access is allowed as it stands: what most are that come here together. The lock may be held shared. */
export function isHugeThere(m: Machine, vma: Vma, { page, write }: Access): boolean {
  const pte = loadHuge(m, page);
  return isPermitted(vma, write) && isPresent(pte) && (!write || isWritable(pte));
}

/** What a fault on a mapping of huge pages comes to. */
export function decideHuge(m: Machine, vma: Vma, access: Access): Step {
  if (!isPermitted(vma, access.write)) return access.kernelMode ? 'EFAULT' : 'SIGSEGV';
  const page = hugeStartOf(access.page);
  const pte = loadHuge(m, page);
  if (pte === POISON_MARKER) return access.kernelMode ? 'EHWPOISON' : 'SIGBUS';
  return isPresent(pte) ? presentFault(m, vma, access, pte) : absentFault(m, vma, access, pte);
}

/** Where the fault is told to have been: at the huge page's begin, unless the exact address is asked for. */
export function toldAt(m: Machine, context: number, access: Access): Pick<Access, 'page' | 'offset'> {
  return hasFeature(m, context, FEATURE.exactAddress)
    ? access
    : { page: hugeStartOf(access.page), offset: 0 };
}

function presentFault(m: Machine, vma: Vma, access: Access, pte: number): Step {
  if (!access.write || isWritable(pte)) return 'ok';
  const page = hugeStartOf(access.page);
  if (isProtected(pte) && isWatched(vma, UFFDIO_REGISTER_MODE_WP)) {
    if (!hasFeature(m, vma.context, FEATURE.wpAsync))
      return userfault(m, vma, access, UFFD_PAGEFAULT_FLAG_WP);
    return writeTo(m, vma, access, page, unprotectedPte(pte));
  }
  return writeTo(m, vma, access, page, pte);
}

/** A write to what is there, and not writable: a private mapping gets a copy of what it has not copied yet. */
function writeTo(m: Machine, vma: Vma, access: Access, page: number, pte: number): FaultOutcome {
  if (vma.shared || isAnon(pte)) {
    installHuge(m, page, pte | WRITABLE);
    return 'ok';
  }
  const frame = takeHuge(m, vma.reserves, false);
  if (frame === NO_FRAME) return nothingLeft(access);
  const from = frameOf(pte);
  m.frames.copyWithin(frame * PAGE_WORDS, from * PAGE_WORDS, (from + PAGES_PER_HUGE) * PAGE_WORDS);
  installHuge(m, page, makePte(frame, WRITABLE | ANON));
  return 'ok';
}

function nothingLeft({ kernelMode }: Access): FaultOutcome {
  return kernelMode ? 'EFAULT' : 'no huge page';
}

function absentFault(m: Machine, vma: Vma, access: Access, marker: number): Step {
  const page = hugeStartOf(access.page);
  const cached = cachedAt(m, vma, page);
  if (cached === NO_FRAME) {
    if (hugeIndexOf(vma, page) >= hugeFilePages(m, vma.file)) return busError(access);
    if (isWatched(vma, UFFDIO_REGISTER_MODE_MISSING)) return userfault(m, vma, access, 0);
  } else if (isWatched(vma, UFFDIO_REGISTER_MODE_MINOR)) {
    return userfault(m, vma, access, UFFD_PAGEFAULT_FLAG_MINOR);
  }
  const pte = cached === NO_FRAME ? freshPte(m, vma, page) : cachedPte(vma, cached);
  if (pte === null) return nothingLeft(access);
  const isMarked = isProtected(marker) && isWatched(vma, UFFDIO_REGISTER_MODE_WP);
  installHuge(m, page, isMarked ? protectedPte(pte) : pte);
  if (isMarked) return 'retry'; // whoever writes must look again
  return access.write && !isWritable(pte) ? writeTo(m, vma, access, page, pte) : 'ok';
}

/** The entry of a page of zeros, which the file has from now on, or a private mapping alone; null if none is left. */
function freshPte(m: Machine, vma: Vma, page: number): number | null {
  const frame = vma.shared
    ? cacheHuge(m, vma.file, hugeIndexOf(vma, page), true)
    : takeHuge(m, vma.reserves, true);
  if (frame === NO_FRAME) return null;
  return vma.shared ? cachedPte(vma, frame) : withProtection(makePte(frame, ANON), vma);
}
