/** Reading objects page by page, through a view that never meets a userfault. */
import { LOG_PAGE_WORDS, PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import {
  ARRAY_HEADER_WORDS,
  ARRAY_REFERENCES_WORD,
  ARRAY_SIZE_WORD,
  GRANULE_WORDS,
  isArrayForm,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from './object.ts';

/** A word of the heap, by its number from the heap's base. */
export function readWord(view: PageView, word: number): number {
  return view.words[view.readable(word >>> LOG_PAGE_WORDS) + (word & (PAGE_WORDS - 1))] as number;
}

/** Where an object's parts are; all in words from the heap's base, except `granules`. */
export interface ObjectParts {
  readonly header: number;
  readonly granules: number;
  readonly firstReference: number;
  readonly references: number;
}

export function readObject(view: PageView, object: Ref): ObjectParts {
  const word = object * GRANULE_WORDS;
  const header = readWord(view, word);
  if (!isArrayForm(header)) {
    return {
      header,
      granules: recordGranules(header),
      firstReference: word + RECORD_HEADER_WORDS,
      references: recordReferences(header),
    };
  }
  return {
    header,
    granules: readWord(view, word + ARRAY_SIZE_WORD),
    firstReference: word + ARRAY_HEADER_WORDS,
    references: readWord(view, word + ARRAY_REFERENCES_WORD),
  };
}
