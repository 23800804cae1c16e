/**
 * The ioctls that put pages, or poison, in place: COPY, ZEROPAGE, CONTINUE, POISON (and MOVE, in move.ts). They work in ascending order,
 * page by page, without rolling back, and wake exactly what they put in place. An error on the first page is told
 * as such; one further on as EAGAIN, with the bytes done.
 */

import {
  UFFDIO_CONTINUE_MODE_DONTWAKE,
  UFFDIO_CONTINUE_MODE_WP,
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_POISON_MODE_DONTWAKE,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_ZEROPAGE_MODE_DONTWAKE,
  uffdioContinue,
  uffdioCopy,
  uffdioPoison,
  uffdioZeropage,
} from '../abi.ts';
import { EAGAIN, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ESRCH } from '../errno.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../kernel.ts';
import {
  fillFrom,
  IS_HUGE,
  isReadable,
  lookedAtFrom,
  type PageCopy,
  readFaulting,
  SOURCE_ABSENT,
  type Source,
} from './copy-source.ts';
import { isChanging } from './events.ts';
import { answer, finish, take } from './fill-answer.ts';
import { allocateDirtyFrame, NO_FRAME, releaseFrame } from './frames.ts';
import { continueHuge, copyHuge, inHugeVma, poisonHuge } from './huge-fill.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { sharing } from './mm-lock.ts';
import { cachedFrame, cacheFrame, cacheZeroes, filePages, useFrame } from './page-cache.ts';
import {
  ANON,
  cachedPte,
  installOver,
  installPte,
  isPresent,
  loadPte,
  makePte,
  POISON_MARKER,
  protectedPte,
  withProtection,
} from './page-table.ts';
import { isPageRange, isSourceRange, pageOf } from './ranges.ts';
import { isAlive } from './spaces.ts';
import { findVma, takeOwner, type Vma } from './vmas.ts';

/** @param caller who has the bytes that are copied */
export function copy(
  m: Machine,
  context: number,
  caller: Pick<Source, 'm' | 'task'>,
  arg: Uint8Array,
): number {
  const { fields } = uffdioCopy;
  const [dst, src, len] = [take(arg, fields.dst), take(arg, fields.src), take(arg, fields.len)];
  const mode = take(arg, fields.mode);
  if (!isSourceRange(src, len) || !isPageRange(dst, len)) return -EINVAL;
  const wp = m.profile.has.writeProtect ? UFFDIO_COPY_MODE_WP : 0;
  if (mode > (UFFDIO_COPY_MODE_DONTWAKE | wp)) return -EINVAL;
  const [first, end] = [pageOf(dst), pageOf(dst + len)];
  let page = first;
  let stopped = 0;
  let step = 1;
  for (; page < end; page += step) {
    // Objects of one shape, and none that is not needed: this is as fast as a page is copied.
    const source: Source = {
      m: caller.m,
      task: caller.task,
      address: src + (page - first) * PAGE_BYTES,
      bytes: PAGE_BYTES,
    };
    stopped = step === 1 ? copyOnce(m, context, { first, page, end, source, mode }) : IS_HUGE;
    if (stopped === IS_HUGE) {
      step = PAGES_PER_HUGE;
      const whole = { ...source, bytes: HUGE_PAGE_BYTES };
      stopped = copyHuge(m, context, { first, page, end, source: whole, mode });
    }
    if (stopped !== 0) break;
  }
  const out = finish(m, context, first, page, stopped, (mode & UFFDIO_COPY_MODE_DONTWAKE) === 0);
  return answer(arg, fields.copy, out, len);
}

/** Copies one page: 0, or −errno, or IS_HUGE. */
function copyOnce(m: Machine, context: number, call: PageCopy): number {
  const { end, source, mode } = call;
  let read: Uint8Array | null = null;
  for (;;) {
    const errno = inVma(m, context, lookedAtFrom(call, read), end, (vma) => {
      if (vma.huge) return IS_HUGE;
      const protect = (mode & UFFDIO_COPY_MODE_WP) !== 0;
      if (protect && !isWatchedForWrites(vma)) return -EINVAL;
      if (read === null && !isReadable(source)) return SOURCE_ABSENT;
      return copyPage(m, vma, call, read, protect && m.profile.protects);
    });
    if (errno !== SOURCE_ABSENT) return errno;
    read = readFaulting(source);
    if (read === null) return -EFAULT;
  }
}

