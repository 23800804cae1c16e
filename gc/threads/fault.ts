/** A fault thread: serves the mutators' faults until the heap is closed. */
import { parentPort, workerData } from 'node:worker_threads';
import { ROLE } from '../events.ts';
import { serveFaults } from '../fault-service.ts';
import { attachMaker, type ThreadLinks, untilGone } from './boot.ts';

const links = workerData as ThreadLinks;
const { kernel, uffd, maker, tellWhole } = await attachMaker(links, ROLE.fault);

const isOver = untilGone(kernel, () => {
  parentPort?.postMessage({ kind: 'ready' });
  serveFaults({
    kernel,
    maker,
    uffd,
    heap: links.heap.ranges.heap,
    terminationPage: links.heap.terminationPage,
  });
  kernel.dispose();
});
if (isOver) {
  await tellWhole();
  parentPort?.postMessage({ kind: 'ended' });
}
