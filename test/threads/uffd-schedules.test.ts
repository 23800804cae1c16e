/**
 * The moments at which a wake could be lost, one by one: a thread is stopped within a call, just before it queues
 * its fault or goes to sleep, what matters happens, and it goes on. It must not sleep for ever.
 */
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { attachMachine, STATE } from '../../dist/uffd/sim/machine.js';
import { isExclusiveWanted } from '../../dist/uffd/sync.js';
import {
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  until,
  untilAsleep,
} from '../uffd/machine.js';
import { within } from './stress.js';
import { startThread } from './uffd-thread.js';

const GONE = 'MachineGoneError MACHINE_GONE';
const BEFORE_QUEUEING = { table: 'contexts', operation: 'compareExchange' };
const BEFORE_SLEEPING_IN_A_FAULT = { table: 'tasks', operation: 'wait' };
const BEFORE_SLEEPING_IN_READ = { table: 'contexts', operation: 'wait' };
const AFTER_ENTERING = { table: 'tasks', operation: 'store', after: true };
const BEFORE_INSTALLING_A_PAGE = { table: 'ptes', operation: 'compareExchange' };
const BEFORE_WAITING_FOR_A_FRAME = { table: 'state', operation: 'wait' };

/** Runs a call in a thread that stops; does `meanwhile`; lets it go on. What the call came to. */
async function stopped(
  kernel: u.Kernel,
  stop: { table: string; operation: string; after?: boolean },
  call: readonly unknown[],
  meanwhile: () => unknown,
): Promise<{ result: unknown; bytes?: Uint8Array }> {
  const control = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./uffd-schedule-thread.mjs', import.meta.url), {
    workerData: { handle: kernel.handle(), control, stop, call },
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const ended = new Promise<{ result: unknown }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await until(() => Atomics.load(control, 0) === 1, 'the thread has stopped');
  await meanwhile();
  Atomics.store(control, 1, 1);
  Atomics.notify(control, 1);
  return within(5000, 'the stopped call', ended);
}

function minorFault() {
  const k = openMachine();
  const uffd = openUffd(k);
  const { addr, alias } = mapFile(k, 1);
  k.store32(alias, 7);
  uffd.register(addr, P, MINOR);
  return { k, uffd, addr };
}

it('the page is resolved after the fault was decided on, and before it is queued', async () => {
  const { k, uffd, addr } = minorFault();
  const { result } = await stopped(k, BEFORE_QUEUEING, ['load32', addr], () => uffd.continue(addr, P));
  expect(result).toBe(7);
  expect(k.fdinfo(uffd.fd)).toMatchObject({ pending: 0, total: 0 });
});

it('the page is resolved, or the range woken, after the fault is queued and before its thread sleeps', async () => {
  const { k, uffd, addr } = minorFault();
  const stop = BEFORE_SLEEPING_IN_A_FAULT;
  expect((await stopped(k, stop, ['load32', addr], () => uffd.continue(addr, P))).result).toBe(7);
  k.madvise(addr, P, u.MADV_DONTNEED);
  const { result } = await stopped(k, stop, ['load32', addr], () => {
    uffd.unregister(addr, P);
    uffd.wake(addr, P);
  });
  expect(result).toBe(7);
});

it('the userfaultfd is closed before its thread sleeps', async () => {
  const { k, uffd, addr } = minorFault();
  const { result } = await stopped(k, BEFORE_SLEEPING_IN_A_FAULT, ['load32', addr], () => uffd.close());
  expect(result).toBe(7);
});

it('the machine is disposed of before its thread sleeps, in a fault or in a read', async () => {
  const { k, addr } = minorFault();
  expect((await stopped(k, BEFORE_SLEEPING_IN_A_FAULT, ['load32', addr], () => k.dispose())).result).toBe(
    GONE,
  );
  const other = openMachine();
  const { fd } = openUffd(other, 0);
  const read = stopped(other, BEFORE_SLEEPING_IN_READ, ['readBytes', fd], () => other.dispose());
  expect((await read).result).toBe(GONE);
});

it('a fault comes just before the reader sleeps', async () => {
  const k = openMachine();
  const uffd = openUffd(k, 0);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const faulter = await startThread(k);
  let run: Promise<unknown> = Promise.resolve();
  const { result, bytes } = await stopped(k, BEFORE_SLEEPING_IN_READ, ['readBytes', uffd.fd], () => {
    run = faulter.run(['load32', addr]);
    return untilAsleep(k, uffd.fd, 1);
  });
  expect([result, u.uffdMsg.decode(bytes as Uint8Array)]).toMatchObject([32, { address: addr }]);
  uffd.zeropage(addr, P);
  await run;
});

