/**
 * A thread of a program: makes the calls that may sleep in a fault. It is told of each by a message, woken by a word,
 * and says so by another when the call has answered.
 */
import { type MessagePort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import { type Kernel, type KernelHandle, openKernel } from '../../uffd/index.ts';
import { loadAcquire, type SharedWords, sleepWhile, storeRelease, wake } from '../../uffd/sync.ts';
import { areaState, SCRATCH_BYTES, type ScratchPlace } from './look.ts';
import { type Answer, leaveForked, type Names, perform } from './perform.ts';
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

/** It works in a forked process from now on; with null in its own again, and in none that it has forked. */
interface Move {
  readonly process: KernelHandle | null;
}

/** It has a system call make an access. */
interface Probe {
  readonly fd: number;
  readonly address: number;
  readonly write: boolean;
}

/** What the call answers that reads a file into those 4 bytes, or writes them to it. */
export function probeAccess(kernel: Kernel, { fd, address, write }: Probe): number {
  return write ? kernel.pread(fd, address, 4, 0) : kernel.pwrite(fd, address, 4, 0);
}

/** It looks at the memory of the process that it works in. */
interface Look {
  readonly base: number;
  readonly scratch: ScratchPlace;
}

type AnyErrand = Errand | Move | Probe | Look;

interface ActorData {
  readonly handle: KernelHandle;
  readonly words: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** A thread, as who watches it sees it. */
export interface Actor {
  /** The thread's id on its kernel, of the process that it works in. */
  readonly tid: () => number;
  /** Has it make calls, one after the other; it must not be at one. */
  readonly ask: (steps: readonly Step[], names: Names, delays?: readonly number[]) => void;
  /** Has it work in a forked process, or with null in its own, and in none that it has forked. Waits until it does. */
  readonly moveTo: (process: KernelHandle | null) => void;
  /** What an access made by a system call answers in its process. Waits for it: it must not sleep. */
  readonly probe: (call: Probe) => number;
  /** What it sees of the area in its process (look.ts). Waits until it has looked. */
  readonly look: (base: number, scratch: ScratchPlace) => string;
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

  function send(errand: AnyErrand): void {
    port.postMessage(errand);
    storeRelease(words, WORD.asked, ++asked);
    wake(words, WORD.asked);
  }

  /** The newest: of what a program ended in, nobody may have asked. */
  function receive(): readonly Answer[] {
    let newest: readonly Answer[] = [];
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: readonly Answer[] } | undefined;
      if (received === undefined) return newest;
      newest = received.message;
    }
  }

  /** For what never sleeps in a fault. */
  function awaitDone(errand: AnyErrand): string {
    send(errand);
    for (let done = asked - 1; done !== asked; done = loadAcquire(words, WORD.answered))
      sleepWhile(words, WORD.answered, asked - 1);
    return receive()[0]?.is ?? '';
  }

  return {
    tid: () => loadAcquire(words, WORD.tid),
    ask: (steps, names, delays = []) => send({ steps, names, delays }),
    moveTo: (process) => void awaitDone({ process }),
    probe: (call) => Number(awaitDone(call)),
    look: (base, { fd, address }) => awaitDone({ base, scratch: { fd, address } }),
    answers: () => (loadAcquire(words, WORD.answered) === asked ? receive() : null),
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
  const own = openKernel(handle);
  let kernel = own;
  storeRelease(words, WORD.tid, kernel.gettid());
  announce();

  function moveTo(process: KernelHandle | null): void {
    leaveForked();
    if (kernel !== own) kernel.dispose();
    kernel = process === null ? own : openKernel(process);
    storeRelease(words, WORD.tid, kernel.gettid());
  }

  function lookAt(base: number, place: ScratchPlace): string {
    const view = own.pageView(place.address, SCRATCH_BYTES);
    return areaState(kernel, { ...place, view }, base);
  }

  function doErrand(errand: AnyErrand): Answer[] {
    if ('process' in errand) {
      moveTo(errand.process);
      return [];
    }
    if ('scratch' in errand) return [{ is: lookAt(errand.base, errand.scratch) }];
    if ('write' in errand) return [{ is: String(probeAccess(kernel, errand)) }];
    const { steps, names, delays } = errand;
    return steps.map((step, i) => {
      for (let turns = delays[i] ?? 0; turns > 0; turns--) loadAcquire(words, WORD.asked);
      return answerOf(kernel, step, names);
    });
  }

  for (let done = 0; ; done++) {
    while (loadAcquire(words, WORD.asked) === done) sleepWhile(words, WORD.asked, done);
    if (loadAcquire(words, WORD.asked) === END) break;
    port.postMessage(doErrand((receiveMessageOnPort(port) as { message: AnyErrand }).message));
    storeRelease(words, WORD.answered, done + 1);
    wake(words, WORD.answered);
  }
  moveTo(null);
  own.dispose();
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
