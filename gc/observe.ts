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
  function tell(request: number, bytes: number): void {
    events.emit(EVENT.ioctl, request, loadAcquire(cycle, CYCLE.number), bytes / PAGE_BYTES);
  }
  function told(request: number, outcome: PageOutcome): PageOutcome {
    tell(request, outcome.done);
    return outcome;
  }
  return {
    ...uffd,
    register(start, length, mode) {
      const ioctls = uffd.register(start, length, mode);
      tell(UFFDIO_REGISTER, length);
      return ioctls;
    },
    unregister(start, length) {
      uffd.unregister(start, length);
      tell(UFFDIO_UNREGISTER, length);
    },
    wake(start, length) {
      uffd.wake(start, length);
      tell(UFFDIO_WAKE, length);
    },
    copy: (to, from, length, mode) => told(UFFDIO_COPY, uffd.copy(to, from, length, mode)),
    zeropage: (start, length, mode) => told(UFFDIO_ZEROPAGE, uffd.zeropage(start, length, mode)),
    continue: (start, length, mode) => told(UFFDIO_CONTINUE, uffd.continue(start, length, mode)),
    move: (to, from, length, mode) => told(UFFDIO_MOVE, uffd.move(to, from, length, mode)),
    poison: (start, length, mode) => told(UFFDIO_POISON, uffd.poison(start, length, mode)),
  };
}
