/**
 * Updating one page that does not move, from the page itself and metadata alone: its objects stay where they are,
 * and what they refer to has moved. In the page where the mode can publish that; else in a copy of it.
 *
 * A page that holds no object is made zero: somebody has allocated there since the flip, and faults. Its memory may not
 * even be there.
 */
import type { HeapTables } from '../heap/layout.ts';
import { isKept } from '../heap/non-moving.ts';
import {
  ARRAY_HEADER_WORDS,
  ARRAY_REFERENCES_WORD,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordReferences,
} from '../heap/object.ts';
import { noObjectAt } from '../heap/verify.ts';
import { PAGE_WORDS } from '../uffd/kernel.ts';
import type { FillPage, PageSources } from './fill-page.ts';
import { makeForward } from './forward.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const RECORD_HEADER = RECORD_HEADER_WORDS;
const ARRAY_HEADER = ARRAY_HEADER_WORDS;
const WORDS = PAGE_WORDS;

const SOUND = -1;

/** A function that updates any page that does not move; `words[base …]` is the page, or room for a copy. */
export function makeUpdatePage(tables: HeapTables, sources: Readonly<PageSources>): FillPage {
  const updateReferences = makeUpdateReferences(tables, sources);
  return (page, words, base) => {
    if (!isKept(tables, page)) {
      words.fill(0, base, base + WORDS);
      return;
    }
    if (!sources.inPlace) {
      const at = sources.from.readable(page);
      words.set(sources.from.words.subarray(at, at + WORDS), base);
    }
    const broken = updateReferences(page, words, base);
    if (broken !== SOUND) throw noObjectAt(broken, 0, 'while updating');
  };
}

/**
 * Forwards the references on the page: those of the marked objects that begin on it, and those of
 * the one that reaches onto it. What is not marked is dead, or was allocated after the flip: then the page was updated
 * before it was stored to. Answers SOUND, or a marked granule where no object begins.
 */
function makeUpdateReferences(
  { liveness, markBits, firstGranule }: HeapTables,
  sources: Readonly<PageSources>,
): (page: number, words: Int32Array, base: number) => Ref {
  const forward = makeForward(liveness, sources);
  const places = new Int32Array(WORDS);

  /** Puts the places of the references of objects that begin on the page after those found before. */
  function findOn(page: number, words: Int32Array, base: number, before: number): number {
    let found = before;
    for (let chunk = page << (LOG_GRANULES - 5); chunk < (page + 1) << (LOG_GRANULES - 5); chunk++) {
      for (let bits = markBits[chunk] as number; bits !== 0; bits &= bits - 1) {
        const object = (chunk << 5) + 31 - Math.clz32(bits & -bits);
        const at = base + 2 * (object & (GRANULES - 1));
        const header = words[at] as number;
        if (header === 0) return ~object;
        const first = at + (header < 0 ? ARRAY_HEADER : RECORD_HEADER);
        const references =
          header < 0 ? (words[at + ARRAY_REFERENCES_WORD] as number) : recordReferences(header);
        const end = Math.min(first + references, base + WORDS);
        for (let place = first; place < end; place++) places[found++] = place;
      }
    }
    return found;
  }

  return (page, words, base) => {
    const reaching = Math.min(WORDS, (firstGranule[page] as number) - page * WORDS);
    let found = 0;
    while (found < reaching) places[found] = base + found++;
    found = findOn(page, words, base, found);
    if (found < 0) return ~found;
    for (let i = 0; i < found; i++) {
      const at = places[i] as number;
      words[at] = forward(words[at] as Ref);
    }
    return SOUND;
  };
}
