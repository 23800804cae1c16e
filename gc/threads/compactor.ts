/** A further GC thread: joins the collector in marking and in compaction. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadAcquire } from '../../uffd/sync.ts';
import { awaitRound, CYCLE, helperDone, JOB } from '../cycle.ts';
import { EVENT, ROLE } from '../events.ts';
import { markingSpace } from '../maker.ts';
import { openMarkPool, poolLimit } from '../mark-pool.ts';
import { compactPages, updatePages } from '../phases/compact.ts';
import { makeTracer } from '../trace.ts';
import { attachMaker, type ThreadLinks, untilGone } from './boot.ts';

const links = workerData as ThreadLinks;
const { kernel, tables, cycle, maker, tellWhole } = await attachMaker(links, ROLE.collector);
const pool = openMarkPool(links.heap.markPool);
const tracer = makeTracer(tables, pool, false, maker.compiled);

function helpMarking(): void {
  tracer.begin(markingSpace(maker), poolLimit(pool));
  tracer.traceTogether();
}

const isOver = untilGone(kernel, () => {
  parentPort?.postMessage({ kind: 'ready' });
  for (let round = awaitRound(cycle, 0); round >= 0; round = awaitRound(cycle, round)) {
    const [job, number] = [loadAcquire(cycle, CYCLE.job), loadAcquire(cycle, CYCLE.number)];
    maker.events.emit(EVENT.helpBegin, job, number);
    if (job === JOB.mark) helpMarking();
    else {
      compactPages(maker, links.heap.batch);
      updatePages(maker, links.heap.batch);
    }
    maker.events.emit(EVENT.helpEnd, job, number);
    helperDone(cycle);
  }
  kernel.dispose();
});
if (isOver) {
  await tellWhole();
  parentPort?.postMessage({ kind: 'ended' });
}
