/** Laying out a heap: the machine, the mode's mappings in it, the tables beside it, and the first object. */
import {
  allocateMetadata,
  allocateShared,
  type HeapGeometry,
  metadataBytes,
  mostObjects,
  openTables,
} from '../heap/layout.ts';
import { openNonMoving } from '../heap/non-moving.ts';
import { fillerHeader, PAGE_GRANULES, recordHeader } from '../heap/object.ts';
import { setTopPage } from '../heap/spaces.ts';
import {
  O_CLOEXEC,
  O_NONBLOCK,
  UFFD_API,
  UFFD_FEATURE_THREAD_ID,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_REGISTER_MODE_MISSING,
  uffdioApi,
} from '../uffd/abi.ts';
import { EINVAL } from '../uffd/errno.ts';
import { type Kernel, PAGE_BYTES } from '../uffd/kernel.ts';
import { MAX_VIEW_BYTES, openKernel } from '../uffd/open.ts';
import { storeRelease } from '../uffd/sync.ts';
import { openUserfaultfd } from '../uffd/userfaultfd.ts';
import { allocateCycle, CYCLE, openCycle } from './cycle.ts';
import { largestHeap, machineSize, pastNode, requireAddresses, requireRoom } from './machine-size.ts';
import { allocateMarkPool } from './mark-pool.ts';
import { modeNamed } from './modes/index.ts';
import { ModeError } from './modes/load.ts';
import { allBytes, mapPrivate } from './modes/mapping.ts';
import { type MappingMode, MODE_WORDS, type Ranges, type Reservation } from './modes/mode.ts';
import type { ResolvedOptions } from './options.ts';
import { makeRefusals } from './refuse.ts';
import type { HeapLinks } from './threads/boot.ts';
import { tracerBytes } from './trace.ts';
import { setFirstTrigger, type TriggerPolicy } from './trigger.ts';
import { roundUpTo } from './units.ts';

/** Size of a thread-local allocation buffer. */
const TLAB_PAGES = 8;

/** The machine, the mode's mappings in it, and an empty heap. */
export function layOut(options: ResolvedOptions): { kernel: Kernel; links: HeapLinks } {
  const { heapBytes, nonMovingBytes, largeBytes, largeObjectBytes, mutators, rootSlots, weakHandles } =
    options;
  const mode = modeNamed(options.mode, options.page);
  const unit = mode.unitPages ?? 1;
  const helpers = options.gcThreads - 1;
  const needed: Reservation = {
    // Each part of the large-object space has addresses for all of it.
    ...{ heapBytes, nonMovingBytes: nonMovingBytes + largeBytes, rawBytes: largeBytes },
    spanBytes: heapBytes + nonMovingBytes + largeBytes,
    threads: options.gcThreads + options.faultThreads,
    batch: roundUpTo(Math.max(1, options.batch), unit),
    tablesBytes: 0,
  };
  const kernel = openMachine(options, mode, needed);
  const spanBytes = Math.ceil(needed.spanBytes / kernel.moveUnit) * kernel.moveUnit;
  const geometry: HeapGeometry = {
    ...{ heapBytes, nonMovingBytes, largeBytes, largeObjectBytes, mutators, rootSlots, weakHandles },
    rawPage: spanBytes / PAGE_BYTES,
    tlabPages: TLAB_PAGES,
  };
  const tablesBytes = metadataBytes(geometry) + tracerBytes(mostObjects(geometry));
  const reservation = { ...needed, spanBytes, tablesBytes };
  const ranges = reserve(kernel, mode, reservation);
  const watch = mode.concurrent ? openWatch(kernel, mode) : NO_WATCH;
  const metadata = allocateMetadata(
    geometry,
    (bytes) => kernel.linear?.allocate(bytes) ?? allocateShared(bytes),
  );
  layNil(kernel, ranges.heap);
  const tables = openTables(metadata, geometry);
  setTopPage(tables, 1);
  openNonMoving(tables);
  const trigger: TriggerPolicy = {
    utilization: options.utilization,
    minFreePages: Math.ceil(options.minFreeBytes / PAGE_BYTES),
    maxFreePages: Math.ceil(options.maxFreeBytes / PAGE_BYTES),
  };
  setFirstTrigger(tables, trigger);
  const cycle = allocateCycle();
  storeRelease(openCycle(cycle), CYCLE.faultThreads, options.faultThreads);
  const links: HeapLinks = {
    kernel: kernel.handle(),
    ...{ mode: options.mode, page: options.page },
    ranges,
    ...watch,
    geometry,
    metadata,
    compiled: metadata.buffer === kernel.linear?.memory.buffer,
    cycle,
    markPool: allocateMarkPool(),
    modeWords: allocateShared(4 * MODE_WORDS),
    // Where a page that nobody publishes is lost, "on demand only" is one page a call.
    batch: mode.concurrent && !mode.untouchedStay ? reservation.batch : roundUpTo(options.batch, unit),
    order: options.order,
    helpers,
    verify: options.verify !== false,
    assertPhases: options.verify === 'phases',
    trigger,
    densePrefix: options.densePrefix,
    periodMs: options.periodMs,
    refusals: makeRefusals(options.refuse),
  };
  return { kernel, links };
}

