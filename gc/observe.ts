/** A userfaultfd that records an event for each call: from these come all figures about ioctls. */
import {
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_ZEROPAGE,
} from '../uffd/abi.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { loadAcquire, type SharedWords } from '../uffd/sync.ts';
import type { PageOutcome, Userfaultfd } from '../uffd/userfaultfd.ts';
import { CYCLE } from './cycle.ts';
import { EVENT, type EventWriter } from './events.ts';

export function observed(uffd: Userfaultfd, events: EventWriter, cycle: SharedWords): Userfaultfd {
  /** `began` is of performance.now(). */
  function tell(request: number, bytes: number, began: number): void {
    const ended = performance.now();
    const number = loadAcquire(cycle, CYCLE.number);
    events.emitAt(ended, EVENT.ioctl, request, number, bytes / PAGE_BYTES, (ended - began) * 1000);
  }
  function told(request: number, began: number, outcome: PageOutcome): PageOutcome {
    tell(request, outcome.done, began);
    return outcome;
  }
  return {
    ...uffd,
    register(start, length, mode) {
      const began = performance.now();
      const ioctls = uffd.register(start, length, mode);
      tell(UFFDIO_REGISTER, length, began);
      return ioctls;
    },
    unregister(start, length) {
      const began = performance.now();
      uffd.unregister(start, length);
      tell(UFFDIO_UNREGISTER, length, began);
    },
    wake(start, length) {
      const began = performance.now();
      uffd.wake(start, length);
      tell(UFFDIO_WAKE, length, began);
    },
    copy: (to, from, length, mode) => told(UFFDIO_COPY, performance.now(), uffd.copy(to, from, length, mode)),
    zeropage: (start, length, mode) =>
      told(UFFDIO_ZEROPAGE, performance.now(), uffd.zeropage(start, length, mode)),
    continue: (start, length, mode) =>
      told(UFFDIO_CONTINUE, performance.now(), uffd.continue(start, length, mode)),
    move: (to, from, length, mode) => told(UFFDIO_MOVE, performance.now(), uffd.move(to, from, length, mode)),
    poison: (start, length, mode) => told(UFFDIO_POISON, performance.now(), uffd.poison(start, length, mode)),
  };
}
