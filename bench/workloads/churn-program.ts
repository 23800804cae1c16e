/**
 * `churn`, the mutator's side: a hash table with chains, whose entries are also in a ring in the order of their
 * last use. The ring's head is an entry without payload: `next` of it is the entry used last, `previous` the one
 * to evict.
 */
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { shape } from '../../heap/shape.ts';
import { type ChurnData, entryBytes, payloadWordsOf } from './churn.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { dropLitter, type Litter } from './litter.ts';
import { mismatch, payloadMismatch, writePayload, wrongWord } from './payload.ts';
import { createRandom, hash32, mix32, type Random, shuffle } from './random.ts';
import { objectBytes } from './room.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';
import { createZipf } from './zipf.ts';

const BUCKETS = 0;
const RING = 1;
const IDLE_ENTRIES = 4;

const Entry = shape('churn entry', { refs: ['chain', 'next', 'previous', 'payload'], data: ['key'] });
const { chain, next, previous, payload, key: keyField } = Entry.at;

interface State extends ChurnData {
  readonly salt: number;
  readonly nextKey: () => number;
  readonly idleRandom: Random;
  /** Bytes of entries and payloads in the cache. */
  used: number;
  entries: number;
  sum: number;
}

export default workloadMutator<ChurnData, State>({
  roots: 2,

  build(m, context) {
    const state = initialState(context);
    allocateTable(m, BUCKETS, state.buckets);
    const head = m.alloc(Entry);
    m.setRoot(RING, head);
    m.setRef(head, next, head);
    m.setRef(head, previous, head);
    const random = createRandom(context.seed, context.index, 3);
    const litter = litterOf(context.data, random);
    for (const key of firstKeys(state, random)) {
      dropLitter(m, litter);
      insert(m, state, key);
      m.safepoint();
    }
    return state;
  },

  operate(m, state) {
    const key = state.nextKey();
    const found = find(m, state, key);
    if (found === 0) {
      insert(m, state, key);
    } else {
      unlink(m, found);
      linkFirst(m, found);
      check(m, state, found);
    }
    state.sum = mix32(state.sum ^ (2 * key + (found === 0 ? 0 : 1)));
  },

  idle(m, state) {
    let bucket = state.idleRandom.below(state.buckets);
    for (let i = 0; i < IDLE_ENTRIES; i++) {
      for (let entry = tableRef(m, BUCKETS, bucket); entry !== 0; entry = m.ref(entry, chain))
        check(m, state, entry);
      bucket = (bucket + 1) % state.buckets;
    }
  },

  checksum(m, state) {
    let entries = 0;
    for (let bucket = 0; bucket < state.buckets; bucket++) {
      for (let entry = tableRef(m, BUCKETS, bucket); entry !== 0; entry = m.ref(entry, chain)) {
        check(m, state, entry);
        entries++;
      }
      m.safepoint();
    }
    if (entries !== state.entries)
      throw mismatch(m, 'churn cache', 'its number of entries', state.entries, entries);
    return mix32(state.sum + entries) >>> 0;
  },
});

function initialState({ data, seed, index }: ProgramContext<ChurnData>): State {
  return {
    ...data,
    salt: hash32(seed, index, 0x63687572),
    nextKey: createZipf(data.keys, data.skew, createRandom(seed, index, 1)),
    idleRandom: createRandom(seed, index, 2),
    used: 0,
    entries: 0,
    sum: 0,
  };
}

/** Dead payloads between the first entries: what a cache leaves behind that has been in use for a while. */
function litterOf({ live, room }: ChurnData, random: Random): Litter {
  const dropOne = (m: Mutator) => m.bytesOf(m.allocObject(0, payloadWordsOf(random.next())));
  return { stays: random.coin(live), budget: room * (1 - live), dropOne };
}

