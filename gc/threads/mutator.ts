/** A mutator thread: loads the user's module and runs its program in the heap. */
import { parentPort, workerData } from 'node:worker_threads';
import { MutatorError } from '../../heap/errors.ts';
import { attachMutator, type MutatorDefinition } from '../../heap/mutator.ts';
import { NO_ADDRESS, PAGE_BYTES } from '../../uffd/kernel.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import { CYCLE } from '../cycle.ts';
import { EVENT, NO_PAGE, WAIT } from '../events.ts';
import { allBytes } from '../modes/mapping.ts';
import { attaching, type ThreadLinks, untilGone } from './boot.ts';

/** What a mutator's thread is started with. */
export interface MutatorLinks extends ThreadLinks {
  readonly index: number;
  readonly module: string;
  readonly data: unknown;
}

const links = workerData as MutatorLinks;
const { heap, index } = links;
const { kernel, tables, cycle, events, tellWhole, view } = await attaching(links, (attached) => {
  return { ...attached, view: attached.kernel.mutatorView(heap.ranges.heap, allBytes(heap.ranges)) };
});
const definition = await loadDefinition(links.module);
events.emit(EVENT.thread, kernel.gettid(), 0);
let stalledMs = 0;
view.onStall = (address, began, ended) => {
  stalledMs += ended - began;
  const page = address === NO_ADDRESS ? NO_PAGE : Math.floor((address - heap.ranges.heap) / PAGE_BYTES);
  events.emitAt(ended, EVENT.stall, (ended - began) * 1000, loadAcquire(cycle, CYCLE.number), page);
};
let result: unknown;
const hasRun = untilGone(kernel, () => {
  const { mutator, detach } = attachMutator(view, tables, {
    index,
    roots: definition.roots ?? 0,
    checks: heap.verify,
    stalledMs: () => stalledMs,
    onWait: (why, began, ended) => {
      events.emitAt(ended, EVENT.wait, (ended - began) * 1000, loadAcquire(cycle, CYCLE.number), WAIT[why]);
    },
  });
  parentPort?.postMessage({ kind: 'ready' });
  result = definition.run(mutator, links.data);
  detach();
});
if (hasRun) {
  await tellWhole();
  untilGone(kernel, () => {
    postResult(result);
    kernel.dispose();
  });
}

function postResult(value: unknown): void {
  try {
    parentPort?.postMessage({ kind: 'done', result: value });
  } catch (error) {
    // It is a DataCloneError, which itself cannot be told to the main thread.
    throw new MutatorError(`what run() returned cannot be posted: ${(error as Error).message}`);
  }
}

async function loadDefinition(module: string): Promise<MutatorDefinition> {
  const { default: found } = (await import(module)) as { default?: Partial<MutatorDefinition> };
  if (typeof found?.run !== 'function') {
    throw new MutatorError(`mutator module ${module}: its default export is no defineMutator({ run })`);
  }
  return found as MutatorDefinition;
}
