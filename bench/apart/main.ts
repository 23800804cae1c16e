/** A process that measures one run and ends (apart.ts). It is asked once, and ends early when whoever asked is gone. */
import { openHeap } from '../../gc/index.ts';
import { InterruptedError } from '../errors.ts';
import { measure } from '../measure.ts';
import { placeV8Threads } from '../placement.ts';
import { posted, type Reply, type Request } from './messages.ts';
import { unpack } from './shared-data.ts';

const TELL_MS = 250;
const interrupt = new AbortController();

/** Settles when it is on its way. */
function tell(reply: Reply): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(reply, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function answer(request: Exclude<Request, { abort: unknown }>): Promise<Reply> {
  const plan = { ...request.plan, module: new URL(request.module), data: unpack(request.data) };
  placeV8Threads(plan.config.v8Threads);
  let timer: NodeJS.Timeout | undefined;
  const onOpen = (collections: () => number): void => {
    timer = setInterval(() => void tell({ collections: collections() }), TELL_MS);
  };
  try {
    const measured = await measure(plan, { openHeap, signal: interrupt.signal, onOpen });
    const { run, failure, recordings, stalls } = measured;
    return { run, failure: failure === null ? null : posted(failure), recordings, stalls };
  } catch (error) {
    return { thrown: posted(error) };
  } finally {
    clearInterval(timer);
  }
}

process.on('message', async (request: Request) => {
  if ('abort' in request) {
    interrupt.abort(new InterruptedError(request.abort));
    return;
  }
  await tell(await answer(request));
  if (process.connected) process.disconnect(); // whoever asked may be gone as soon as it knows
});
process.on('disconnect', () => interrupt.abort(new InterruptedError('SIGTERM')));
// A terminal sends these to all of its processes: the one that started this one says what is to be done.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => {});
