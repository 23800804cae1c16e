/** The collector thread: sleeps until a collection is asked for, runs it, and tells the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { REASON } from '../../heap/layout.ts';
import { awaitStage, newestAt, requestCollection } from '../../heap/requests.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import { attachUserfaultfd } from '../../uffd/userfaultfd.ts';
import { collect } from '../collection.ts';
import type { Loops } from '../compiled.ts';
import { CYCLE, endHelpers } from '../cycle.ts';
import { EVENT, ROLE } from '../events.ts';
import { makeChecker, makeModeCheck } from '../invariants/checker.ts';
import { isWithinReach, markingSpace } from '../maker.ts';
import { openMarkPool } from '../mark-pool.ts';
import { isUserMode } from '../modes/index.ts';
import { ifGranted, patientUserfaultfd } from '../patience.ts';
import type { Collector } from '../phase.ts';
import { makeMarking } from '../phases/mark.ts';
import { posted } from '../refusals.ts';
import { beginRefusing } from '../refuse.ts';
import { makeRehearsal, REHEARSALS_AT_START } from '../rehearsal.ts';
import { attachMaker, type ThreadLinks, untilGone } from './boot.ts';

const links = workerData as ThreadLinks;
const { heap } = links;
const { kernel, tables, cycle, maker, cpuUs, tellWhole } = await attachMaker(links, ROLE.collector);
const collector: Collector = {
  maker,
  tables,
  cycle,
  marking: makeMarking(tables, openMarkPool(heap.markPool), heap.helpers === 0, maker.compiled),
  helpers: heap.helpers,
  batch: heap.batch,
  verify: heap.verify,
  checker: checkerOf(),
  trigger: heap.trigger,
  debt: { old: { first: 0, end: 0 }, above: 0 },
  density: heap.densePrefix,
  rehearseFlip: makeRehearsal(
    maker,
    patientUserfaultfd(attachUserfaultfd(kernel, heap.uffd), maker.patience),
  ),
  cpuUs,
  sampleMemory,
};

function sampleMemory(): void {
  const { bytes, peakBytes } = kernel.memory();
  maker.events.emit(EVENT.memory, bytes, loadAcquire(cycle, CYCLE.number), peakBytes);
}

function checkerOf(): Collector['checker'] {
  if (heap.assertPhases) return makeChecker(maker, kernel, heap.ranges.heap, heap.uffd);
  return isUserMode(heap.mode) ? makeModeCheck(maker, kernel, heap.ranges.heap) : null;
}

/** In what time there is before the first collection, or the end. */
function rehearse(): void {
  const isAwaited = (): boolean =>
    newestAt(tables.control, 'requested') > newestAt(tables.control, 'finished');
  for (let i = 0; i < REHEARSALS_AT_START && !isAwaited(); i++) collector.rehearseFlip();
}

function loops(): Loops {
  if (isWithinReach(maker)) return 'wasm';
  return collector.marking.isCompiledIn(markingSpace(maker)) ? 'marking' : 'js';
}

const isOver = untilGone(kernel, () => {
  parentPort?.postMessage({ kind: 'ready', loops: loops() });
  ifGranted(rehearse);
  beginRefusing(heap.refusals);
  for (;;) {
    const next = newestAt(tables.control, 'finished') + 1;
    if (!awaitStage(tables.control, 'requested', next, heap.periodMs ?? Infinity))
      requestCollection(tables.control, next, REASON.periodic);
    if (loadAcquire(cycle, CYCLE.ending) === 1) break;
    const refused = collect(collector);
    if (refused === null) parentPort?.postMessage({ kind: 'collected', number: next });
    else parentPort?.postMessage({ kind: 'givenUp', number: next, refusal: posted(refused) });
  }
  // Not before: a helper that ended during a collection would leave the collector waiting for it.
  endHelpers(cycle);
  // Our own last fault: it sleeps until every fault thread has seen it and ended.
  if (loadAcquire(cycle, CYCLE.faultThreads) > 0) kernel.load32(heap.terminationPage);
  kernel.dispose();
});
if (isOver) {
  await tellWhole();
  parentPort?.postMessage({ kind: 'ended' });
}