/** The most popular keys, as many as fit, in random order: about what the cache holds after a long time. */
function firstKeys(state: State, random: Random): Uint32Array {
  let count = 0;
  for (let bytes = 0; count < state.keys; count++) {
    bytes += bytesOfKey(state, count + 1);
    if (bytes > state.capacity) break;
  }
  const keys = Uint32Array.from({ length: count }, (_, i) => i + 1);
  shuffle(keys, random);
  return keys;
}

function tagOf({ salt }: State, key: number): number {
  return mix32(key ^ salt);
}

function bytesOfKey(state: State, key: number): number {
  return entryBytes(payloadWordsOf(tagOf(state, key)));
}

function bucketOf(state: State, key: number): number {
  return tagOf(state, key) & (state.buckets - 1);
}

/** The key's entry, or null. */
function find(m: Mutator, state: State, key: number): Ref {
  let entry = tableRef(m, BUCKETS, bucketOf(state, key));
  while (entry !== 0 && m.load(entry, keyField) !== key) entry = m.ref(entry, chain);
  return entry;
}

/** Puts a new entry for the key into the cache, after others have made room for it. A safepoint. */
function insert(m: Mutator, state: State, key: number): void {
  const bytes = bytesOfKey(state, key);
  while (state.used + bytes > state.capacity && state.entries > 0) evict(m, state);
  const tag = tagOf(state, key);
  const record = m.allocObject(0, payloadWordsOf(tag));
  writePayload(m, record, tag);
  m.push(record);
  const entry = m.alloc(Entry);
  m.setRef(entry, payload, m.pop());
  m.store(entry, keyField, key);
  m.setRef(entry, chain, tableRef(m, BUCKETS, bucketOf(state, key)));
  setTableRef(m, BUCKETS, bucketOf(state, key), entry);
  linkFirst(m, entry);
  state.used += bytes;
  state.entries++;
}

/** Drops the entry that was used least recently. */
function evict(m: Mutator, state: State): void {
  const victim = m.ref(m.root(RING), previous);
  const key = m.load(victim, keyField);
  unlink(m, victim);
  unchain(m, victim, bucketOf(state, key));
  state.used -= bytesOfKey(state, key);
  state.entries--;
}

function unchain(m: Mutator, victim: Ref, bucket: number): void {
  const after = m.ref(victim, chain);
  let entry = tableRef(m, BUCKETS, bucket);
  if (entry === victim) {
    setTableRef(m, BUCKETS, bucket, after);
    return;
  }
  while (m.ref(entry, chain) !== victim) {
    entry = m.ref(entry, chain);
    if (entry === 0)
      throw mismatch(m, nameOf(m.load(victim, keyField)), 'its place in its bucket', victim, 0);
  }
  m.setRef(entry, chain, after);
}

function unlink(m: Mutator, entry: Ref): void {
  const before = m.ref(entry, previous);
  const after = m.ref(entry, next);
  m.setRef(before, next, after);
  m.setRef(after, previous, before);
}

function linkFirst(m: Mutator, entry: Ref): void {
  const head = m.root(RING);
  const second = m.ref(head, next);
  m.setRef(entry, next, second);
  m.setRef(entry, previous, head);
  m.setRef(second, previous, entry);
  m.setRef(head, next, entry);
}

/** Verifies an entry: its neighbours in the ring, and its payload. */
function check(m: Mutator, state: State, entry: Ref): void {
  const key = m.load(entry, keyField);
  const back = m.ref(m.ref(entry, next), previous);
  if (back !== entry) throw mismatch(m, nameOf(key), 'previous of its next', entry, back);
  const record = m.ref(entry, payload);
  const bytes = m.bytesOf(record);
  const expected = objectBytes(0, payloadWordsOf(tagOf(state, key)));
  if (bytes !== expected) throw mismatch(m, nameOf(key), 'the size of its payload', expected, bytes);
  const tag = tagOf(state, key);
  const wrong = wrongWord(m, record, tag);
  if (wrong >= 0) throw payloadMismatch(m, record, tag, wrong, nameOf(key));
}

function nameOf(key: number): string {
  return `churn entry of key ${key}`;
}
