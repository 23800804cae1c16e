/**
 * Write protection by userfaultfd: UFFDIO_WRITEPROTECT, and what becomes of it when a range is unregistered or moves. A
 * page that is there is protected in its entry; of one that is not a marker says that it will be. Everything here but the
 * ioctl is called with the mm lock held exclusively.
 */
import {
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
  UFFDIO_WRITEPROTECT_MODE_WP,
  uffdioWriteprotect,
} from '../abi.ts';
import { EAGAIN, EINVAL, ENOENT, ESRCH } from '../errno.ts';
import { FEATURE, hasFeature, wakeRange } from './context.ts';
import { isChanging } from './events.ts';
import { endShootdown } from './frames.ts';
import { isHugeAligned } from './huge-entries.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import {
  clearPte,
  isPresent,
  isProtected,
  loadPte,
  NO_PTE,
  PROTECTED_MARKER,
  protectedPte,
  storePte,
  unprotectedPte,
  withProtection,
} from './page-table.ts';
import { isPageRange, pageOf } from './ranges.ts';
import { isAlive } from './spaces.ts';
import { clip, type Vma, vmasIn } from './vmas.ts';

/**
 * Protects the pages, or ends the protection and wakes whoever sleeps in the range, in whatever fault. Holes are passed
 * over; a mapping that is not registered for it ends the call, what lies below it being done.
 */
export function writeprotect(m: Machine, context: number, arg: Uint8Array): number {
  const { start, len, mode } = uffdioWriteprotect.decode(arg);
  if (!isPageRange(start, len)) return -EINVAL;
  if (mode > UFFDIO_WRITEPROTECT_MODE_DONTWAKE) return -EINVAL; // both bits are no mode either
  const protect = mode === UFFDIO_WRITEPROTECT_MODE_WP;
  const [first, end] = [pageOf(start), pageOf(start + len)];
  const errno = exclusively(m, () =>
    isChanging(m, context) ? -EAGAIN : changeRange(m, first, end, protect),
  );
  if (errno === 0 && mode === 0) wakeRange(m, context, first, end);
  return errno;
}

function changeRange(m: Machine, first: number, end: number, protect: boolean): number {
  if (!isAlive(m)) return -ESRCH;
  const vmas = vmasIn(m, first, end);
  const [vma] = vmas;
  if (vma === undefined) return -ENOENT;
  const isWhole = vma.start <= first && vma.end >= end;
  if (!isWhole && !m.profile.has.wpAcrossMappings) return -ENOENT;
  try {
    for (const vma of vmas) {
      if ((vma.modes & UFFDIO_REGISTER_MODE_WP) === 0) return -ENOENT;
      if (vma.huge && !(isHugeAligned(first) && isHugeAligned(end))) return -EINVAL;
      const part = clip(vma, first, end);
      if (protect) protectPages(m, part);
      else unprotectPages(m, part);
    }
  } finally {
    endShootdown(m);
  }
  return 0;
}

/** What is not there is marked: of a file always, of private memory if the userfaultfd has a feature for it. */
function protectPages(m: Machine, vma: Vma): void {
  if (!m.profile.protects) return; // the page-table entry has no bit for it
  const marks = vma.file >= 0 || hasFeature(m, vma.context, FEATURE.wpUnpopulated | FEATURE.wpAsync);
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (isPresent(pte)) storePte(m, page, protectedPte(pte));
    else if (pte === NO_PTE && marks) storePte(m, page, PROTECTED_MARKER);
  }
}

/** Ends the protection of all pages of a VMA's range. */
export function unprotectPages(m: Machine, vma: Vma): void {
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (!isProtected(pte)) continue;
    if (isPresent(pte)) storePte(m, page, withProtection(unprotectedPte(pte), vma));
    else clearPte(m, page);
  }
}
