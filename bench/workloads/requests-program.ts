/**
 * `requests`, the mutator's side. A session is a record of two references, to its profile and to a list of items, newest first, of
 * which it has always as many. The mutator remembers how often each was replaced and how many items it has had: what is in the heap
 * follows from that, and is checked by each request that reads it.
 */
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { shape } from '../../heap/shape.ts';
import { type Arrivals, makeArrivals } from './arrivals.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { dropLitter, type Litter } from './litter.ts';
import { mismatch, payloadMismatch, writePayload, wrongWord } from './payload.ts';
import { createRandom, hash32, mix32, type Random } from './random.ts';
import { itemWords, MOST_ITEMS, profileWords, type RequestsData } from './requests.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';
import { createZipf } from './zipf.ts';

const SESSIONS = 0;
const IDLE_SESSIONS = 2;
/** Of 100 requests. */
const ADDING = 30;
const REPLACING = 10;
/** An answer: chunks that refer to each other. */
const MOST_CHUNKS = 12;
const MOST_CHUNK_WORDS = 96;

const Session = shape('session', { refs: ['profile', 'items'], data: ['number'] });
const { profile, items, number: numberField } = Session.at;
/** The only reference of an item, and of a chunk of an answer: to the next one. */
const NEXT = 0;

interface State extends RequestsData {
  readonly salt: number;
  readonly arrivals: Arrivals;
  readonly random: Random;
  readonly nextSession: () => number;
  readonly idleRandom: Random;
  /** Of each session: how often it was replaced, and how many items it has had since it first was there. */
  readonly generation: Uint32Array;
  readonly added: Uint32Array;
  sum: number;
}

export default workloadMutator<RequestsData, State>({
  roots: 1,
  openLoop: true,

  build(m, context) {
    const state = initialState(context);
    allocateTable(m, SESSIONS, state.sessions);
    const litter = litterOf(context.data, createRandom(context.seed, context.index, 3));
    for (let session = 0; session < state.sessions; session++) {
      dropLitter(m, litter);
      replace(m, state, session);
      m.safepoint();
    }
    return state;
  },

  operate(m, state) {
    state.arrivals.begin(m);
    const session = state.nextSession() - 1;
    const kind = state.random.below(100);
    if (kind < REPLACING) {
      state.generation[session] = (state.generation[session] as number) + 1;
      replace(m, state, session);
    } else if (kind < REPLACING + ADDING) add(m, state, session);
    else check(m, state, session);
    answer(m, state, session);
    state.arrivals.end();
    state.sum = mix32(state.sum ^ (100 * session + kind));
  },

  idle(m, state) {
    for (let i = 0; i < IDLE_SESSIONS; i++) check(m, state, state.idleRandom.below(state.sessions));
  },

  requests: (state) => state.arrivals.times(),

  checksum(m, state) {
    for (let session = 0; session < state.sessions; session++) {
      check(m, state, session);
      m.safepoint();
    }
    return state.sum >>> 0;
  },
});

function initialState({ data, seed, index }: ProgramContext<RequestsData>): State {
  const { sessions, skew, rate, requests } = data;
  return {
    ...data,
    salt: hash32(seed, index, 0x72657173),
    arrivals: makeArrivals(rate, requests, createRandom(seed, index, 5)),
    random: createRandom(seed, index, 1),
    nextSession: createZipf(sessions, skew, createRandom(seed, index, 4)),
    idleRandom: createRandom(seed, index, 2),
    generation: new Uint32Array(sessions),
    added: new Uint32Array(sessions),
    sum: 0,
  };
}

/** Dead answers between the first sessions. */
function litterOf({ live, room }: RequestsData, random: Random): Litter {
  const dropOne = (m: Mutator) => m.bytesOf(m.allocObject(1, itemWords(random.next())));
  return { stays: random.coin(live), budget: room * (1 - live), dropOne };
}

function profileTag({ salt, generation }: State, session: number): number {
  return hash32(salt, session, generation[session] as number);
}

function itemTag({ salt }: State, session: number, item: number): number {
  return hash32(salt, ~session, item);
}

/** How many items it has: always the same, since the oldest goes when one comes. */
function itemsOf({ salt }: State, session: number): number {
  return (mix32(session ^ salt) >>> 8) % (MOST_ITEMS + 1);
}

/** Puts a new session in the place of one. A safepoint. */
function replace(m: Mutator, state: State, session: number): void {
  const tag = profileTag(state, session);
  const record = m.allocObject(0, profileWords(tag));
  writePayload(m, record, tag);
  m.push(record);
  const fresh = m.alloc(Session);
  m.store(fresh, numberField, session);
  m.setRef(fresh, profile, m.pop());
  setTableRef(m, SESSIONS, session, fresh);
  for (let left = itemsOf(state, session); left > 0; left--) prepend(m, state, session);
}

/** A new item at the front of the session's list. A safepoint. */
function prepend(m: Mutator, state: State, session: number): void {
  const item = state.added[session] as number;
  state.added[session] = item + 1;
  const tag = itemTag(state, session, item);
  const record = m.allocObject(1, itemWords(tag));
  writePayload(m, record, tag);
  const owner = tableRef(m, SESSIONS, session);
  m.setRefAt(record, NEXT, m.ref(owner, items));
  m.setRef(owner, items, record);
}

/** A new item in the place of the oldest. A safepoint. */
function add(m: Mutator, state: State, session: number): void {
  const count = itemsOf(state, session);
  if (count === 0) return;
  prepend(m, state, session);
  let last = m.ref(tableRef(m, SESSIONS, session), items);
  for (let i = 1; i < count; i++) last = m.refAt(last, NEXT);
  m.setRefAt(last, NEXT, 0);
}

/** Builds an answer, from its last chunk on, and drops it. A safepoint. */
function answer(m: Mutator, state: State, session: number): void {
  const position = m.push(0);
  for (let left = 1 + state.random.below(MOST_CHUNKS); left > 0; left--) {
    const chunk = m.allocObject(1, 1 + state.random.below(MOST_CHUNK_WORDS));
    writePayload(m, chunk, session);
    m.setRefAt(chunk, NEXT, m.peek(position));
    m.poke(position, chunk);
  }
  for (let chunk = m.peek(position); chunk !== 0; chunk = m.refAt(chunk, NEXT))
    requirePayload(m, chunk, session, `an answer of session ${session}`);
  m.pop();
}

/** Verifies a session, its profile and every item. */
function check(m: Mutator, state: State, session: number): void {
  const owner = tableRef(m, SESSIONS, session);
  const name = `session ${session}`;
  const found = m.load(owner, numberField);
  if (found !== session) throw mismatch(m, name, 'its number', session, found);
  requirePayload(m, m.ref(owner, profile), profileTag(state, session), `the profile of ${name}`);
  const oldest = (state.added[session] as number) - itemsOf(state, session);
  let item = m.ref(owner, items);
  for (let number = (state.added[session] as number) - 1; number >= oldest; number--) {
    if (item === 0) throw mismatch(m, name, `item ${number}`, 1, 0);
    requirePayload(m, item, itemTag(state, session, number), `item ${number} of ${name}`);
    item = m.refAt(item, NEXT);
  }
  if (item !== 0) throw mismatch(m, name, 'what is behind its last item', 0, item);
}

function requirePayload(m: Mutator, record: Ref, tag: number, name: string): void {
  const wrong = wrongWord(m, record, tag);
  if (wrong >= 0) throw payloadMismatch(m, record, tag, wrong, name);
}
