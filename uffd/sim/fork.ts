/**
 * fork(2): a second process, with a copy of this one's addresses and descriptors, and its end. Source: fork(2); Linux, kernel/fork.c
 * (dup_mmap) and mm/memory.c (copy_page_range) for what is copied; userfaultfd(2) and admin-guide/mm/userfaultfd.rst for FORK.
 *
 * What the child finds anew by faults is not copied: entries of a mapping that never had a page of its own, unless it stays
 * watched for writes. Mappings are watched in the child only for a userfaultfd that is told of the fork
 * (UFFD_FEATURE_EVENT_FORK), by a new one, bound to the child, which the event brings; else no page is write-protected there.
 *
 * Deviations from Linux: pages of its own are copied at once, not when the first of both writes to them, so a fork takes their
 * memory, and is −ENOMEM where that is not to be had. That they count as shared until then shows in MOVE's −EBUSY alone.
 */
import { UFFDIO_REGISTER_MODE_WP } from '../abi.ts';
import { EAGAIN, ENOMEM } from '../errno.ts';
import { PAGE_WORDS } from '../kernel.ts';
import { dropContext, FEATURE, forkContext, hasFeature } from './context.ts';
import { closeAll, inheritDescriptors } from './descriptors.ts';
import { forgetEvent, type Prepared, prepareFork, tellEvents } from './events.ts';
import { allocateDirtyFrame, endShootdown, NO_FRAME } from './frames.ts';
import { installHuge } from './huge-entries.ts';
import { takeHuge } from './huge-pool.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import {
  ANON,
  emptySpace,
  FORKED,
  forkedPte,
  frameOf,
  isAnon,
  isPresent,
  isProtected,
  loadPte,
  makePte,
  nextPte,
  POISON_MARKER,
  protectedPte,
  storePte,
  unprotectedPte,
  withProtection,
} from './page-table.ts';
import { dropSpace, setAlive, takeSpace } from './spaces.ts';
import { unmapPages } from './unmap.ts';
import { inheritVma, UNREGISTERED, type Vma, vmasIn } from './vmas.ts';

/** The child's number, or −errno: −EAGAIN where there are as many processes as can be. It waits until its events are read. */
export function fork(m: Machine, task: number): number {
  const child = takeSpace(m);
  if (child === null) return -EAGAIN;
  // Before all else, as on Linux: a userfaultfd that is closed meanwhile is open in the child still, and its event never read.
  inheritDescriptors(m, child);
  const contexts: Contexts = new Map();
  const copied = exclusively(m, () => copySpace(m, child, contexts));
  const events = [...contexts.values()].map(({ event }) => event);
  if (!copied) {
    endProcess(child);
    for (const event of events) {
      dropContext(child, event.first);
      forgetEvent(m, event);
    }
    return -ENOMEM;
  }
  setAlive(child, true);
  tellEvents(m, task, events);
  return child.space;
}

/** The process ends: its addresses and descriptors are gone. No event tells of that. */
export function endProcess(m: Machine): void {
  setAlive(m, false);
  exclusively(m, () => unmapPages(m, 0, m.addressPages));
  closeAll(m);
  dropSpace(m, m.space);
}

/** By each of the parent's contexts that is told: the child's, and the event. */
type Contexts = Map<number, { readonly child: number; readonly event: Prepared }>;

/** False for want of memory, with part of it done. */
function copySpace(m: Machine, child: Machine, contexts: Contexts): boolean {
  emptySpace(child);
  try {
    for (const vma of vmasIn(m, 0, m.addressPages)) {
      if (vma.dontFork) continue;
      const context = contextInChild(m, child, vma, contexts);
      if (context === null) return false;
      const watched = context < 0 ? UNREGISTERED : { context };
      const copy = { ...vma, ...watched, reserves: false };
      inheritVma(child, copy);
      const isCopied = vma.owner !== 0 || vma.huge || (copy.modes & UFFDIO_REGISTER_MODE_WP) !== 0;
      if (isCopied && !copyEntries(m, child, vma, copy)) return false;
    }
    return true;
  } finally {
    endShootdown(m);
  }
}

/** Which watches the mapping in the child: −1 for none, null where there can be no more. */
function contextInChild(m: Machine, child: Machine, { context }: Vma, contexts: Contexts): number | null {
  if (context < 0 || !hasFeature(m, context, FEATURE.eventFork)) return -1;
  const known = contexts.get(context);
  if (known !== undefined) return known.child;
  const made = forkContext(child, context);
  if (made < 0) return null;
  contexts.set(context, { child: made, event: prepareFork(m, context, made) });
  return made;
}

function copyEntries(m: Machine, child: Machine, vma: Vma, copy: Vma): boolean {
  const step = vma.huge ? PAGES_PER_HUGE : 1;
  const keepsProtection = (copy.modes & UFFDIO_REGISTER_MODE_WP) !== 0;
  for (let page = nextPte(m, vma.start, vma.end); page < vma.end; page = nextPte(m, page + step, vma.end)) {
    const pte = loadPte(m, page);
    const entry = isPresent(pte) ? copyEntry(m, vma, copy, pte) : pte;
    if (entry === null) return false;
    if (isPresent(pte) && isAnon(pte) && !vma.huge) storePte(m, page, forkedPte(pte));
    const isLeft = isPresent(pte) || pte === POISON_MARKER || keepsProtection;
    if (!isLeft) continue;
    const left = keepsProtection && isPresent(pte) && isProtected(pte) ? protectedPte(entry) : entry;
    if (vma.huge) installHuge(child, page, left);
    else storePte(child, page, left);
  }
  return true;
}

/** The child's entry, not protected; null if there is no memory for the page. */
function copyEntry(m: Machine, { huge }: Vma, copy: Vma, pte: number): number | null {
  if (!isAnon(pte)) return withProtection(unprotectedPte(pte), copy);
  const frame = huge ? takeHuge(m, false, false) : allocateDirtyFrame(m);
  if (frame === NO_FRAME) return null;
  const [from, words] = [frameOf(pte) * PAGE_WORDS, (huge ? PAGES_PER_HUGE : 1) * PAGE_WORDS];
  m.frames.copyWithin(frame * PAGE_WORDS, from, from + words);
  return withProtection(makePte(frame, huge ? ANON : ANON | FORKED), copy);
}
