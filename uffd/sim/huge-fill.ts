/**
 * The ioctls of fill.ts on mappings of huge pages (hugetlb): by whole huge pages, −EINVAL for anything else. As Linux has it
 * (mm/hugetlb.c, hugetlb_mfill_atomic_pte), and unlike small pages: a page that is there already is −EEXIST before the source
 * of a COPY is looked at; the end of the file counts for a COPY into a shared mapping alone; −EEXIST is also what a COPY
 * answers that finds the pool empty.
 */
import { UFFDIO_COPY_MODE_WP, UFFDIO_REGISTER_MODE_WP } from '../abi.ts';
import { EAGAIN, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ESRCH } from '../errno.ts';
import {
  fillFrom,
  isReadable,
  lookedAtFrom,
  type PageCopy,
  readFaulting,
  SOURCE_ABSENT,
} from './copy-source.ts';
import { isChanging } from './events.ts';
import { isWatched } from './fault-step.ts';
import { NO_FRAME } from './frames.ts';
import { cachedAt, hugeIndexOf, installHuge, isHugeAligned, loadHuge, markHuge } from './huge-entries.ts';
import { canTakeHuge, holdHuge, letHugeGo, takeHuge } from './huge-pool.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import { cacheHuge, canCacheHuge, hugeFilePages } from './page-cache.ts';
import {
  ANON,
  cachedPte,
  isPresent,
  makePte,
  NO_PTE,
  POISON_MARKER,
  protectedPte,
  withProtection,
} from './page-table.ts';
import { isAlive } from './spaces.ts';
import { findVma, type Vma } from './vmas.ts';

/**
 * Runs `body` under the lock with the one registered mapping of huge pages that holds [first, end), which cuts none; −EAGAIN
 * while the layout changes.
 */
export function inHugeVma(
  m: Machine,
  context: number,
  first: number,
  end: number,
  body: (vma: Vma) => number,
): number {
  return exclusively(m, () => {
    if (!isAlive(m)) return -ESRCH;
    const late = isChanging(m, context);
    if (late && !m.profile.has.rangeBeforeChanging) return -EAGAIN;
    const vma = findVma(m, first);
    if (!vma?.huge || vma.context < 0 || vma.end < end) return -ENOENT;
    if (late) return -EAGAIN;
    return isHugeAligned(first) && isHugeAligned(end) ? body(vma) : -EINVAL;
  });
}

/** Marks a huge page where nothing is, not even a marker: 0, or −errno. */
export function poisonHuge(m: Machine, page: number): number {
  if (loadHuge(m, page) !== NO_PTE) return -EEXIST;
  markHuge(m, page, POISON_MARKER);
  return 0;
}

/** Maps what the page cache has: 0, or −errno. */
export function continueHuge(m: Machine, vma: Vma, page: number, protect: boolean): number {
  if (protect && !isWatched(vma, UFFDIO_REGISTER_MODE_WP)) return -EINVAL;
  const frame = cachedAt(m, vma, page);
  if (frame === NO_FRAME) return -EFAULT;
  if (isPresent(loadHuge(m, page))) return -EEXIST;
  mapHuge(m, page, cachedPte(vma, frame), protect && m.profile.protects);
  return 0;
}

function mapHuge(m: Machine, page: number, pte: number, protect: boolean): void {
  installHuge(m, page, protect ? protectedPte(pte) : pte);
}

/**
 * Copies one huge page: 0, or −errno. While it waits for its source it holds a page of the pool if it can, to read into, as Linux
 * does: so the last one may turn out to be gone, which is −ENOMEM then.
 */
export function copyHuge(m: Machine, context: number, call: PageCopy): number {
  let read: Uint8Array | null = null;
  let holds = false;
  for (;;) {
    const first = lookedAtFrom(call, read);
    const errno = inHugeVma(m, context, first, call.end, (vma) => copyPage(m, vma, call, read));
    if (errno === SOURCE_ABSENT) {
      holds = exclusively(m, () => holdHuge(m));
      read = readFaulting(call.source);
      if (read !== null) continue;
    }
    if (holds) exclusively(m, () => letHugeGo(m));
    return errno === SOURCE_ABSENT ? -EFAULT : errno;
  }
}

/** @param read the source, if it was waited for */
function copyPage(m: Machine, vma: Vma, call: PageCopy, read: Uint8Array | null): number {
  const { page, source, mode } = call;
  const protect = (mode & UFFDIO_COPY_MODE_WP) !== 0;
  // Of huge pages this is not asked once more when the source has been waited for.
  if (read === null && protect && !isWatched(vma, UFFDIO_REGISTER_MODE_WP)) return -EINVAL;
  if (isPresent(loadHuge(m, page))) return -EEXIST;
  if (vma.shared && cachedAt(m, vma, page) !== NO_FRAME) return -EEXIST;
  const index = hugeIndexOf(vma, page);
  const isLeft = vma.shared ? canCacheHuge(m, vma.file, index) : canTakeHuge(m, vma.reserves);
  if (!isLeft) return read === null ? -EEXIST : -ENOMEM;
  if (read === null && !isReadable(source)) return SOURCE_ABSENT;
  if (vma.shared && index >= hugeFilePages(m, vma.file)) return -EFAULT;
  const frame = vma.shared ? cacheHuge(m, vma.file, index, false) : takeHuge(m, vma.reserves, false);
  if (frame === NO_FRAME) return -ENOMEM; // for the file's index
  fillFrom(source, read, frame);
  const pte = vma.shared ? cachedPte(vma, frame) : withProtection(makePte(frame, ANON), vma);
  mapHuge(m, page, pte, protect && m.profile.protects);
  return 0;
}
