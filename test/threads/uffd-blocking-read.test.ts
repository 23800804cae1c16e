/** Reading without O_NONBLOCK, and polling: who sleeps until when. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { attachMachine } from '../../dist/uffd/sim/machine.js';
import { TASK, taskWord } from '../../dist/uffd/sim/tasks.js';
import { MISSING, mapAnon, openMachine, openUffd, P, until } from '../uffd/machine.js';
import { startThread, startThreads } from './uffd-thread.js';

const message = (bytes: unknown) => u.uffdMsg.decode(bytes as Uint8Array) as u.UffdPagefault;

it('a blocking read sleeps until there is a fault', async () => {
  const k = openMachine();
  const uffd = openUffd(k, 0);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const [reader, faulter] = await startThreads(k, 2);
  const read = reader!.run(['readBytes', uffd.fd, 100]);
  const run = faulter!.run(['store32', addr + 4, 1]);
  expect(message(await read)).toMatchObject({ address: addr, flags: 1 });
  uffd.zeropage(addr, P);
  await run;
});

it('of two readers one gets the fault, and the other goes on waiting', async () => {
  const k = openMachine();
  const uffd = openUffd(k, 0);
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  const [a, b, faulter] = await startThreads(k, 3);
  const got: number[] = [];
  const reads = [a!, b!].map((reader) =>
    reader.run(['readBytes', uffd.fd, 32]).then((bytes) => {
      got.push(message(bytes).address);
    }),
  );
  const run = faulter!.run(['load32', addr], ['load32', addr + P]);
  await until(() => got.length === 1, 'one reader has the message');
  expect(got).toEqual([addr]);
  uffd.zeropage(addr, P);
  await Promise.all(reads);
  expect(got).toEqual([addr, addr + P]);
  uffd.zeropage(addr + P, P);
  await run;
});

it('poll sleeps until there is a fault, and then reads without blocking', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const [poller, faulter] = await startThreads(k, 2);
  const polled = poller!.run(['poll', uffd.fd, u.POLLIN, -1], ['readBytes', uffd.fd, 32]);
  const run = faulter!.run(['load32', addr]);
  expect(message(await polled)).toMatchObject({ address: addr });
  expect(k.poll(uffd.fd, u.POLLIN, 0)).toBe(0);
  uffd.zeropage(addr, P);
  await run;
});

it("close does not end another thread's blocked read, which keeps the userfaultfd alive", async () => {
  const k = openMachine();
  const uffd = openUffd(k, 0);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const [reader, faulter] = await startThreads(k, 2);
  const machine = attachMachine(k.handle().machine!);
  const references = () => machine.descriptions[0];
  const read = reader!.run(['readBytes', uffd.fd, 32]);
  await until(() => references() === 2, 'the reader holds the description');
  uffd.close();
  const run = faulter!.run(['load32', addr]);
  expect(message(await read)).toMatchObject({ address: addr });
  // The reader was the last user: its end closed the userfaultfd, and that woke the thread.
  expect(await run).toBe(0);
});

it('a stall is told with the address of the word', async () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 4);
  uffd.register(addr, 4 * P, MISSING);
  const thread = await startThread(k);
  await thread.run(['view', addr, 4 * P]);
  const stalls = thread.run(['stallsOf', addr, 2050]);
  const { tasks } = attachMachine(k.handle().machine!);
  await until(() => tasks[taskWord(thread.tid - 1000, TASK.sleeps)] === 1, 'the thread sleeps');
  uffd.zeropage(addr, 4 * P);
  expect(await stalls).toEqual([{ address: addr + 8200, slept: true }]);
});