it('the mutator that keeps the last frames quiesces just before another waits for them', async () => {
  const k = openMachine({ memoryBytes: 2 * P, addressBytes: 64 * P });
  const addr = mapAnon(k, 4);
  const view = k.mutatorView(addr, 4 * P);
  k.store32(addr, 1);
  k.store32(addr + P, 2);
  view.enter();
  const other = u.openKernel(k.handle());
  other.madvise(addr, 2 * P, u.MADV_DONTNEED);
  const { result } = await stopped(k, BEFORE_WAITING_FOR_A_FRAME, ['store32', addr + 2 * P, 3], () =>
    view.quiesce(),
  );
  expect([result, k.load32(addr + 2 * P)]).toEqual([undefined, 3]);
  view.leave();
});

it('a mutator enters with an epoch that is over by the time others can see it', async () => {
  const k = openMachine({ memoryBytes: 2 * P, addressBytes: 64 * P });
  const addr = mapAnon(k, 4);
  k.store32(addr, 1);
  k.store32(addr + P, 2);
  const other = await startThread(k);
  let waiting: Promise<unknown> = Promise.resolve();
  const { state } = attachMachine(k.handle().machine!);
  const { result } = await stopped(k, AFTER_ENTERING, ['enter', addr, 4 * P], () => {
    k.madvise(addr, P, u.MADV_DONTNEED);
    waiting = other.run(['store32', addr + 2 * P, 3]);
    return until(() => state[STATE.graceWaiters] === 1, 'the other waits for a frame');
  });
  expect(result).toBe('entered');
  await within(5000, 'the other', waiting);
  expect(k.load32(addr + 2 * P)).toBe(3);
});

it('the page is moved in after the fault is queued and before its thread sleeps', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const [addr, source] = [mapAnon(k, 1), mapAnon(k, 1)];
  k.store32(source, 7);
  uffd.register(addr, P, MISSING);
  // Not before it is queued: a MOVE waits until whoever decides on a fault has given back the mm lock.
  const stop = BEFORE_SLEEPING_IN_A_FAULT;
  const { result } = await stopped(k, stop, ['load32', addr], () => uffd.move(addr, source, P));
  expect(result).toBe(7);
  expect(k.fdinfo(uffd.fd)).toMatchObject({ pending: 0, total: 0 });
});

it('a page that is just being copied is moved away only afterwards', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const [copied, target, source] = [mapAnon(k, 1), mapAnon(k, 1), mapAnon(k, 1)];
  k.store32(source, 7);
  uffd.register(copied, P, MISSING);
  uffd.register(target, P, MISSING);
  const mover = await startThread(k);
  const { state } = attachMachine(k.handle().machine!);
  let moved: Promise<unknown> = Promise.resolve();
  const copy = [
    'ioctl',
    uffd.fd,
    u.UFFDIO_COPY,
    u.uffdioCopy.encode({ dst: copied, src: source, len: P, mode: 0 }),
  ];
  const move = u.uffdioMove.encode({ dst: target, src: source, len: P, mode: 0 });
  const { result } = await stopped(k, BEFORE_INSTALLING_A_PAGE, copy, () => {
    moved = mover.run(['ioctl', uffd.fd, u.UFFDIO_MOVE, move]);
    return until(() => isExclusiveWanted(state, STATE.mmLock), 'the mover waits for the copy');
  });
  expect([result, await within(5000, 'the mover', moved)]).toEqual([0, 0]);
  expect([k.load32(copied), k.load32(target), k.pagemap(source).present]).toEqual([7, 7, false]);
});

it('the machine is disposed of just before a thread waits for a frame', async () => {
  const k = openMachine({ memoryBytes: P, addressBytes: 64 * P });
  const addr = mapAnon(k, 2);
  k.store32(addr, 1);
  k.mutatorView(addr, P).enter();
  u.openKernel(k.handle()).madvise(addr, P, u.MADV_DONTNEED);
  const call = ['store32', addr + P, 3];
  expect((await stopped(k, BEFORE_WAITING_FOR_A_FRAME, call, () => k.dispose())).result).toBe(GONE);
});
