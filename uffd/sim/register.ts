/** The ioctls that say what a userfaultfd watches: API, REGISTER, UNREGISTER, WAKE. */
import {
  _UFFDIO_CONTINUE,
  _UFFDIO_COPY,
  _UFFDIO_MOVE,
  _UFFDIO_POISON,
  _UFFDIO_WAKE,
  _UFFDIO_WRITEPROTECT,
  _UFFDIO_ZEROPAGE,
  ioctlMask,
  UFFD_API,
  UFFD_API_IOCTLS,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_MINOR_HUGETLBFS,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MISSING_HUGETLBFS,
  UFFD_FEATURE_MISSING_SHMEM,
  UFFD_FEATURE_MOVE,
  UFFD_FEATURE_PAGEFAULT_FLAG_WP,
  UFFD_FEATURE_POISON,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFDIO_CONTINUE,
  UFFDIO_CONTINUE_IOR,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_WRITEPROTECT,
  uffdioApi,
  uffdioRange,
  uffdioRegister,
} from '../abi.ts';
import { EBUSY, EINVAL, ENOMEM } from '../errno.ts';
import { initialise, ownerOf, wakeRange } from './context.ts';
import { releaseEvents } from './events.ts';
import { hugeEndOf, isHugeAligned } from './huge-entries.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import { isPageRange, pageOf } from './ranges.ts';
import { isAlive } from './spaces.ts';
import { clip, hasRoom, replaceRange, split, UNREGISTERED, type Vma, vmasIn } from './vmas.ts';
import { unprotectPages } from './write-protect.ts';

/** What this kernel has. The rest of the UAPI is answered as by a kernel that was built without it. */
export const SIM_FEATURES =
  UFFD_FEATURE_PAGEFAULT_FLAG_WP |
  UFFD_FEATURE_EVENT_FORK |
  UFFD_FEATURE_EVENT_REMAP |
  UFFD_FEATURE_EVENT_REMOVE |
  UFFD_FEATURE_EVENT_UNMAP |
  UFFD_FEATURE_MISSING_HUGETLBFS |
  UFFD_FEATURE_MISSING_SHMEM |
  UFFD_FEATURE_SIGBUS |
  UFFD_FEATURE_THREAD_ID |
  UFFD_FEATURE_MINOR_HUGETLBFS |
  UFFD_FEATURE_MINOR_SHMEM |
  UFFD_FEATURE_EXACT_ADDRESS |
  UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
  UFFD_FEATURE_WP_UNPOPULATED |
  UFFD_FEATURE_POISON |
  UFFD_FEATURE_WP_ASYNC |
  UFFD_FEATURE_MOVE;
const SIM_MODES = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR;
/** As Linux, whatever the memory: MOVE is answered for shared memory too, where it fails. */
const RANGE_IOCTLS = ioctlMask(_UFFDIO_WAKE, _UFFDIO_COPY, _UFFDIO_ZEROPAGE);
/** What a range is told not to have that has huge pages anywhere. */
const NOT_OF_HUGE_PAGES = ioctlMask(_UFFDIO_ZEROPAGE, _UFFDIO_MOVE);

/** What the handshake offers. */
function offered(m: Machine): bigint {
  return SIM_FEATURES & m.profile.features & ~BigInt(m.lacks);
}

function has(m: Machine, feature: bigint): boolean {
  return (m.profile.features & ~BigInt(m.lacks) & feature) !== 0n;
}

function isLacking(m: Machine, feature: bigint): boolean {
  return (m.lacks & Number(feature)) !== 0;
}

