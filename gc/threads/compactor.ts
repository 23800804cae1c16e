/** A further compactor: joins the collector in each compaction. */
import { parentPort, workerData } from 'node:worker_threads';
import { awaitRound, helperDone } from '../cycle.ts';
import { ROLE } from '../events.ts';
import { compactPages } from '../phases/compact.ts';
import { attachMaker, type ThreadLinks, untilGone } from './boot.ts';

const links = workerData as ThreadLinks;
const { kernel, cycle, maker } = attachMaker(links, ROLE.collector);

untilGone(kernel, () => {
  parentPort?.postMessage({ kind: 'ready' });
  for (let round = awaitRound(cycle, 0); round >= 0; round = awaitRound(cycle, round)) {
    compactPages(maker, links.heap.batch);
    helperDone(cycle);
  }
  kernel.dispose();
  parentPort?.postMessage({ kind: 'ended' });
});
