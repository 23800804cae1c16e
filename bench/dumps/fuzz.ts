/**
 * Holds a reader of heap dumps to its promise: whatever bytes it is given, a graph or a refusal in one line, soon, with
 * memory in proportion to them. Inputs are read by a thread that can be ended, so that one which hangs is found too.
 *
 * Memory: what dump-memory.ts counts, for each input; all that a reader keeps for nodes and edges is asked for there. What
 * it has beside that is V8's, for which the thread has 64 MiB: who takes more is found as one that died.
 */
import { Worker } from 'node:worker_threads';
import { loadAcquire, storeRelease } from '../../uffd/sync.ts';
import type { FuzzOutcome, FuzzSetup } from './fuzz-thread.ts';
import type { Inputs } from './inputs.ts';

export interface Watch {
  /** An input that takes longer is a hang. Other threads may keep ours from running: make it seconds. */
  readonly limitMs: number;
  /** Called several times a second with the number of the input that is being read. */
  readonly progress?: (number: number) => void;
  /** The URL of a module whose `read` is tried instead of ours. */
  readonly reader?: string;
}

const LOOK_EVERY_MS = 250;
const V8_MIB = 64;
/** No input is being read yet. */
const STARTING = -1;

/** Reads all of them, up to the first that hangs or ends the thread, or a few that are answered wrongly. */
export async function fuzzDumps(inputs: Inputs, watch: Watch): Promise<FuzzOutcome> {
  const words = new Int32Array(new SharedArrayBuffer(4));
  storeRelease(words, 0, STARTING);
  const { reader } = watch;
  const workerData: FuzzSetup = { ...inputs, words, ...(reader === undefined ? {} : { reader }) };
  const thread = new Worker(new URL('./fuzz-thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: V8_MIB },
  });
  const watching = { timer: undefined as NodeJS.Timeout | undefined };
  try {
    return await new Promise<FuzzOutcome>((resolve) => {
      const lost = (what: string) => resolve(onlyFound(loadAcquire(words, 0), what));
      thread.once('message', resolve);
      thread.once('error', (error) => lost(`ended its thread: ${error.stack ?? error.message}`));
      watching.timer = watchOver(words, watch, () => lost(`gave no answer in ${watch.limitMs} ms`));
    });
  } finally {
    clearInterval(watching.timer);
    await thread.terminate();
  }
}

function onlyFound(number: number, what: string): FuzzOutcome {
  return { graphs: 0, refusals: 0, findings: [{ number, what }], mostMemory: 0, slowestMs: 0 };
}

/** Calls `hung` when the thread has been at the same input for too long. */
function watchOver(words: Int32Array, { limitMs, progress }: Watch, hung: () => void): NodeJS.Timeout {
  let last = STARTING;
  let since = performance.now();
  return setInterval(() => {
    const number = loadAcquire(words, 0);
    if (number !== STARTING) progress?.(number);
    if (number !== last || number === STARTING) since = performance.now();
    else if (performance.now() - since > limitMs) hung();
    last = number;
  }, LOOK_EVERY_MS);
}
