/** A heap dump is known by its first bytes, whatever its name is, packed or not; and what is none says so. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { SHAPES } from '../../dist/bench/dumps/hprof-writer.js';
import { tinyHprof } from '../../dist/bench/dumps/tiny-hprof.js';
import { tinySnapshot } from '../../dist/bench/dumps/tiny-snapshot.js';
import { readDumpFile } from '../../dist/bench/workloads/dump-file.js';
import { prepare, requestOf, runMoving } from './workload-runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-dumps-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(bytes: Uint8Array | string): string {
  const file = join(folder, `dump-${files++}.txt`);
  writeFileSync(file, bytes);
  return file;
}

const refusal = (bytes: Uint8Array | string) => expect(readDumpFile(fileOf(bytes))).rejects;

describe.each([
  ['as it is', (bytes: Uint8Array) => bytes],
  ['gzipped', gzipSync],
  // Of jcmd GC.heap_dump -gz=1: one gzip after the other.
  [
    'gzipped in parts',
    (bytes: Uint8Array) => Buffer.concat([gzipSync(bytes.subarray(0, 5)), gzipSync(bytes.subarray(5))]),
  ],
])('%s,', (_, packed) => {
  it.each(SHAPES)('a .hprof $version, $idBytes', async (shape) =>
    expect((await readDumpFile(fileOf(packed(tinyHprof(shape))))).nodes).toBe(17),
  );
  it('a .heapsnapshot', async () =>
    expect((await readDumpFile(fileOf(packed(Buffer.from(tinySnapshot()))))).nodes).toBe(5));
  it('neither', () =>
    refusal(packed(Buffer.from('JAVA PROFIT 1.0.2'))).toThrow(
      /^--set file=.*\.txt: no V8 heap snapshot: it is not JSON at byte 0; give one that .* has written, or a \.hprof$/,
    ));
  it('nothing', () => refusal(packed(Buffer.alloc(0))).toThrow('empty; give one'));
});

it('a gzip that is truncated', () =>
  refusal(gzipSync(tinyHprof(SHAPES[0]!)).subarray(0, -20)).toThrow('its gzip is truncated; copy it again'));

it('a gzip that is damaged', () => {
  const bytes = gzipSync(tinyHprof(SHAPES[0]!));
  bytes.fill(0xff, 40, 60);
  return refusal(bytes).toThrow('cannot be read: its gzip is damaged; copy it again');
});

it('a gzip of little that unpacks to much', () =>
  refusal(gzipSync(Buffer.concat([Buffer.from('{'), Buffer.alloc(2 ** 23, ' ')]))).toThrow(
    'its gzip unpacks to more than 200 times its length; gunzip it yourself if you trust it',
  ));

it.each(SHAPES)('a .hprof is rebuilt as a heap, $version, $idBytes', async (shape) => {
  const settings = new Map([
    ['file', fileOf(tinyHprof(shape))],
    ['copies', '3'],
    ['operations', '200'],
  ]);
  const prepared = await prepare('snapshot', requestOf({ settings }));
  // Of the 17 nodes java.lang.Class and what only a weak reference refers to are not reached.
  expect(prepared.parameters).toMatchObject({ nodes: 15, copies: 3, operations: 200 });
  const { heap, result } = await runMoving('snapshot', prepared);
  expect(result.operations).toBe(600);
  expect(heap.peakBytes()).toBeLessThanOrEqual(prepared.liveBytes);
});
