/** The verifier says of each kind of corruption what is wrong, and where. */
import { expect, it } from 'vitest';
import { verifyHeap } from '../../dist/heap/verify.js';
import { type Image, type Item, makeImage, pointTo, setRoots, thing } from '../gc/heap-image.ts';

/** A heap of a small object, one over three pages, filler, and one more; all referred to. */
function soundHeap() {
  const [small, long, last] = [thing(1, 2, 3), thing(2, 1100, 900), thing(3, 1, 1)];
  pointTo(small, 0, long);
  pointTo(long, 7, small);
  pointTo(long, 1099, last);
  const filler = { filler: 20 };
  const image = makeImage([small, long, filler, last], 1);
  const at = (item: Item) => image.places.get(item) as number;
  const refs = { small: at(small), long: at(long), filler: at(filler), last: at(last) };
  setRoots(image.tables, 0, [refs.small, 0]);
  setRoots(image.tables, 1, [refs.last]);
  return { image, refs, wordOf: (ref: number) => 2 * ref };
}
type Sound = ReturnType<typeof soundHeap>;

/** The problems that are found after `corrupt`. */
function problemsAfter(corrupt: (heap: Sound & { image: Image }) => void): readonly string[] {
  const heap = soundHeap();
  corrupt(heap);
  try {
    verifyHeap(heap.image.space.view, heap.image.tables, 'after collection 3');
  } catch (error) {
    const { code, problems, message } = error as { code: string; problems: string[]; message: string };
    expect(code).toBe('HEAP_CORRUPT');
    expect(message).toBe(
      `verification after collection 3: ${problems.length} problem(s), the first: ${problems[0]}`,
    );
    return problems;
  }
  throw new Error('the verifier found nothing');
}

it('a sound heap: nothing, and how much there is of everything', () => {
  const { image } = soundHeap();
  const survey = verifyHeap(image.space.view, image.tables, 'of a sound heap');
  expect(survey.objects).toBe(4); // and the nil object
  expect(survey.references).toBe(2 + 1100 + 1);
  expect(survey.objectBytes + survey.fillerBytes).toBe(image.pages * 4096);
});

it('a header of zero', () => {
  expect(problemsAfter(({ image, refs }) => image.space.write(2 * refs.last, 0))).toEqual([
    'object 1026 (heap + 0x2010, page 2): no object begins here (header 0x0), where the one before it ends',
  ]);
});

it('an object that ends past the top', () => {
  const past = (granules: number) =>
    problemsAfter(({ image, refs }) => image.space.write(2 * refs.last, (3 << 23) | granules));
  expect(past(4000)[0]).toMatch(
    /^object 1026 \(.*\): header 0x1800fa0 says 4000 granules, which ends past the top at granule 1536$/,
  );
});

it.each([0, -1, -(2 ** 31), 2 ** 31 - 1])('an array whose size is %i', (granules) => {
  const [problem] = problemsAfter(({ image, refs }) => image.space.write(2 * refs.long + 1, granules));
  expect(problem).toMatch(/^object 4 \(heap \+ 0x20, page 0\): header 0x84800000 says -?\d+ granules, which/);
});

it('a size of zero granules in a record', () => {
  const [problem] = problemsAfter(({ image, refs }) => image.space.write(2 * refs.last, 3 << 23));
  expect(problem).toMatch(/object 1026 .* says 0 granules/);
});

it('more references than the object has room for', () => {
  const record = problemsAfter(({ image, refs }) =>
    image.space.write(2 * refs.last, (9 << 13) | (1 << 23) | 2),
  );
  expect(record[0]).toMatch(/^object 1026 .*: header 0x812002 says 9 references in 2 granules$/);
  for (const count of [2100, -1]) {
    const array = problemsAfter(({ image, refs }) => image.space.write(2 * refs.long + 2, count));
    expect(array[0]).toMatch(new RegExp(`^object 4 .* says ${count} references in 1002 granules$`));
  }
});

it('a reference to where no object begins', () => {
  const referTo = (target: number) =>
    problemsAfter(({ image, refs }) => image.space.write(2 * refs.small + 2, target));
  expect(referTo(5)).toEqual(['object 1 (heap + 0x8, page 0): reference 1 is 5, where no object begins']);
  for (const target of [1 << 20, -7, 1536]) {
    expect(referTo(target)).toEqual([
      `object 1 (heap + 0x8, page 0): reference 1 is ${target}, where no object begins`,
    ]);
  }
});

it('a reference to filler', () => {
  const problems = problemsAfter(({ image, refs }) => image.space.write(2 * refs.last + 1, refs.filler));
  expect(problems).toEqual([
    'object 1026 (heap + 0x2010, page 2): reference 0 is 1006, where no object begins',
  ]);
});

it('a reference in the middle of an array, on another page', () => {
  const problems = problemsAfter(({ image, refs }) => image.space.write(2 * refs.long + 4 + 1050, 3));
  expect(problems).toEqual(['object 4 (heap + 0x20, page 0): reference 1050 is 3, where no object begins']);
});

it('a root that refers to no object', () => {
  expect(problemsAfter(({ image }) => setRoots(image.tables, 1, [1, 0, 2]))).toEqual([
    'mutator 1: root slot 2 is 2, where no object begins',
  ]);
});

it('a crossing map that names another object', () => {
  const problems = problemsAfter(({ image }) => {
    image.tables.objectAtPage[1] = 1;
  });
  expect(problems).toEqual([
    'page 1: the crossing map says object 1, but object 4 (heap + 0x20, page 0) covers it',
  ]);
});

it('at most twenty problems, and says how many', () => {
  const problems = problemsAfter(({ image, refs }) => {
    for (let slot = 0; slot < 40; slot++) image.space.write(2 * refs.long + 4 + slot, 2);
  });
  expect(problems).toHaveLength(20);
});