/** Features that brought a request or a registration mode with them, where one of them is lacking (SimOptions.lacks). */
const REQUEST_CAME_WITH: ReadonlyMap<number, bigint> = new Map([
  [UFFDIO_MOVE, UFFD_FEATURE_MOVE],
  [UFFDIO_CONTINUE, UFFD_FEATURE_MINOR_SHMEM],
  [UFFDIO_CONTINUE_IOR, UFFD_FEATURE_MINOR_SHMEM],
  [UFFDIO_POISON, UFFD_FEATURE_POISON],
  [UFFDIO_WRITEPROTECT, UFFD_FEATURE_PAGEFAULT_FLAG_WP],
]);
const MODE_CAME_WITH = [
  [UFFDIO_REGISTER_MODE_MINOR, UFFD_FEATURE_MINOR_SHMEM],
  [UFFDIO_REGISTER_MODE_WP, UFFD_FEATURE_PAGEFAULT_FLAG_WP],
] as const;
/** Ioctls that a range is told to have, by what they came with or are asked for with. */
const RANGE_IOCTLS_BY_FEATURE = [
  [UFFD_FEATURE_MOVE, _UFFDIO_MOVE],
  [UFFD_FEATURE_POISON, _UFFDIO_POISON],
] as const;
const RANGE_IOCTLS_BY_MODE = [
  [UFFDIO_REGISTER_MODE_MINOR, _UFFDIO_CONTINUE],
  [UFFDIO_REGISTER_MODE_WP, _UFFDIO_WRITEPROTECT],
] as const;

/** Whether this kernel knows the request. */
export function hasRequest(m: Machine, request: number): boolean {
  return m.profile.requests.has(request) && !isLacking(m, REQUEST_CAME_WITH.get(request) ?? 0n);
}

export function api(m: Machine, context: number, arg: Uint8Array): number {
  const { api: version, features } = uffdioApi.decode(arg);
  const { accepted, has: changes } = m.profile;
  const known = SIM_FEATURES & accepted & ~BigInt(m.lacks);
  const isFine = changes.anyHandshake || (version === UFFD_API && (features & ~known) === 0n);
  if (!isFine || !initialise(m, context, Number(features & known))) {
    arg.fill(0, 0, uffdioApi.size);
    return -EINVAL;
  }
  uffdioApi.encode({ api: UFFD_API, features: offered(m), ioctls: UFFD_API_IOCTLS }, arg);
  return 0;
}

export function register(m: Machine, context: number, arg: Uint8Array): number {
  const { start, len, mode } = uffdioRegister.decode(arg);
  if (MODE_CAME_WITH.some(([asked, feature]) => (mode & asked) !== 0 && isLacking(m, feature)))
    return -EINVAL;
  const modes = SIM_MODES & m.profile.modes;
  if (mode === 0 || mode > modes || (mode & ~modes) !== 0 || !isPageRange(start, len)) return -EINVAL;
  const [first, end] = [pageOf(start), pageOf(start + len)];
  let vmas: readonly Vma[] = [];
  const errno = exclusively(m, () => {
    if (!isAlive(m)) return -ENOMEM;
    vmas = vmasIn(m, first, end);
    return registerPages(m, context, first, end, mode);
  });
  if (errno !== 0) return errno;
  let ioctls = RANGE_IOCTLS;
  if (vmas.some(({ file }) => file >= 0) && !m.profile.has.zeropageShmem)
    ioctls &= ~ioctlMask(_UFFDIO_ZEROPAGE);
  for (const [feature, nr] of RANGE_IOCTLS_BY_FEATURE) if (has(m, feature)) ioctls |= ioctlMask(nr);
  for (const [asked, nr] of RANGE_IOCTLS_BY_MODE) if ((mode & asked) !== 0) ioctls |= ioctlMask(nr);
  if (vmas.some(({ huge }) => huge)) ioctls &= ~NOT_OF_HUGE_PAGES;
  uffdioRegister.put(arg, 'ioctls', ioctls);
  return 0;
}

/** All or nothing: every VMA is looked at before one is changed. */
function registerPages(m: Machine, context: number, first: number, end: number, mode: number): number {
  const vmas = vmasIn(m, first, end);
  if (vmas.length === 0 || cutsFirst(vmas, first)) return -EINVAL;
  for (const vma of vmas) {
    if (!canWatch(m, vma, mode) || cutsLast(vma, end)) return -EINVAL;
    if (vma.context >= 0 && vma.context !== context) return -EBUSY;
  }
  if (!hasRoom(m, 2)) return -ENOMEM;
  for (const vma of vmas) {
    // A subset of what is registered changes nothing; anything else replaces it.
    if (vma.context === context && (vma.modes & mode) === mode) continue;
    change(m, clip(vma, first, end), { context, modes: mode });
  }
  return 0;
}

