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
  /** performance.now() before a call, or NaN where nothing is told of it. */
  const start = () => (events.tells(EVENT.ioctl, loadAcquire(cycle, CYCLE.number)) ? performance.now() : NaN);

  function tell(request: number, bytes: number, began: number): void {
    if (Number.isNaN(began)) return;
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
    register(address, length, mode) {
      const began = start();
      const ioctls = uffd.register(address, length, mode);
      tell(UFFDIO_REGISTER, length, began);
      return ioctls;
    },
    unregister(address, length) {
      const began = start();
      uffd.unregister(address, length);
      tell(UFFDIO_UNREGISTER, length, began);
    },
    wake(address, length) {
      const began = start();
      uffd.wake(address, length);
      tell(UFFDIO_WAKE, length, began);
    },
    copy: (to, from, length, mode) => told(UFFDIO_COPY, start(), uffd.copy(to, from, length, mode)),
    zeropage: (address, length, mode) => told(UFFDIO_ZEROPAGE, start(), uffd.zeropage(address, length, mode)),
    continue: (address, length, mode) => told(UFFDIO_CONTINUE, start(), uffd.continue(address, length, mode)),
    move: (to, from, length, mode) => told(UFFDIO_MOVE, start(), uffd.move(to, from, length, mode)),
    poison: (address, length, mode) => told(UFFDIO_POISON, start(), uffd.poison(address, length, mode)),
  };
}