/**
 * @throws HeapTooLargeError if a mutator could not see all of it through one view
 * @throws ModeError if a mode of the user's does not know of raw data
 */
function reserve(kernel: Kernel, mode: MappingMode, reservation: Reservation): Ranges {
  const { rawBytes, spanBytes } = reservation;
  if (rawBytes > 0 && kernel.kind === 'linux' && allBytes(reservation) > MAX_VIEW_BYTES)
    throw pastNode(allBytes(reservation), MAX_VIEW_BYTES, mode.name);
  const ranges = mode.reserve(kernel, reservation);
  if (ranges.rawBytes === rawBytes || rawBytes === 0) return ranges;
  const what = `reserve() must map ${rawBytes} bytes of raw data behind the first ${spanBytes}, and answer \`rawBytes\``;
  throw new ModeError('MODE_BROKEN', mode.name, what);
}

/** Of a mode in which nobody faults: every call of its userfaultfd is an EBADF. */
const NO_WATCH = { uffd: -1, terminationPage: 0 };

/** A userfaultfd with what the mode needs, and the page by which fault threads are told to end. */
function openWatch(kernel: Kernel, { features }: MappingMode): typeof NO_WATCH {
  const flags = O_CLOEXEC | O_NONBLOCK | userModeOnly(kernel);
  const uffd = openUserfaultfd(kernel, { flags, features: features | sleepersNumber(kernel, flags) });
  const terminationPage = mapPrivate(kernel, PAGE_BYTES);
  uffd.register(terminationPage, PAGE_BYTES, UFFDIO_REGISTER_MODE_MISSING);
  return { uffd: uffd.fd, terminationPage };
}

/** The feature by which a message says who sleeps, for traces alone; Linux has it from 4.14 on, and before refuses it. */
function sleepersNumber(kernel: Kernel, flags: number): bigint {
  const fd = kernel.userfaultfd(flags);
  const asked = uffdioApi.encode({ api: UFFD_API, features: UFFD_FEATURE_THREAD_ID });
  const known = fd >= 0 && kernel.ioctl(fd, UFFDIO_API, asked) >= 0;
  if (fd >= 0) kernel.close(fd);
  return known ? UFFD_FEATURE_THREAD_ID : 0n;
}

/** The flag, which the unprivileged must give; Linux has it from 5.11 on, and before refuses what it does not know. */
function userModeOnly(kernel: Kernel): number {
  const fd = kernel.userfaultfd(O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (fd >= 0) kernel.close(fd);
  return fd === -EINVAL ? 0 : UFFD_USER_MODE_ONLY;
}

/** @throws HeapTooLargeError if the memory, or a view of it, is not to be had */
function openMachine(options: ResolvedOptions, mode: MappingMode, reservation: Reservation): Kernel {
  const { populate, lacks, profile } = options;
  if (options.kernel === 'linux') requireRoom(mode, reservation);
  if (profile.bits === 32) requireAddresses(mode, reservation);
  try {
    return openKernel(options.kernel, {
      ...machineSize(mode, reservation),
      hugePages: mode.poolPages?.(reservation.heapBytes) ?? 0,
      ...{ populate, lacks, ...profile },
      linear: options.loops === 'auto',
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw pastNode(options.heapBytes, largestHeap(mode, reservation), mode.name);
  }
}

/** The nil object at granule 0, and filler up to the end of its page: the heap parses from its first word. */
function layNil(kernel: Kernel, heap: number): void {
  kernel.store32(heap, recordHeader(0, 0, 1));
  fillerHeader(PAGE_GRANULES - 1).forEach((word, i) => {
    kernel.store32(heap + 8 + 4 * i, word);
  });
}
