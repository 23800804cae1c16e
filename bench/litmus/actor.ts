/**
 * A thread of a program: makes the calls that may sleep in a fault. It is told of each by a message, woken by a word,
 * and says so by another when the call has answered.
 */
import { type MessagePort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import { type Kernel, type KernelHandle, openKernel } from '../../uffd/index.ts';
import { loadAcquire, type SharedWords, sleepWhile, storeRelease, wake } from '../../uffd/sync.ts';
import { type Answer, type Names, perform } from './perform.ts';
import type { Step } from './program.ts';

/** Words between who watches and one thread, a cache line each. */
const WORD = { asked: 0, answered: 16, tid: 32 } as const;
const WORDS = 48;
const END = -1;

interface Errand {
  readonly steps: readonly Step[];
  readonly names: Names;
  /** Before each step so many turns of a loop: how threads meet is left to chance. */
  readonly delays: readonly number[];
}

interface ActorData {
  readonly handle: KernelHandle;
  readonly words: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** A thread, as who watches it sees it. */
export interface Actor {
  /** The thread's id on its kernel. */
  readonly tid: number;
  /** Has it make calls, one after the other; it must not be at one. */
  readonly ask: (steps: readonly Step[], names: Names, delays?: readonly number[]) => void;
  /** What they have answered; null while it is at them. */
  readonly answers: () => readonly Answer[] | null;
  readonly end: () => Promise<void>;
}

/** Starts a thread on the machine. Rejects if it dies on its way. */
export async function startActor(handle: KernelHandle): Promise<Actor> {
  const words: SharedWords = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  const { port1, port2 } = new MessageChannel();
  const data = { handle, words: words.buffer, port: port2 };
  const worker = new Worker(new URL('./actor-thread.js', import.meta.url), {
    workerData: data,
    transferList: [port2 as unknown as MessagePort],
  });
  await attached(worker);
  let asked = 0;
  const port = port1 as unknown as MessagePort;
  return {
    tid: loadAcquire(words, WORD.tid),
    ask(steps, names, delays = []) {
      port.postMessage({ steps, names, delays } satisfies Errand);
      storeRelease(words, WORD.asked, ++asked);
      wake(words, WORD.asked);
    },
    answers() {
      if (loadAcquire(words, WORD.answered) !== asked) return null;
      return (receiveMessageOnPort(port) as { message: Answer[] }).message;
    },
    async end() {
      storeRelease(words, WORD.asked, END);
      wake(words, WORD.asked);
      await new Promise((resolve) => worker.once('exit', resolve));
      port.close();
    },
  };
}

function attached(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
}

/** The thread's side: ends when it is told to. */
export function act(announce: () => void): void {
  const { handle, words: shared, port } = workerData as ActorData;
  const words: SharedWords = new Int32Array(shared);
  const kernel = openKernel(handle);
  storeRelease(words, WORD.tid, kernel.gettid());
  announce();
  for (let done = 0; ; done++) {
    while (loadAcquire(words, WORD.asked) === done) sleepWhile(words, WORD.asked, done);
    if (loadAcquire(words, WORD.asked) === END) break;
    const { steps, names, delays } = (receiveMessageOnPort(port) as { message: Errand }).message;
    const answers = steps.map((step, i) => {
      for (let turns = delays[i] ?? 0; turns > 0; turns--) loadAcquire(words, WORD.asked);
      return answerOf(kernel, step, names);
    });
    port.postMessage(answers);
    storeRelease(words, WORD.answered, done + 1);
  }
  kernel.dispose();
  port.close();
}

/** A bug of ours is an answer too: the program goes on, and the difference shows it. */
function answerOf(kernel: Kernel, step: Step, names: Names): Answer {
  try {
    return perform(kernel, step, names);
  } catch (error) {
    return { is: `threw ${error instanceof Error ? error.stack : error}` };
  }
}