export function zeropage(m: Machine, context: number, arg: Uint8Array): number {
  const { fields } = uffdioZeropage;
  const [start, len, mode] = [take(arg, fields.start), take(arg, fields.len), take(arg, fields.mode)];
  if (!isPageRange(start, len) || mode > UFFDIO_ZEROPAGE_MODE_DONTWAKE) return -EINVAL;
  const zero = (vma: Vma, page: number): number => (vma.huge ? -EINVAL : zeroPage(m, vma, page));
  const out = fillRange(m, { context, start, len, wakes: mode === 0 }, zero, null);
  return answer(arg, fields.zeropage, out, len);
}

export function continueRange(m: Machine, context: number, arg: Uint8Array): number {
  const { fields } = uffdioContinue;
  const [start, len, mode] = [take(arg, fields.start), take(arg, fields.len), take(arg, fields.mode)];
  if (!isPageRange(start, len)) return -EINVAL;
  const wp = m.profile.has.continueProtected ? UFFDIO_CONTINUE_MODE_WP : 0;
  if (mode > (UFFDIO_CONTINUE_MODE_DONTWAKE | wp)) return -EINVAL;
  const protect = (mode & UFFDIO_CONTINUE_MODE_WP) !== 0;
  const wakes = (mode & UFFDIO_CONTINUE_MODE_DONTWAKE) === 0;
  const out = fillRange(
    m,
    { context, start, len, wakes },
    (vma, page) => continuePage(m, vma, page, protect),
    (vma, page) => continueHuge(m, vma, page, protect),
  );
  return answer(arg, fields.mapped, out, len);
}

export function poison(m: Machine, context: number, arg: Uint8Array): number {
  const { fields } = uffdioPoison;
  const [start, len, mode] = [take(arg, fields.start), take(arg, fields.len), take(arg, fields.mode)];
  if (!isPageRange(start, len) || mode > UFFDIO_POISON_MODE_DONTWAKE) return -EINVAL;
  const out = fillRange(
    m,
    { context, start, len, wakes: mode === 0 },
    (vma, page) => poisonPage(m, vma, page),
    (_, page) => poisonHuge(m, page),
  );
  return answer(arg, fields.updated, out, len);
}

function isWatchedForWrites({ modes }: Vma): boolean {
  return (modes & UFFDIO_REGISTER_MODE_WP) !== 0;
}

/** A range in bytes to be filled, on behalf of a userfaultfd, and whether its sleepers are woken. */
interface Filling {
  readonly context: number;
  readonly start: number;
  readonly len: number;
  readonly wakes: boolean;
}

type FillPage = (vma: Vma, page: number) => number;

/**
 * Runs `each` on the pages of a range, or `eachHuge` on its huge pages (null: as on small ones), all under one hold of the lock:
 * bytes done, or −errno.
 */
function fillRange(
  m: Machine,
  { context, start, len, wakes }: Filling,
  each: FillPage,
  eachHuge: FillPage | null,
): number {
  const first = pageOf(start);
  const end = first + len / PAGE_BYTES;
  let page = first;
  const run = (vma: Vma, fill: FillPage, step: number): number => {
    for (; page < end; page += step) {
      const errno = fill(vma, page);
      if (errno !== 0) return errno;
    }
    return 0;
  };
  let stopped = inVma(m, context, first, end, (vma) => (vma.huge && eachHuge ? IS_HUGE : run(vma, each, 1)));
  if (stopped === IS_HUGE && eachHuge !== null)
    stopped = inHugeVma(m, context, first, end, (vma) => run(vma, eachHuge, PAGES_PER_HUGE));
  return finish(m, context, first, page, stopped, wakes);
}

/**
 * Runs `body` under the lock with the one registered VMA that holds [first, end); −ENOENT if there is none, or in the
 * oldest releases −EINVAL; −EAGAIN while the layout changes.
 */
function inVma(m: Machine, context: number, first: number, end: number, body: (vma: Vma) => number): number {
  return sharing(m, () => {
    if (!isAlive(m)) return -ESRCH;
    // ioctl() has asked already: it can have begun since then, above all where the call slept until its source was there.
    const late = isChanging(m, context);
    if (late && !m.profile.has.rangeBeforeChanging) return -EAGAIN;
    const vma = findVma(m, first);
    if (vma !== null) takeOwner(m, vma); // whatever comes of it
    if (vma !== null && vma.context >= 0 && vma.end >= end) return late ? -EAGAIN : body(vma);
    return m.profile.has.absentIsEnoent ? -ENOENT : -EINVAL;
  });
}

