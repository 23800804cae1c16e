/** Compaction as the collector drives it: with its helpers, and giving from-space back in between. */
import { awaitHelpers, JOB, startHelpers, takeReliefRequest } from './cycle.ts';
import { type Collector, phase } from './phase.ts';
import { compactPages, updatePages } from './phases/compact.ts';
import { canReclaim, isNewHeight, type Reclaiming, reclaim, relieve } from './phases/reclaim.ts';

/** Moving pages first, whose sources can then be given back; then those that do not move, if there are any. */
export function compactByAll(c: Collector, reclaiming: Reclaiming): void {
  const { maker, cycle, helpers, batch } = c;
  const releases = maker.mode.concurrent && maker.thread.release !== undefined;
  const relief = () => relieveIfAsked(c, reclaiming);
  maker.patience.relieve = () => relieveNow(c, reclaiming);
  phase(c, 'compact', () => {
    startHelpers(cycle, helpers, JOB.compact);
    compactPages(maker, batch, () => {
      if (releases && isNewHeight(maker, reclaiming)) c.sampleMemory();
      if (releases && canReclaim(maker, reclaiming))
        phase(c, 'release', () => reclaim(maker, reclaiming, c.checker?.beforeRelease));
      relief();
    });
    if (reclaiming.nonMoving === 0) awaitHelpers(cycle, relief);
  });
  if (reclaiming.nonMoving === 0) return;
  phase(c, 'update', () => {
    updatePages(maker, batch);
    awaitHelpers(cycle, relief);
  });
}

/** Another thread was refused memory: it gets what from-space has left above what is still read. */
export function relieveIfAsked(c: Collector, reclaiming: Reclaiming): void {
  if (takeReliefRequest(c.cycle)) relieveNow(c, reclaiming);
}

/** With the world stopped there is nothing: what lies above a page that is not made yet may be the heap. */
function relieveNow(c: Collector, reclaiming: Reclaiming): void {
  if (!c.maker.mode.concurrent || c.maker.thread.release === undefined) return;
  phase(c, 'release', () => relieve(c.maker, reclaiming, c.checker?.beforeRelease));
}
