/** The end of a machine ends whatever sleeps in it; the end of one thread's attachment ends nothing else. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { attachMachine } from '../../dist/uffd/sim/machine.js';
import { TASK, taskWord } from '../../dist/uffd/sim/tasks.js';
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
import { startThread, startThreads } from './uffd-thread.js';

const GONE = 'MachineGoneError MACHINE_GONE';

it('dispose ends a blocked read, a poll, a fault and a mutator', async () => {
  const k = openMachine();
  const [blocking, uffd] = [openUffd(k, 0), openUffd(k)];
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  const [reader, poller, faulter, mutator] = await startThreads(k, 4);
  await mutator!.run(['view', addr, 2 * P]);
  const runs = [
    reader!.run(['readBytes', blocking.fd, 32]),
    poller!.run(['poll', openUffd(k).fd, u.POLLIN, -1]),
    faulter!.run(['load32', addr]),
    mutator!.run(['stallsOf', addr, 1030]),
  ];
  await untilAsleep(k, uffd.fd, 2);
  k.dispose();
  expect(await Promise.all(runs)).toEqual([GONE, GONE, GONE, GONE]);
});

it('dispose ends what is just going to sleep', async () => {
  for (let round = 0; round < 4; round++) {
    const k = openMachine({ memoryBytes: 16 * P, addressBytes: 64 * P });
    const uffd = openUffd(k, 0);
    const addr = mapAnon(k, 1);
    uffd.register(addr, P, MISSING);
    const threads = await startThreads(k, 2);
    const runs = [threads[0]!.run(['load32', addr]), threads[1]!.run(['readBytes', uffd.fd, 32])];
    if (round % 2 === 0) await new Promise<void>((go) => setImmediate(go));
    for (let spin = 0; spin < round * 10_000; spin++) Math.sqrt(spin);
    k.dispose();
    // The read may have been quicker, and have its message.
    const [fault, read] = await Promise.all(runs);
    expect(fault).toBe(GONE);
    if (read !== GONE) expect(read).toBeInstanceOf(Uint8Array);
    await Promise.all(threads.map((thread) => thread.kill()));
  }
});

it('a thread that detaches takes nothing with it, and its slot is free for another', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { addr, alias } = mapFile(k, 1);
  k.store32(alias, 5);
  uffd.register(addr, P, MINOR);
  const [a, b] = await startThreads(k, 2);
  const run = a!.run(['load32', addr]);
  await untilAsleep(k, uffd.fd, 1);
  await b!.run(['dispose']);
  expect(await b!.run(['load32', alias])).toBe(GONE);
  const c = await startThread(k);
  expect(c.tid).toBe(b!.tid);
  await c.run([
    'ioctl',
    uffd.fd,
    u.UFFDIO_CONTINUE,
    u.uffdioContinue.encode({ start: addr, len: P, mode: 0 }),
  ]);
  expect(await run).toBe(5);
});

it('a thread that is killed in its sleep does not keep the others from going on', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  const [victim, other] = await startThreads(k, 2);
  void victim!.run(['load32', addr]);
  const run = other!.run(['load32', addr], ['load32', addr + P]);
  await untilAsleep(k, uffd.fd, 2);
  // Queued is not asleep yet: a thread that is killed on its way may hold a lock of the kernel.
  const { tasks } = attachMachine(k.handle().machine!);
  await until(() => tasks[taskWord(victim!.tid - 1000, TASK.sleeps)] === 1, 'the victim sleeps');
  await victim!.kill();
  uffd.zeropage(addr, P);
  await untilAsleep(k, uffd.fd, 1);
  uffd.zeropage(addr + P, P);
  expect(await run).toBe(0);
  await until(() => k.memory().bytes === 0, 'nothing is left of it');
});
