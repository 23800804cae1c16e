/**
 * How the object that covers a page's first word goes on there: where its references lie and where it ends. With it a
 * page can be made without reading that object's header, which lies on another page: one that may have been overwritten
 * by then, where objects slide in place. One word:
 *
 *       24       14 13      3 2                0
 *       end         | stop    | first reference |   in words from the page's first; past the page is 1024
 *
 * 0 stands for a page that dead space covers whole: it is not made at all.
 */
import { ARRAY_HEADER_WORDS, isFiller, PAGE_GRANULES, type Ref } from '../heap/object.ts';
import { noObjectAt } from '../heap/verify.ts';
import { readObject } from '../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../uffd/kernel.ts';

export type PageLayout = number;

/** Of a page whose first granule, of from-space, is `granule`, which `object` covers. @throws HeapCorruptError */
export function layoutAt(space: PageView, object: Ref, granule: number, when: string): PageLayout {
  const { granules, firstReference, references } = readObject(space, object);
  if (object + granules <= granule) throw noObjectAt(object, granules, when);
  const onPage = (word: number) => Math.min(PAGE_WORDS, Math.max(0, word - 2 * granule));
  return pack(onPage(firstReference), onPage(firstReference + references), onPage(2 * (object + granules)));
}

/**
 * The same of a page that slides as it is. What filler covers is never read, and its pages may not even be there. (Its
 * header may reach onto the page.)
 */
export function layoutOfSlid(space: PageView, object: Ref, granule: number): PageLayout {
  const { header, granules } = readObject(space, object);
  const coversAll =
    object + ARRAY_HEADER_WORDS / 2 <= granule && object + granules >= granule + PAGE_GRANULES;
  return isFiller(header) && coversAll ? 0 : layoutAt(space, object, granule, 'while compacting');
}

/** The first reference of an object that begins on the page before is at one of its first words, or there are none. */
function pack(first: number, stop: number, end: number): PageLayout {
  return first < stop ? (end << 14) | (stop << 3) | first : end << 14;
}

export function firstReferenceOn(layout: PageLayout): number {
  return layout & 7;
}

export function referencesEnd(layout: PageLayout): number {
  return (layout >>> 3) & 0x7ff;
}

export function objectEnd(layout: PageLayout): number {
  return layout >>> 14;
}
