/**
 * Serving faults: a fault thread sleeps in poll(2) on the userfaultfd; a message names a page that a mutator waits
 * for. The page-state machine tells what to do: make the page, publish it, or leave both to who has it.
 *
 * A fault thread ends by a last fault of our own on a page set aside for that (ART's termination page). It polls,
 * and reads without blocking, so that the end of the machine can end it too: nothing ends a blocked read.
 */
import { POLLIN, UFFD_EVENT_PAGEFAULT, UFFD_PAGEFAULT_FLAG_MINOR, type UffdPagefault } from '../uffd/abi.ts';
import { type Kernel, PAGE_BYTES } from '../uffd/kernel.ts';
import { fetchAdd, loadAcquire } from '../uffd/sync.ts';
import type { Userfaultfd } from '../uffd/userfaultfd.ts';
import { CYCLE, enterWork, leaveWork } from './cycle.ts';
import { EVENT } from './events.ts';
import { beginCycle, type Maker, makeUnit, noteMade, publishFrom, watchedPages } from './maker.ts';
import { advance, PAGE, stateOf, tryAdvance } from './page-state.ts';

/** What a fault thread serves. */
export interface FaultService {
  readonly kernel: Kernel;
  readonly maker: Maker;
  /** Non-blocking. */
  readonly uffd: Userfaultfd;
  /** First byte of the heap's range. */
  readonly heap: number;
  readonly terminationPage: number;
}

/** Serves faults until the termination page is touched. */
export function serveFaults(service: FaultService): void {
  const { kernel, uffd, terminationPage } = service;
  for (;;) {
    const message = uffd.read();
    if (message === null) kernel.poll(uffd.fd, POLLIN, -1);
    if (message?.event !== UFFD_EVENT_PAGEFAULT) continue;
    if (message.address === terminationPage) break;
    serveFault(service, message);
  }
  passOn(service);
}

/** Every fault thread but the last lets the same fault happen again, for the next; the last one ends it. */
function passOn({ uffd, terminationPage, maker }: FaultService): void {
  const others = fetchAdd(maker.cycle, CYCLE.faultThreads, -1) - 1;
  if (others > 0) uffd.wake(terminationPage, PAGE_BYTES);
  else uffd.zeropage(terminationPage, PAGE_BYTES);
}

function serveFault(service: FaultService, { address, flags, ptid }: UffdPagefault): void {
  const { maker, heap } = service;
  const page = (address - heap) / PAGE_BYTES;
  const minor = (flags & UFFD_PAGEFAULT_FLAG_MINOR) !== 0;
  // The door is closed: the compaction is over, and the collector is about to wake everyone.
  if (!enterWork(maker.cycle)) return;
  try {
    // A message of an earlier collection, read late: its mutator was woken, and here nobody waits.
    if (page >= watchedPages(maker, page).end) return;
    beginCycle(maker);
    maker.events.emit(EVENT.fault, minor ? 1 : 0, loadAcquire(maker.cycle, CYCLE.number), page, ptid);
    while (!resolve(service, page)) {
      // Another thread moved the page on: look again.
    }
  } finally {
    leaveWork(maker.cycle);
  }
}

/** One look at the page. False if another thread changed its state in that moment. */
function resolve({ maker, uffd, heap }: FaultService, page: number): boolean {
  const { mode, tables } = maker;
  const { pageStates } = tables;
  switch (stateOf(pageStates, page)) {
    case PAGE.unprocessed:
      return (
        tryAdvance(pageStates, page, PAGE.unprocessed, PAGE.faultProcessing) && makeAndPublish(maker, page)
      );
    case PAGE.processing:
      return tryAdvance(pageStates, page, PAGE.processing, PAGE.wanted);
    case PAGE.processed:
      if (!mode.anyonePublishes) return tryAdvance(pageStates, page, PAGE.processed, PAGE.wanted);
      if (!tryAdvance(pageStates, page, PAGE.processed, PAGE.publishing)) return false;
      publishFrom(maker, page, publishLimit(maker, page), page);
      return true;
    case PAGE.published:
      // An old message: whoever sent it must not sleep on a page that is there.
      uffd.wake(heap + page * PAGE_BYTES, maker.unit * PAGE_BYTES);
      return true;
    default:
      return true; // wanted, faultProcessing, publishing: their owner's ioctl wakes the mutator
  }
}

function makeAndPublish(maker: Maker, page: number): true {
  const made = makeUnit(maker, page, page);
  advance(maker.tables.pageStates, page, PAGE.faultProcessing, PAGE.publishing);
  noteMade(maker, { first: page, end: page + maker.unit }, made);
  publishFrom(maker, page, publishLimit(maker, page), page);
  return true;
}

/** How far up a run may be published: over all pages, or not beyond the page itself where it is in a buffer. */
function publishLimit(maker: Maker, page: number): number {
  return maker.mode.anyonePublishes ? watchedPages(maker, page).end : 0;
}
