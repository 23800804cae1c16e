/**
 * A workload of one's own, as an example: a queue of messages. An operation appends a message and takes the oldest one, so
 * that all die in the order in which they were made: below what is live there is nothing but garbage, and a collection moves
 * all of it.
 *
 *     minorfault compare ./node_modules/minorfault/dist/bench/examples/queue-workload.js --set words=30
 *
 * The workload is the export `workload`, for the main thread; the default export is what each mutator runs.
 */
import { type Mutator, type Ref, shape } from 'minorfault';
import {
  buildRoom,
  driverData,
  mismatch,
  mix32,
  numberOf,
  OPERATIONS,
  objectBytes,
  payloadMismatch,
  requireHeap,
  resolveParameters,
  smallestHeap,
  type Workload,
  workloadMutator,
  writePayload,
  wrongWord,
} from 'minorfault/workload';

const NAME = 'queue';
const FEWEST = 100;
const Link = shape('link', { refs: ['message', 'next'] });
const { message, next } = Link.at;
/** Root slots: the oldest link, and the newest. */
const OLDEST = 0;
const NEWEST = 1;

interface QueueData {
  readonly messages: number;
  /** Data words of a message. */
  readonly words: number;
}

function bytesEach(words: number): number {
  return objectBytes(Link.references, Link.dataWords) + objectBytes(0, words);
}

export const workload: Workload = {
  name: NAME,
  summary: 'a queue of messages, which die in the order in which they were made',
  module: new URL(import.meta.url),
  parameters: {
    words: { summary: 'data words of a message', type: 'integer', min: 1, max: 1000, default: 14 },
    messages: {
      summary: 'messages in the queue of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 1,
      default: (request, { words }) =>
        Math.max(FEWEST, Math.floor((request.live * buildRoom(request)) / bytesEach(words as number))),
    },
    operations: {
      ...OPERATIONS,
      derived: 'as many as there are messages',
      default: (_, { messages }) => messages as number,
    },
  },

  async prepare(request) {
    const parameters = resolveParameters(this.parameters, request);
    const [messages, words] = [numberOf(parameters, 'messages'), numberOf(parameters, 'words')];
    const liveBytes = request.mutators * (messages + 1) * bytesEach(words);
    requireHeap(NAME, request, smallestHeap(liveBytes, request.mutators), ', or fewer --set messages');
    const data: QueueData = { messages, words };
    return { parameters, liveBytes, data: driverData(request, numberOf(parameters, 'operations'), data) };
  },
};

interface State extends QueueData {
  /** What the numbers of messages are disguised by. */
  readonly salt: number;
  /** How many messages have been taken. */
  taken: number;
  sum: number;
}

export default workloadMutator<QueueData, State>({
  roots: 2,

  build(m, { data, seed, index }) {
    const state: State = { ...data, salt: mix32(seed ^ mix32(index)), taken: 0, sum: 0 };
    for (let number = 0; number < data.messages; number++) append(m, state, number);
    return state;
  },

  operate(m, state, operation) {
    append(m, state, state.messages + operation);
    const oldest = m.root(OLDEST);
    state.sum = mix32(state.sum ^ check(m, state, m.ref(oldest, message), state.taken++));
    m.setRoot(OLDEST, m.ref(oldest, next));
  },

  // How often it is called follows the timing: it must leave the sum alone.
  idle: (m, state) => void check(m, state, m.ref(m.root(OLDEST), message), state.taken),

  /** What is left in the queue is checked, too: all of it, and no more. */
  checksum(m, state) {
    for (let number = state.taken; number < state.taken + state.messages; number++) {
      const link = m.root(OLDEST);
      if (link === 0) throw mismatch(m, 'queue', 'its last message', state.taken + state.messages, number);
      state.sum = mix32(state.sum ^ check(m, state, m.ref(link, message), number));
      m.setRoot(OLDEST, m.ref(link, next));
      m.safepoint();
    }
    if (m.root(OLDEST) !== 0)
      throw mismatch(m, 'queue', 'what is behind its last message', 0, m.root(OLDEST));
    return state.sum >>> 0;
  },
});

/** Each of the two allocations may move what was made before: it is kept in a root, or on the shadow stack. */
function append(m: Mutator, { words, salt }: State, number: number): void {
  const fresh = m.allocObject(0, words);
  writePayload(m, fresh, number ^ salt);
  m.push(fresh);
  const link = m.alloc(Link);
  m.setRef(link, message, m.pop());
  if (m.root(NEWEST) === 0) m.setRoot(OLDEST, link);
  else m.setRef(m.root(NEWEST), next, link);
  m.setRoot(NEWEST, link);
  m.safepoint();
}

/** Verifies a message, each of whose words follows from its number, and answers its first word. */
function check(m: Mutator, { salt }: State, found: Ref, number: number): number {
  if (found === 0)
    throw mismatch(m, `queue message ${number}`, 'the reference to it, which is null,', number, found);
  const tag = number ^ salt;
  const wrong = wrongWord(m, found, tag);
  if (wrong >= 0) throw payloadMismatch(m, found, tag, wrong, `queue message ${number}`);
  return m.dataAt(found, 0);
}
