/**
 * The lock on the address space (mmap_lock, and the page cache's with it). Faults and fills hold it shared: they
 * add page-table entries and cached pages, each by a compare-and-swap. Whatever takes entries, cached pages or VMAs
 * away holds it exclusively. So a frame that an entry or the page cache points to stays what it is while the lock
 * is held in either way. It is not recursive: nothing that may fault is called under it.
 */
import { lockExclusive, lockShared, unlockExclusive, unlockShared } from '../sync.ts';
import { type Machine, STATE } from './machine.ts';

/** Runs `body` while no other thread takes anything out of the address space. */
export function sharing<T>(m: Machine, body: () => T): T {
  lockShared(m.state, STATE.mmLock);
  try {
    return body();
  } finally {
    unlockShared(m.state, STATE.mmLock);
  }
}

/** Runs `body` with the address space and the page caches to itself. */
export function exclusively<T>(m: Machine, body: () => T): T {
  lockExclusive(m.state, STATE.mmLock);
  try {
    return body();
  } finally {
    unlockExclusive(m.state, STATE.mmLock);
  }
}
