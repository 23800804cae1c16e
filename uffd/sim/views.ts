/**
 * Fast paths: a range of memory as a mutator or a collector sees it. Both are closures over the machine's arrays,
 * which lets V8 compile them in where they are called, with the arrays as constants: a mutator's load is then one
 * page-table load, one comparison and the load itself.
 */
import { LOG_PAGE_WORDS, type MutatorView, PAGE_BYTES, PAGE_WORDS, type PageView } from '../kernel.ts';
import { loadAcquire } from '../sync.ts';
import { translate } from './access.ts';
import type { Machine } from './machine.ts';
import { entryAt, isWritable, WRITABLE } from './page-table.ts';
import { isAligned } from './ranges.ts';
import { enterTranslating, leaveTranslating, quiesce, sleepsOf } from './tasks.ts';

// Copies of imported constants: V8 compiles a module's own constants in as numbers, and loads imported ones.
const LOG_WORDS = LOG_PAGE_WORDS;
const OFFSET_MASK = PAGE_WORDS - 1;
const FLAGLESS = -PAGE_WORDS;
const STORABLE = WRITABLE;
const MAX_MUTATOR_BYTES = 2 ** 32;

export function mutatorView(m: Machine, task: number, addr: number, length: number): MutatorView {
  const firstPage = wholePages(m, addr, length);
  if (length > MAX_MUTATOR_BYTES) {
    throw new RangeError(`a mutator's view is of at most ${MAX_MUTATOR_BYTES} bytes, not of ${length}`);
  }
  const frames = m.frames;
  const size = frames.length;
  const distances = m.ptes.subarray(firstPage);
  const firstWord = (firstPage << LOG_WORDS) | 0;

  const loadSlowly = outOfLine((word: number): number => frames[slowIndex(word, false)] as number);
  const storeSlowly = outOfLine((word: number, value: number): void => {
    frames[slowIndex(word, true)] = value;
  });

  function slowIndex(word: number, write: boolean): number {
    if (word < 0 || word >= length / 4) {
      throw new RangeError(`word ${word} is outside the view of ${length / 4} words`);
    }
    const address = addr + word * 4;
    for (;;) {
      const { onStall } = view;
      if (onStall === null) return translate(m, task, address, write) + (word & OFFSET_MASK);
      const sleeps = sleepsOf(m, task);
      const began = performance.now();
      const index = translate(m, task, address, write) + (word & OFFSET_MASK);
      if (sleepsOf(m, task) === sleeps) return index;
      // Translated anew after it: the listener may pass a quiescent point.
      onStall(address, began, performance.now());
    }
  }

  const view: MutatorView = {
    // See page-table.ts: the comparison with the size of memory is the check for presence as well.
    load: (word) => {
      const distance = distances[word >>> LOG_WORDS] as number;
      const index = ((distance & FLAGLESS) + ((word + firstWord) | 0)) >>> 0;
      return index < size ? (frames[index] as number) : loadSlowly(word) | 0;
    },
    store: (word, value) => {
      const distance = distances[word >>> LOG_WORDS] as number;
      if ((distance & STORABLE) !== 0) {
        frames[((distance & FLAGLESS) + ((word + firstWord) | 0)) >>> 0] = value;
      } else {
        storeSlowly(word, value);
      }
    },
    enter: () => enterTranslating(m, task),
    quiesce: () => quiesce(m, task),
    leave: () => leaveTranslating(m, task),
    onStall: null,
  };
  return view;
}

/**
 * The function, called in a way that V8 never compiles in where it is called. What it compiles in may throw, and V8
 * does not peel a loop out of which something throws: every load of a loop would check again what it is that loads.
 */
function outOfLine<F extends (...args: never[]) => unknown>(f: F): F {
  return new Proxy(f, {});
}

export function pageView(m: Machine, task: number, addr: number, length: number): PageView {
  const firstPage = wholePages(m, addr, length);
  const ptes = m.ptes;

  function slowWord(page: number, write: boolean): number {
    return translate(m, task, (firstPage + page) * PAGE_BYTES, write);
  }

  const writable = (page: number): number => {
    const pte = entryAt(firstPage + page, loadAcquire(ptes, firstPage + page));
    return isWritable(pte) ? (pte >>> LOG_WORDS) << LOG_WORDS : slowWord(page, true);
  };

  return {
    words: m.frames,
    readable: (page) => {
      const pte = entryAt(firstPage + page, loadAcquire(ptes, firstPage + page));
      return pte >= 0 ? (pte >>> LOG_WORDS) << LOG_WORDS : slowWord(page, false);
    },
    writable,
    updatable: writable,
  };
}

/** The first page of a range that must be whole pages, which this machine has addresses for. */
function wholePages(m: Machine, addr: number, length: number): number {
  if (!isAligned(addr) || !isAligned(length) || addr < 0 || length <= 0) {
    throw new RangeError(`a view is of whole pages: not of ${length} bytes at 0x${addr.toString(16)}`);
  }
  if ((addr + length) / PAGE_BYTES > m.addressPages) {
    throw new RangeError(
      `a view of ${length} bytes at 0x${addr.toString(16)} ends past this machine's ${m.addressPages * PAGE_BYTES} addresses`,
    );
  }
  return addr / PAGE_BYTES;
}