/** As Linux has it: of the first mapping alone, and wherever before it the range begins. */
function cutsFirst([vma]: readonly Vma[], first: number): boolean {
  return vma?.huge === true && !isHugeAligned(first);
}

function cutsLast({ huge, end: vmaEnd }: Vma, end: number): boolean {
  return huge && end < vmaEnd && !isHugeAligned(end);
}

/** Whether the memory can be registered with these modes, by its kind and what came with which feature. */
function canWatch(m: Machine, { file, huge }: Vma, mode: number): boolean {
  const forMinor = (mode & UFFDIO_REGISTER_MODE_MINOR) !== 0;
  if (file < 0) return !forMinor;
  const [missing, minor] = huge
    ? [UFFD_FEATURE_MISSING_HUGETLBFS, UFFD_FEATURE_MINOR_HUGETLBFS]
    : [UFFD_FEATURE_MISSING_SHMEM, UFFD_FEATURE_MINOR_SHMEM]; // 5.13 has minor faults of huge pages alone
  if (!has(m, missing) || (forMinor && !has(m, minor))) return false;
  return (mode & UFFDIO_REGISTER_MODE_WP) === 0 || has(m, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

export function unregister(m: Machine, context: number, arg: Uint8Array): number {
  const { start, len } = uffdioRange.decode(arg);
  if (!isPageRange(start, len)) return -EINVAL;
  return exclusively(m, () =>
    isAlive(m) ? unregisterPages(m, context, pageOf(start), pageOf(start + len)) : -ENOMEM,
  );
}

function unregisterPages(m: Machine, context: number, first: number, end: number): number {
  const vmas = vmasIn(m, first, end);
  const isOthers = (vma: Vma): boolean => vma.context >= 0 && vma.context !== context;
  if (vmas.length === 0 || (m.profile.has.ownMappingsOnly && vmas.some(isOthers))) return -EINVAL;
  if (cutsFirst(vmas, first)) return -EINVAL;
  if (!hasRoom(m, 2)) return -ENOMEM;
  for (const vma of vmas) {
    if (vma.context < 0) continue;
    const part = clip(vma, first, end);
    if (cutsLast(vma, end)) return refuseToCut(m, part);
    change(m, part, UNREGISTERED);
    wakeMissing(m, part);
  }
  return 0;
}

/** As Linux does: sleepers of a range that was registered for minor faults alone are left asleep. */
function wakeMissing(m: Machine, { modes, context, start, end }: Vma): void {
  if ((modes & UFFDIO_REGISTER_MODE_MISSING) !== 0) wakeRange(m, context, start, end);
}

/** The part ends within a huge page. As Linux does: what lies below is unregistered by now, and all is done but that. */
function refuseToCut(m: Machine, part: Vma): number {
  if ((part.modes & UFFDIO_REGISTER_MODE_WP) !== 0) unprotectPages(m, { ...part, end: hugeEndOf(part.end) });
  wakeMissing(m, part);
  split(m, part.start);
  return -EINVAL;
}

/** The last descriptor is gone: everything is unregistered, every sleeper tries again, and no call waits to be read of. */
export function releaseContext(caller: Machine, context: number): void {
  const m = ownerOf(caller, context);
  exclusively(m, () => {
    for (const vma of vmasIn(m, 0, m.addressPages)) {
      if (vma.context === context) change(m, vma, UNREGISTERED);
    }
    wakeRange(m, context, 0, m.addressPages);
  });
  releaseEvents(m, context);
}

/** Unregistered, a range has no page that is write-protected. */
function change(m: Machine, vma: Vma, to: { context: number; modes: number }): void {
  const ends = to.context < 0 && (vma.modes & UFFDIO_REGISTER_MODE_WP) !== 0;
  if (ends) unprotectPages(m, vma);
  replaceRange(m, vma.start, vma.end, [{ ...vma, ...to }]);
}

export function wake(m: Machine, context: number, arg: Uint8Array): number {
  const { start, len } = uffdioRange.decode(arg);
  if (!isPageRange(start, len)) return -EINVAL;
  wakeRange(m, context, pageOf(start), pageOf(start + len));
  return 0;
}