function isPastEnd(m: Machine, vma: Vma, page: number): boolean {
  return filePage(vma, page) >= filePages(m, vma.file);
}

function filePage(vma: Vma, page: number): number {
  return vma.filePage + page - vma.start;
}

/** @param read the source, if it was waited for */
function copyPage(
  m: Machine,
  vma: Vma,
  { page, source }: PageCopy,
  read: Uint8Array | null,
  protect: boolean,
): number {
  if (isPresent(loadPte(m, page))) return -EEXIST;
  if (vma.file >= 0 && isPastEnd(m, vma, page)) return -EFAULT;
  if (vma.shared && cachedFrame(m, vma.file, filePage(vma, page)) !== NO_FRAME) return -EEXIST;
  const frame = allocateDirtyFrame(m);
  if (frame === NO_FRAME) return -ENOMEM;
  fillFrom(source, read, frame);
  const errno = vma.shared
    ? installCached(m, vma, page, frame, protect)
    : installAnonymous(m, vma, page, frame, protect);
  if (errno !== 0) releaseFrame(m, frame, 'data');
  return errno;
}

function installAnonymous(m: Machine, vma: Vma, page: number, frame: number, protect: boolean): number {
  const pte = withProtection(makePte(frame, ANON), vma);
  return installOver(m, page, protect ? protectedPte(pte) : pte) ? 0 : -EEXIST;
}

/** The frame becomes the file's page, and is mapped. */
function installCached(m: Machine, vma: Vma, page: number, frame: number, protect: boolean): number {
  const outcome = cacheFrame(m, vma.file, filePage(vma, page), frame);
  if (outcome === 'exists') return -EEXIST;
  if (outcome === 'nomem') return -ENOMEM;
  // Somebody may have mapped the page in the moment since it is cached: it is there, which is what was asked.
  mapShared(m, vma, page, frame, protect);
  return 0;
}

/** False if something is mapped there. */
function mapShared(m: Machine, vma: Vma, page: number, frame: number, protect = false): boolean {
  const pte = cachedPte(vma, frame);
  return installOver(m, page, protect ? protectedPte(pte) : pte);
}

/** Over a marker in shared memory only. */
function zeroPage(m: Machine, vma: Vma, page: number): number {
  if (vma.file >= 0 && !m.profile.has.zeropageShmem) return -EINVAL;
  if (vma.file >= 0 && !vma.shared && isPastEnd(m, vma, page)) return -EFAULT;
  if (!vma.shared) return installPte(m, page, withProtection(makePte(0, 0), vma)) ? 0 : -EEXIST;
  if (isPresent(loadPte(m, page))) return -EEXIST;
  if (isPastEnd(m, vma, page)) return -EFAULT;
  const frame = cacheZeroes(m, vma.file, filePage(vma, page));
  if (typeof frame === 'string') return frame === 'exists' ? -EEXIST : -ENOMEM;
  mapShared(m, vma, page, frame);
  return 0;
}

/** Marks a page of this mapping where nothing is, not even a marker. */
function poisonPage(m: Machine, vma: Vma, page: number): number {
  if (vma.file >= 0 && isPastEnd(m, vma, page)) return -EFAULT;
  return installPte(m, page, POISON_MARKER) ? 0 : -EEXIST;
}

/** Maps what the page cache has; it makes nothing. The cache is asked before the page table. */
function continuePage(m: Machine, vma: Vma, page: number, protect: boolean): number {
  if (protect && !isWatchedForWrites(vma)) return -EINVAL;
  // The release counts, not the architecture: where nobody registers for minor faults, the request works all the same.
  if (vma.file < 0 || !m.profile.has.minorShmem) return -EINVAL;
  if (isPastEnd(m, vma, page)) return -EINVAL;
  const frame = useFrame(m, vma.file, filePage(vma, page));
  if (frame === NO_FRAME) return -EFAULT;
  return mapShared(m, vma, page, frame, protect) ? 0 : -EEXIST;
}
