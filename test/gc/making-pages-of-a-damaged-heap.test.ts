/** A mutator that writes over an object's header after marking: making its page says so, and comes to an end. */
import { expect, it } from 'vitest';
import { beginCycle } from '../../dist/gc/maker.js';
import { flip } from '../../dist/gc/phases/flip.js';
import { prepare } from '../../dist/gc/phases/prepare.js';
import { setTopPage, topPage } from '../../dist/heap/spaces.js';
import { makerOf } from './compaction-model.ts';
import { fillTo, makeImage, mark, PAGE_GRANULES, PAGE_WORDS, setRoots, thing } from './heap-image.ts';

const HEADERS = { 'no object': 0, 'a record of no size': 5 << 23, 'an array of no size': 1 << 31 };

/** Makes all pages after the header at that granule (of old objects, or of one allocated since) was written over. */
function makePages(
  granule: (black: number) => number,
  header: number,
  rest = [0],
  uncounted = 0,
): () => void {
  const items = Array.from({ length: 8 }, (_, i) => thing(i, 0, 199));
  const image = makeImage(items, 2);
  const { tables, space } = image;
  setRoots(tables, 0, [...image.places.values()].slice(1));
  mark(space.view, tables);
  const black = topPage(tables) * PAGE_GRANULES;
  fillTo(image, black, black + PAGE_GRANULES);
  setTopPage(tables, topPage(tables) + 1);
  space.write(2 * granule(black), header);
  for (const [i, word] of rest.entries()) space.write(2 * granule(black) + 1 + i, word);

  let looks = 0; // nobody can wait for a loop without end
  const readable = (page: number) => {
    if (++looks > 10_000) throw new Error('it makes no progress');
    return space.view.readable(page);
  };
  const maker = makerOf(image, { view: { ...space.view, readable } });
  const { used } = flip(maker, prepare(space.view, tables, black), black);
  beginCycle(maker);
  maker.sources.liveGranules += uncounted;
  return () => {
    for (let page = 0; page < used; page++) maker.fill(page, new Int32Array(PAGE_WORDS), 0);
  };
}

it.each(Object.entries(HEADERS))('%s among the marked ones', (_, header) => {
  const third = 1 + 2 * 100;
  expect(makePages(() => third, header)).toThrow(
    /^verification while compacting: .* object 201 \(heap \+ 0x648, page 0\): its header says 0 granules/,
  );
});

it.each(Object.entries(HEADERS))('%s among those allocated since', (_, header) => {
  expect(makePages((black) => black, header)).toThrow(
    /^verification while compacting: .* object 1024 \(heap \+ 0x2000, page 2\): its header says 0 granules/,
  );
});

it.each([-1, 401, 2 ** 30])('an array of 200 granules with %i references', (references) => {
  expect(makePages(() => 1 + 2 * 100, 1 << 31, [200, references])).toThrow(
    /^verification while compacting: .* object 201 \(heap \+ 0x648, page 0\): its header says 200 granules/,
  );
});

it('a plan that counts more live granules than the bitmap has', () => {
  const third = 1 + 2 * 100;
  expect(makePages(() => third, 2 ** 31 + 2, [100, 0], 30)).toThrow(
    /^verification while compacting: .* on there are too few live granules to fill a page/,
  );
});
