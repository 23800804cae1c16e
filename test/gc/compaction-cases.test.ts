/** The cases where compaction is most easily wrong, one by one. Each is compared with the model word by word. */
import { describe, expect, it } from 'vitest';
import { compactAndCheck } from './compaction-model.ts';
import { type Item, PAGE_GRANULES, pointTo, sizeOf, type Thing, thing } from './heap-image.ts';

let labels = 0;
/** An object of that many granules, with some references to itself. */
function objectOf(granules: number, references = 0): Thing {
  const dataWords = 2 * granules - references - (granules > 8191 || references > 1023 ? 4 : 1);
  const item = thing(++labels, references, dataWords);
  expect(sizeOf(item)).toBe(granules);
  for (let slot = 0; slot < references; slot++) pointTo(item, slot, item);
  return item;
}

/** References from the first slots of one object to the others. */
function holder(targets: readonly Item[], granules = Math.ceil((targets.length + 1) / 2)): Thing {
  const item = objectOf(granules, targets.length);
  for (const [slot, target] of targets.entries()) pointTo(item, slot, target);
  return item;
}

const dead = (granules: number) => objectOf(granules);

describe('an object over several pages', () => {
  it.each([1, 2, 3, 5, 9])('moves down over %i page borders', (borders) => {
    const long = objectOf(borders * PAGE_GRANULES - 1, 30); // from granule 510 + … of a page
    const last = objectOf(3, 2);
    pointTo(long, 29, last);
    const old = [dead(300), objectOf(509), long, dead(77), last];
    const { places, compactedPages } = compactAndCheck({ old, roots: [old[1] as Item, long] });
    const begin = places.get(long) as number;
    expect(Math.floor((begin + sizeOf(long) - 1) / PAGE_GRANULES) - Math.floor(begin / PAGE_GRANULES)).toBe(
      borders,
    );
    expect(compactedPages).toBe(borders + 1);
  });

  it('of exactly whole pages begins inside a page', () => {
    const long = objectOf(2 * PAGE_GRANULES, 3);
    compactAndCheck({ old: [objectOf(10), dead(5), long, objectOf(7)], roots: [long] });
  });

  it('of exactly whole pages fills whole pages', () => {
    const first = objectOf(PAGE_GRANULES - 1);
    const [page, pages] = [objectOf(PAGE_GRANULES, 900), objectOf(3 * PAGE_GRANULES, 2)];
    const { places } = compactAndCheck({
      old: [dead(9), first, dead(2), page, dead(4), pages],
      roots: [first, page, pages],
    });
    expect([places.get(page), places.get(pages)]).toEqual([PAGE_GRANULES, 2 * PAGE_GRANULES]);
  });

  it('is the last, and ends where the page ends', () => {
    const long = objectOf(2 * PAGE_GRANULES - 1);
    const { compactedPages } = compactAndCheck({ old: [dead(1), long], roots: [long] });
    expect(compactedPages).toBe(2);
  });

  it('refers to objects on all its pages, and they back to it', () => {
    const targets = Array.from({ length: 1000 }, (_, i) => objectOf(1 + (i % 3), i % 2));
    const long = holder(targets);
    for (const [i, target] of targets.entries()) if (i % 2 === 1) pointTo(target, 0, long);
    compactAndCheck({
      old: [...targets.slice(0, 400), dead(40), long, ...targets.slice(400)],
      roots: [long],
    });
  });
});

describe('an array, whose header is four words', () => {
  // The array's first granule is the last of a page, so that its size is there and its references are not.
  it.each([1, 2, 3])('begins %i granules before a to-space page border', (before) => {
    const first = objectOf(PAGE_GRANULES - 1 - before);
    const array = objectOf(9000, 1500);
    compactAndCheck({ old: [dead(33), first, array, objectOf(2)], roots: [first, array] });
  });

  it.each([1, 2, 3])('began %i granules before a from-space page border', (before) => {
    const array = objectOf(9000, 1500);
    const { places } = compactAndCheck({ old: [dead(PAGE_GRANULES - 1 - before), array], roots: [array] });
    expect(places.get(array)).toBe(1);
  });

  it('of more than 64 KiB keeps what it refers to', () => {
    const targets = Array.from({ length: 20_000 }, () => objectOf(1));
    const array = holder(targets, 10_002);
    expect(sizeOf(array) * 8).toBeGreaterThan(65_536);
    compactAndCheck({ old: [dead(100), array, ...targets], roots: [array] });
  });

  it('of data only', () => {
    const array = objectOf(20_000);
    compactAndCheck({ old: [dead(700), array, objectOf(1)], roots: [array] });
  });
});

