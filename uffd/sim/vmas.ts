/**
 * The address space: VMAs, sorted by address in one table, each a range of pages with one set of attributes.
 * Whoever reads holds the mm lock shared; whoever changes anything but an owner holds it exclusively.
 *
 * Equal neighbours become one, but private ones whose pages have different owners stay apart, as on Linux (anon_vma): each was
 * written to, or filled, before they were neighbours and equal. A fill over both of them is ENOENT then.
 */

import { cas, fetchAdd } from '../sync.ts';
import { MAX_VMAS, type Machine, PAGES_PER_HUGE, SPACE, SPACE_WORDS, STATE, VMA_WORDS } from './machine.ts';
import { dropFile, holdFile } from './page-cache.ts';

/** Attributes of a VMA. `file` is −1 for private anonymous memory, `context` −1 where no userfaultfd is registered. */
export interface Vma {
  readonly start: number; // first page
  readonly end: number; // one past the last page
  readonly prot: number;
  readonly shared: boolean;
  readonly file: number;
  /** The file's page at `start`. Of anonymous memory its number when it was mapped: it takes that along when it moves with pages. */
  readonly filePage: number;
  readonly context: number;
  /** UFFDIO_REGISTER_MODE bits. */
  readonly modes: number;
  /** Of huge pages (hugetlb): `start`, `end` and `filePage` are multiples of PAGES_PER_HUGE then, and there is a file. */
  readonly huge: boolean;
  /** A page of the pool is kept for each huge page of this private mapping that it has no copy of (huge-pool.ts). */
  readonly reserves: boolean;
  /** A forked process does not get it (MADV_DONTFORK). */
  readonly dontFork: boolean;
  /** Whose the pages are that a private mapping has of its own: that of its neighbours too, or another. 0: it never had any. Negative: a parent's. */
  readonly owner: number;
}

/** The attributes of a VMA that no userfaultfd watches. */
export const UNREGISTERED = { context: -1, modes: 0 } as const;

// Words of a record, in this order; file and context are kept + 1.
const WORD = {
  start: 0,
  end: 1,
  prot: 2,
  kind: 3,
  file: 4,
  filePage: 5,
  context: 6,
  modes: 7,
  owner: 8,
} as const;
/** Bits of the word `kind`. */
const VMA = { shared: 1, huge: 2, reserves: 4, dontFork: 8 } as const;

function get(m: Machine, index: number, word: number): number {
  return m.vmas[index * VMA_WORDS + word] as number;
}

function vmaCount(m: Machine): number {
  return m.spaces[m.space * SPACE_WORDS + SPACE.vmas] as number;
}

function vmaAt(m: Machine, index: number): Vma {
  const kind = get(m, index, WORD.kind);
  return {
    start: get(m, index, WORD.start),
    end: get(m, index, WORD.end),
    prot: get(m, index, WORD.prot),
    shared: (kind & VMA.shared) !== 0,
    file: get(m, index, WORD.file) - 1,
    filePage: get(m, index, WORD.filePage),
    context: get(m, index, WORD.context) - 1,
    modes: get(m, index, WORD.modes),
    huge: (kind & VMA.huge) !== 0,
    reserves: (kind & VMA.reserves) !== 0,
    dontFork: (kind & VMA.dontFork) !== 0,
    owner: get(m, index, WORD.owner),
  };
}

function put(m: Machine, index: number, vma: Vma): void {
  m.vmas.set(
    [
      vma.start,
      vma.end,
      vma.prot,
      kindOf(vma),
      vma.file + 1,
      vma.filePage,
      vma.context + 1,
      vma.modes,
      vma.owner,
    ],
    index * VMA_WORDS,
  );
}

function kindOf({ shared, huge, reserves, dontFork }: Vma): number {
  const [isHuge, keeps] = [huge ? VMA.huge : 0, reserves ? VMA.reserves : 0];
  return (shared ? VMA.shared : 0) | isHuge | keeps | (dontFork ? VMA.dontFork : 0);
}

