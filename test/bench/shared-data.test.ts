/** Data with shared memory, as it comes out in another process. */
import { deserialize, serialize } from 'node:v8';
import { expect, it } from 'vitest';
import { posted, unposted } from '../../dist/bench/apart/messages.js';
import { pack, unpack } from '../../dist/bench/apart/shared-data.js';
import { describeError, exitCodeOf } from '../../dist/bench/errors.js';

/** As a process posts to another. */
const travelled = (data: unknown): unknown => unpack(deserialize(serialize(pack(data))));

it('views of one buffer are views of one buffer, at their places', () => {
  const shared = new SharedArrayBuffer(32);
  const data = { words: new Int32Array(shared), tail: new Uint8Array(shared, 16, 8), shared, other: 1 };
  data.words[4] = 0x01020304;
  const out = travelled(data) as typeof data;
  expect(out.words[4]).toBe(0x01020304);
  expect([...out.tail.subarray(0, 4)]).toEqual([4, 3, 2, 1]);
  expect(out.words.buffer).toBe(out.shared);
  expect(out.tail.buffer).toBe(out.shared);
  expect(out.shared).toBeInstanceOf(SharedArrayBuffer);
  out.words[4] = 5;
  expect(out.tail[0]).toBe(5);
  expect(data.words[4]).toBe(0x01020304); // a copy
});

it('leaves alone what is not shared, however deep', () => {
  const data = {
    list: [1, 'two', null, undefined, { deep: new Float64Array([1.5]) }],
    map: new Map([[1, { a: 2 }]]),
    date: new Date(0),
  };
  expect(travelled(data)).toEqual(data);
  expect(travelled(null)).toBeNull();
  expect(travelled(7)).toBe(7);
});

it('an error says the same on the other side: its line, its exit code, its cause', () => {
  const cause = Object.assign(new Error('object 7 refers to nothing'), { code: 'CHECK' });
  const error = Object.assign(new Error('mutator 0 failed', { cause }), { code: 'THREAD_DIED' });
  const out = unposted(deserialize(serialize(posted(error))));
  expect([describeError(out), exitCodeOf(out)]).toEqual([describeError(error), exitCodeOf(error)]);
  const usage = Object.assign(new RangeError('heapBytes: too many'), { code: 'HEAP_TOO_LARGE' });
  const back = unposted(deserialize(serialize(posted(usage))));
  expect([describeError(back), exitCodeOf(back)]).toEqual(['heapBytes: too many', 2]);
  expect(unposted(posted('only a text')).message).toBe('only a text');
});