describe('a record', () => {
  it.each([1022, 1023])('of %i references over a page border', (references) => {
    const targets = Array.from({ length: references }, () => objectOf(1));
    const record = holder(targets);
    compactAndCheck({ old: [...targets, dead(1), record], roots: [record] });
  });

  it('of the largest size', () => {
    const record = objectOf(8191, 1023);
    compactAndCheck({ old: [dead(8191), record, objectOf(1)], roots: [record] });
  });

  it.each([511, 512, 513])('at granule %i', (at) => {
    const before = objectOf(at - 1);
    const record = objectOf(4, 3);
    compactAndCheck({ old: [dead(13), before, record], roots: [before, record] });
  });
});

describe('live bytes', () => {
  it.each([1, 2, 3, 7])('of exactly %i pages make no page more', (pages) => {
    const size = pages * PAGE_GRANULES - 1; // the nil object is live too
    const objects = Array.from({ length: 8 }, (_, i) => objectOf(i === 0 ? size - 7 * 60 : 60, 2));
    const { compactedPages } = compactAndCheck({
      old: objects.flatMap((o) => [dead(41), o]),
      roots: objects,
    });
    expect(compactedPages).toBe(pages);
  });

  it.each([1, 2])('of one granule more than %i pages make a page more', (pages) => {
    const object = objectOf(pages * PAGE_GRANULES);
    const { compactedPages } = compactAndCheck({ old: [dead(1), object], roots: [object] });
    expect(compactedPages).toBe(pages + 1);
  });

  it('of nothing but the nil object leave one page', () => {
    const { compactedPages, places } = compactAndCheck({ old: [dead(900), dead(8000)], roots: [] });
    expect([compactedPages, places.size]).toEqual([1, 2]);
  });

  it('of everything move nothing', () => {
    const old = Array.from({ length: 300 }, (_, i) => objectOf(1 + (i % 50), Math.min(3, i % 5)));
    const { image, places } = compactAndCheck({ old, roots: old });
    for (const item of old) expect(places.get(item)).toBe(image.places.get(item));
  });
});

describe('objects allocated since marking', () => {
  it('stay where they are if nothing below them died', () => {
    const old = [objectOf(PAGE_GRANULES - 1, 4)];
    const black = [objectOf(5, 2), { filler: 90 }, objectOf(600, 8)];
    const done = compactAndCheck({ old, roots: old, black, blackRoots: [black[2] as Item] });
    expect([done.slide, done.slidPages]).toEqual([0, 2]);
  });

  it.each([1, 4])('move down by whole pages: %i', (pages) => {
    const old = [dead(pages * PAGE_GRANULES), objectOf(20, 1)];
    const black = [objectOf(300, 3), objectOf(3000, 50), { filler: 1 }, objectOf(1)];
    const done = compactAndCheck({
      old,
      roots: [old[1] as Item],
      black,
      blackRoots: black.filter((_, i) => i !== 2),
    });
    expect(done.slide).toBe(pages);
  });

  it('are referred to by old ones, and refer to them', () => {
    const old = [dead(1000), objectOf(700, 9), dead(3), objectOf(4, 4)];
    const [long, short] = [old[1] as Thing, old[3] as Thing];
    const black = [objectOf(513, 6), objectOf(2, 2), objectOf(511, 0)];
    const [young] = black as [Thing];
    pointTo(young, 0, long);
    pointTo(young, 5, short);
    const stores = [
      { from: long, slot: 8, target: black[2] as Item },
      { from: short, slot: 0, target: young },
    ];
    compactAndCheck({ old, roots: [long, short], black, stores, blackRoots: [young] });
  });

  it('hold a filler whose header reaches over the end of a page', () => {
    const black = [objectOf(PAGE_GRANULES - 1), { filler: 9000 }];
    compactAndCheck({ old: [dead(600)], roots: [], black, blackRoots: [black[0] as Item] });
  });

  it('are nothing but filler, in each of its forms', () => {
    for (const filler of [1, 511, 512, 513, 8191, 8192, 20_000]) {
      compactAndCheck({ old: [dead(600)], roots: [], black: [{ filler }] });
    }
  });

  it('cross each of their page borders', () => {
    const black = Array.from({ length: 9 }, () => objectOf(500, 499));
    for (const [i, item] of black.entries()) pointTo(item, 498, black[(i + 1) % 9] as Item);
    compactAndCheck({ old: [dead(2000), objectOf(1)], roots: [], black, blackRoots: [black[0] as Item] });
  });
});
