/** What faults show of the simulated kernel's release: the address in the message, and whether an access may fault again. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openStage } from '../../dist/bench/litmus/stage.js';
import * as u from '../../dist/uffd/index.js';
import { MISSING, mapAnon, openMachine, openUffd, P, readAll, untilAsleep, wake } from '../uffd/machine.js';
import { startThread } from './uffd-thread.js';

async function setUp(linux: string, features = 0n) {
  const k = openMachine({ linux });
  const uffd = openUffd(k, u.O_NONBLOCK, features);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  return { k, uffd, fd: uffd.fd, addr, thread: await startThread(k) };
}

it.each([
  ['4.9', 0n, 8],
  ['4.10', 0n, 0],
  ['5.17', 0n, 0],
  ['5.18', 0n, 0],
  ['5.18', u.UFFD_FEATURE_EXACT_ADDRESS, 8],
])('%s, with features %d: the address of a message is %d into the page', async (linux, features, offset) => {
  const { k, uffd, fd, addr, thread } = await setUp(linux, features);
  const load = thread.run(['load32', addr + 8]);
  await untilAsleep(k, fd, 1);
  expect(readAll(k, fd).map(({ address }) => address - addr)).toEqual([offset]);
  uffd.zeropage(addr, P);
  expect(await load).toBe(0);
});

it('woken to meet the fault again, an access is a SIGBUS before 5.7', async () => {
  const { k, uffd, fd, addr, thread } = await setUp('5.6');
  const load = thread.run(['load32', addr]);
  await untilAsleep(k, fd, 1);
  wake(k, fd, addr, P);
  expect(await load).toBe('AccessError SIGBUS');
  // Another access may sleep again, and go on.
  const next = thread.run(['load32', addr]);
  await untilAsleep(k, fd, 1);
  uffd.zeropage(addr, P);
  expect(await next).toBe(0);
});

it('… and from 5.7 on it sleeps again', async () => {
  const { k, uffd, fd, addr, thread } = await setUp('5.7');
  const load = thread.run(['load32', addr]);
  for (let round = 0; round < 3; round++) {
    await untilAsleep(k, fd, 1);
    expect(readAll(k, fd)).toHaveLength(1);
    wake(k, fd, addr, P);
  }
  await untilAsleep(k, fd, 1);
  uffd.zeropage(addr, P);
  expect(await load).toBe(0);
});

it('a system call that is woken so fails with EFAULT before 5.7', async () => {
  const { k, fd, addr, thread } = await setUp('5.6');
  const file = k.memfd_create('file', 0);
  const write = thread.run(['pwrite', file, addr, P, 0]);
  await untilAsleep(k, fd, 1);
  wake(k, fd, addr, P);
  expect(await write).toBe(-u.EFAULT);
});

it.each([
  ['6.8', 'EAGAIN'],
  ['6.9', 'ENOENT'],
])('%s: COPY whose range is registered no longer, while the layout changes: %s', async (linux, answer) => {
  const program = new URL('../../bench/fuzz/corpus/copy-looks-for-its-range-first.json', import.meta.url);
  const stage = await openStage('sim', { linux });
  const trace = stage.run(JSON.parse(readFileSync(program, 'utf8')));
  expect(trace.at(-1)?.woke).toMatchObject({ T0: { is: answer, out: answer } });
  await stage.close();
});
