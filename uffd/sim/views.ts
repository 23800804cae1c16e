/**
 * Fast paths: a range of memory as a mutator or a collector sees it. Both are closures over the machine's arrays,
 * which lets V8 compile them in where they are called, with the arrays as constants: a mutator's load is then one
 * page-table load, one comparison and the load itself.
 */
import { LOG_PAGE_WORDS, type MutatorView, PAGE_BYTES, PAGE_WORDS, type PageView } from '../kernel.ts';
import { loadAcquire } from '../sync.ts';
import { translate } from './access.ts';
import type { Machine } from './machine.ts';
import { isWritable, WRITABLE } from './page-table.ts';
import { enterTranslating, leaveTranslating, quiesce } from './tasks.ts';

const OFFSET_MASK = PAGE_WORDS - 1;

export function mutatorView(m: Machine, task: number, addr: number, length: number): MutatorView {
  const firstPage = wholePages(addr, length);
  const frames = m.frames;
  const size = frames.length;
  const ptes = m.ptes.subarray(firstPage);

  function loadSlowly(word: number): number {
    return frames[slowIndex(word, false)] as number;
  }

  function storeSlowly(word: number, value: number): void {
    frames[slowIndex(word, true)] = value;
  }

  function slowIndex(word: number, write: boolean): number {
    if (word < 0 || word >= length / 4) {
      throw new RangeError(`word ${word} is outside the view of ${length / 4} words`);
    }
    const began = performance.now();
    const index = translate(m, task, firstPage + (word >>> LOG_PAGE_WORDS), write) + (word & OFFSET_MASK);
    view.onStall?.(addr + word * 4, began, performance.now());
    return index;
  }

  const view: MutatorView = {
    // See page-table.ts: the comparison with the size of memory is the check for presence as well.
    load: (word) => {
      const pte = ptes[word >>> LOG_PAGE_WORDS] as number;
      const index = (((pte >>> LOG_PAGE_WORDS) << LOG_PAGE_WORDS) | (word & OFFSET_MASK)) >>> 0;
      return index < size ? (frames[index] as number) : loadSlowly(word);
    },
    store: (word, value) => {
      const pte = ptes[word >>> LOG_PAGE_WORDS] as number;
      if ((pte & WRITABLE) !== 0) {
        frames[(((pte >>> LOG_PAGE_WORDS) << LOG_PAGE_WORDS) | (word & OFFSET_MASK)) >>> 0] = value;
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

export function pageView(m: Machine, task: number, addr: number, length: number): PageView {
  const firstPage = wholePages(addr, length);
  const ptes = m.ptes;
  return {
    words: m.frames,
    readable: (page) => {
      const pte = loadAcquire(ptes, firstPage + page);
      return pte >= 0 ? (pte >>> LOG_PAGE_WORDS) << LOG_PAGE_WORDS : translate(m, task, firstPage + page, false);
    },
    writable: (page) => {
      const pte = loadAcquire(ptes, firstPage + page);
      return isWritable(pte) ? (pte >>> LOG_PAGE_WORDS) << LOG_PAGE_WORDS : translate(m, task, firstPage + page, true);
    },
  };
}

/** The first page of a range that must be whole pages. */
function wholePages(addr: number, length: number): number {
  if (addr % PAGE_BYTES !== 0 || length % PAGE_BYTES !== 0 || addr < 0 || length <= 0) {
    throw new RangeError(`a view is of whole pages: not of ${length} bytes at 0x${addr.toString(16)}`);
  }
  return addr / PAGE_BYTES;
}