/** Index of the first VMA that ends after `page` (the count if there is none). */
function indexFrom(m: Machine, page: number): number {
  let low = 0;
  let high = vmaCount(m);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (get(m, middle, WORD.end) > page) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The VMA that holds the page, or null. */
export function findVma(m: Machine, page: number): Vma | null {
  const index = indexFrom(m, page);
  if (index === vmaCount(m) || get(m, index, WORD.start) > page) return null;
  return vmaAt(m, index);
}

/** The VMAs that intersect [start, end), in address order. */
export function vmasIn(m: Machine, start: number, end: number): Vma[] {
  const found: Vma[] = [];
  const count = vmaCount(m);
  for (let i = indexFrom(m, start); i < count && get(m, i, WORD.start) < end; i++) found.push(vmaAt(m, i));
  return found;
}

/** A VMA cut down to [start, end). */
export function clip(vma: Vma, start: number, end: number): Vma {
  const from = Math.max(vma.start, start);
  return {
    ...vma,
    start: from,
    end: Math.min(vma.end, end),
    filePage: vma.filePage + from - vma.start,
  };
}

/**
 * Whether an end of [start, end) lies within a huge page that is mapped: no mapping of huge pages can be cut there. As Linux
 * does, what is mapped at the start is cut there first, and stays so where it is the end that cannot be.
 */
export function cutsHugePage(m: Machine, start: number, end: number): boolean {
  if (isWithinHuge(m, start)) return true;
  if (!isWithinHuge(m, end)) return false;
  split(m, start);
  return true;
}

/** Whether the page is one of a huge page that is mapped, and not its first. */
export function isWithinHuge(m: Machine, page: number): boolean {
  return page % PAGES_PER_HUGE !== 0 && findVma(m, page)?.huge === true;
}

/** Cuts the mapping there in two, which are not merged as long as nothing is done with either. */
export function split(m: Machine, page: number): void {
  const vma = findVma(m, page);
  if (vma === null || vma.start === page || !hasRoom(m, 1)) return;
  if (vma.file >= 0) holdFile(m, vma.file);
  splice(m, indexFrom(m, page), 1, [clip(vma, vma.start, page), clip(vma, page, vma.end)]);
}

/** Whether so many more VMAs fit the table. */
export function hasRoom(m: Machine, more: number): boolean {
  return vmaCount(m) + more <= MAX_VMAS;
}

/**
 * Replaces what is in [start, end) by `replacement` (VMAs within it, in order; none: a hole). VMAs at the edges
 * are split, and equal neighbours merged. References to files are counted here.
 */
export function replaceRange(m: Machine, start: number, end: number, replacement: readonly Vma[]): void {
  const first = indexFrom(m, start);
  const old = vmasIn(m, start, end);
  for (const vma of replacement) if (vma.file >= 0) holdFile(m, vma.file);
  const before = old[0];
  const after = old.at(-1);
  const edges: Vma[] = [];
  if (before !== undefined && before.start < start) edges.push(clip(before, before.start, start));
  edges.push(...replacement);
  if (after !== undefined && after.end > end) edges.push(clip(after, end, after.end));
  // The edge pieces keep their file: count them before the old VMAs let go.
  for (const vma of edges) if (!replacement.includes(vma) && vma.file >= 0) holdFile(m, vma.file);
  splice(m, first, old.length, edges);
  mergeAround(m, first, edges.length);
  for (const vma of old) if (vma.file >= 0) dropFile(m, vma.file);
}

function splice(m: Machine, index: number, removed: number, added: readonly Vma[]): void {
  const count = vmaCount(m);
  const tail = (index + removed) * VMA_WORDS;
  m.vmas.copyWithin((index + added.length) * VMA_WORDS, tail, count * VMA_WORDS);
  added.forEach((vma, i) => {
    put(m, index + i, vma);
  });
  m.spaces[m.space * SPACE_WORDS + SPACE.vmas] = count - removed + added.length;
}

/** Merges equal neighbours among the VMAs at [index − 1, index + added]: with the one below first, as Linux does. */
function mergeAround(m: Machine, index: number, added: number): void {
  let i = Math.max(index, 1);
  for (let left = added + (index > 0 ? 1 : 0); left > 0 && i < vmaCount(m); left--) {
    const below = vmaAt(m, i - 1);
    const above = vmaAt(m, i);
    if (!mergeable(below, above)) {
      i++;
      continue;
    }
    splice(m, i - 1, 2, [{ ...below, end: above.end, owner: below.owner || above.owner }]);
    if (above.file >= 0) dropFile(m, above.file);
  }
}

/** Those of huge pages never are, as on Linux (VM_DONTEXPAND). */
function mergeable(left: Vma, right: Vma): boolean {
  return (
    isContinued(left, right) &&
    left.prot === right.prot &&
    (left.owner === right.owner || canTake(left.owner, right.owner) || canTake(right.owner, left.owner))
  );
}

/** Whether pages of nobody's can become the owner's: not if that has them from a parent, as on Linux. */
function canTake(owner: number, other: number): boolean {
  return other === 0 && owner > 0;
}

function isContinued(left: Vma, right: Vma): boolean {
  return (
    !left.huge &&
    left.dontFork === right.dontFork &&
    left.end === right.start &&
    left.shared === right.shared &&
    left.file === right.file &&
    left.context === right.context &&
    left.modes === right.modes &&
    left.filePage + (left.end - left.start) === right.filePage
  );
}

/**
 * A private mapping is about to get a page of its own: from now on it has an owner, that of a neighbour that it continues if
 * there is one (whatever may be done with either), else a new one. The mm lock may be held shared.
 */
export function takeOwner(m: Machine, vma: Vma): void {
  if (vma.shared || vma.owner !== 0 || vma.huge) return;
  const index = indexFrom(m, vma.start);
  const above = index + 1 < vmaCount(m) ? vmaAt(m, index + 1) : null;
  const below = index > 0 ? vmaAt(m, index - 1) : null;
  const shared =
    (above !== null && isContinued(vma, above) ? Math.max(above.owner, 0) : 0) ||
    (below !== null && isContinued(below, vma) ? Math.max(below.owner, 0) : 0);
  // Whoever is quicker says which: the other's number is nobody's.
  cas(m.vmas, index * VMA_WORDS + WORD.owner, 0, shared || newOwner(m));
}

function newOwner(m: Machine): number {
  return fetchAdd(m.state, STATE.owners, 1) + 1;
}

/**
 * Puts a mapping of a forked process above all that it has; it is not merged. What had pages of its own in the parent has another
 * owner here.
 */
export function inheritVma(m: Machine, vma: Vma): void {
  if (vma.file >= 0) holdFile(m, vma.file);
  splice(m, vmaCount(m), 0, [{ ...vma, owner: vma.owner === 0 ? 0 : -newOwner(m) }]);
}

/** Its pages have gone elsewhere with their owner. The caller holds the mm lock exclusively. */
export function loseOwner(m: Machine, vma: Vma): void {
  m.vmas[indexFrom(m, vma.start) * VMA_WORDS + WORD.owner] = 0;
}

/** Where a hole is looked for first: below is left unmapped, as vm.mmap_min_addr does. */
const LOWEST_CHOICE = 16;

/**
 * The first page of `pages` free ones: at `hint` if they are free there, else the lowest; −1 if there are none. A multiple of
 * `unit`: a hint that is none counts as the next one.
 */
export function findHole(m: Machine, pages: number, hint: number, unit = 1): number {
  const wanted = Math.ceil(hint / unit) * unit;
  if (wanted >= LOWEST_CHOICE && lowestHole(m, wanted, pages, unit) === wanted) return wanted;
  return lowestHole(m, Math.ceil(LOWEST_CHOICE / unit) * unit, pages, unit);
}

function lowestHole(m: Machine, from: number, pages: number, unit: number): number {
  let start = from;
  const count = vmaCount(m);
  for (let i = indexFrom(m, start); i < count; i++) {
    if (get(m, i, WORD.start) - start >= pages) return start;
    start = Math.max(start, Math.ceil(get(m, i, WORD.end) / unit) * unit);
  }
  return m.addressPages - start >= pages ? start : -1;
}
