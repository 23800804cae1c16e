/** The tables of a heap lie one behind the other, each as large as the heap needs it, and none on another. */
import { expect, it } from 'vitest';
import { allocateMetadata, CONTROL, type HeapTables, openTables } from '../../dist/heap/layout.js';

const MIB = 1 << 20;
const LINE_BYTES = 64;

function tablesOf(heapBytes: number, mutators: number, rootSlots: number) {
  const geometry = { heapBytes, mutators, rootSlots, tlabPages: 8 };
  const metadata = allocateMetadata(geometry);
  return { metadata, tables: openTables(metadata, geometry) };
}

interface Row {
  readonly name: string;
  readonly begin: number;
  readonly bytes: number;
}

/** The map: every table with where it is. */
function rowsOf(tables: HeapTables): Row[] {
  const row = (name: string, view: Int32Array | Uint8Array) => ({
    name,
    begin: view.byteOffset,
    bytes: view.byteLength,
  });
  const { control, roots, rootSnapshots, mutatorStates, cards, cardPages } = tables;
  const { markBits, liveness, objectAtPage, firstGranule, firstObject, firstLayout, pageStates } = tables;
  return [
    row('control', control),
    ...roots.map((view, mutator) => row(`roots ${mutator}`, view)),
    ...rootSnapshots.map((view, mutator) => row(`snapshot ${mutator}`, view)),
    row('mutatorStates', mutatorStates),
    row('cards', cards),
    row('cardPages', cardPages),
    ...Object.entries({
      ...{ markBits, liveness, objectAtPage, firstGranule, firstObject, firstLayout, pageStates },
    }).map(([name, view]) => row(name, view)),
  ];
}

const GEOMETRIES = [
  [4096, 1, 1],
  [MIB, 3, 100],
  [16 * MIB, 2, 65_536],
  [17 * 4096, 64, 7],
] as const;

it.each(GEOMETRIES)('%i bytes, %i mutators, %i root slots: no table overlaps another', (bytes, ...rest) => {
  const { metadata, tables } = tablesOf(bytes, ...rest);
  const rows = rowsOf(tables);
  for (const [i, row] of rows.entries()) {
    const next = rows[i + 1]?.begin ?? metadata.byteLength;
    expect(row.begin + row.bytes, row.name).toBeLessThanOrEqual(next);
  }
});

it.each(GEOMETRIES)('%i bytes, %i mutators, %i root slots: each table is as large as it must be', (...of) => {
  const [heapBytes, mutators, rootSlots] = of;
  const { tables } = tablesOf(...of);
  const [granules, pages] = [heapBytes / 8, heapBytes / 4096];
  expect(tables.pages).toBe(pages);
  expect(tables.roots.map((roots) => roots.length)).toEqual(Array(mutators).fill(1 + rootSlots));
  expect(tables.rootSnapshots.map((roots) => roots.length)).toEqual(Array(mutators).fill(1 + rootSlots));
  expect(tables.mutatorStates.length * 4).toBe(mutators * LINE_BYTES);
  expect(tables.cards.length).toBe(heapBytes / 64);
  expect(tables.cardPages.length).toBeGreaterThanOrEqual(pages);
  expect(tables.cardPages.byteOffset % 8).toBe(0);
  expect(tables.markBits.length * 32).toBe(granules);
  expect(tables.liveness.length).toBe(2 * (granules / 32));
  expect([tables.objectAtPage.length, tables.pageStates.length]).toEqual([pages, pages]);
  for (const perPage of [tables.firstGranule, tables.firstObject, tables.firstLayout]) {
    expect(perPage.length).toBeGreaterThanOrEqual(pages);
  }
});

it('a non-moving space: pages and granules go on, and each of its granules has a bit in two bitmaps', () => {
  const geometry = { heapBytes: MIB, nonMovingBytes: 8192, mutators: 1, rootSlots: 1, tlabPages: 8 };
  const tables = openTables(allocateMetadata(geometry), geometry);
  expect([tables.pages, tables.endPage]).toEqual([256, 258]);
  expect(tables.fixed[0].use.map((use) => use.length)).toEqual([32, 32]);
  expect([tables.markBits.length * 32, tables.cards.length]).toEqual([258 * 512, 258 * 64]);
  for (const perPage of [tables.objectAtPage, tables.pageStates]) expect(perPage.length).toBe(258);
  expect(tablesOf(MIB, 1, 1).tables.endPage).toBe(256);
});

it('a new heap is all zero, and two views of it are the same words', () => {
  const { metadata, tables } = tablesOf(MIB, 2, 10);
  expect(new Uint8Array(metadata).every((byte) => byte === 0)).toBe(true);
  tables.pageStates[3] = 5;
  expect(openTables(metadata, tables.geometry).pageStates[3]).toBe(5);
});

it('each control word is alone in its cache line', () => {
  const words = Object.values(CONTROL);
  const { tables } = tablesOf(MIB, 1, 1);
  for (const [i, word] of words.entries()) {
    expect((tables.control.byteOffset + 4 * word) % LINE_BYTES).toBe(0);
    expect(words.indexOf(word)).toBe(i);
  }
  expect(Math.max(...words) + LINE_BYTES / 4).toBeLessThanOrEqual(tables.control.length);
});

it('the map of a 1 MiB heap', () => {
  const lines = rowsOf(tablesOf(MIB, 2, 100).tables).map(
    ({ name, begin, bytes }) =>
      `${name.padEnd(13)} ${String(begin).padStart(6)} ${String(bytes).padStart(6)}`,
  );
  expect(`\n${lines.join('\n')}\n`).toBe(`
control            0   2560
roots 0         2560    404
roots 1         2964    404
snapshot 0      3392    404
snapshot 1      3796    404
mutatorStates   4224    128
cards           4352  16384
cardPages      20736    256
markBits       20992  16384
liveness       37376  32768
objectAtPage   70144   1024
firstGranule   71168   1028
firstObject    72256   1028
firstLayout    73344   1028
pageStates     74432   1024
`);
});
