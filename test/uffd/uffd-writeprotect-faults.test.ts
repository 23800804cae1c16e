/** Writes to protected pages: the message, who is woken by what, and the order of faults. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { startThread } from '../threads/uffd-thread.js';
import {
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  protection,
  readAll,
  untilAsleep,
  WP,
  wake,
  writeprotect,
} from './machine.js';

const UNPROTECT = 0;
const [WRITE, WP_FLAG, MINOR_FLAG] = [
  u.UFFD_PAGEFAULT_FLAG_WRITE,
  u.UFFD_PAGEFAULT_FLAG_WP,
  u.UFFD_PAGEFAULT_FLAG_MINOR,
];

async function setUp(mode: number, pages = 2) {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK, u.UFFD_FEATURE_WP_UNPOPULATED);
  const addr = mapAnon(k, pages);
  uffd.register(addr, pages * P, mode);
  const source = mapAnon(k, 1);
  k.store32(source, 8);
  return { k, uffd, fd: uffd.fd, addr, source, thread: await startThread(k) };
}

/** The messages that wait once a thread is asleep: page and flags. */
async function messages(k: u.Kernel, fd: number, addr: number): Promise<[page: number, flags: number][]> {
  await untilAsleep(k, fd, 1);
  return readAll(k, fd).map(({ address, flags }) => [(address - addr) / P, flags]);
}

it('is a message with the flags WP and WRITE; unprotecting wakes, and the write is done', async () => {
  const { k, fd, addr, thread } = await setUp(WP);
  k.store32(addr, 5);
  k.load32(addr + P); // the zero page
  writeprotect(k, fd, addr, 2 * P);
  for (const page of [0, 1]) {
    const run = thread.run(['store32', addr + page * P + 4, 6], ['load32', addr + page * P]);
    expect(await messages(k, fd, addr)).toEqual([[page, WRITE | WP_FLAG]]);
    expect(writeprotect(k, fd, addr + page * P, P, UNPROTECT)).toBe('ok');
    expect(await run).toBe(page === 0 ? 5 : 0);
    expect([k.load32(addr + page * P + 4), protection(k, addr, 2)]).toEqual([6, page === 0 ? '01' : '00']);
  }
});

it('a marker: the page is filled, protected, and then it is a message', async () => {
  const { k, fd, addr, thread } = await setUp(WP, 1);
  const { addr: file } = mapFile(k, 1);
  u.attachUserfaultfd(k, fd).register(file, P, WP);
  for (const start of [addr, file]) {
    writeprotect(k, fd, start, P);
    const run = thread.run(['store32', start, 6]);
    expect(await messages(k, fd, start)).toEqual([[0, WRITE | WP_FLAG]]);
    expect(k.pagemap(start)).toMatchObject({ present: true, writeProtected: true });
    writeprotect(k, fd, start, P, UNPROTECT);
    await run;
    expect(k.load32(start)).toBe(6);
  }
});

it('protecting wakes nobody, unprotecting with DONTWAKE neither; then WAKE lets the write be done', async () => {
  const { k, fd, addr, thread } = await setUp(WP, 1);
  k.store32(addr, 5);
  writeprotect(k, fd, addr, P);
  const run = thread.run(['store32', addr, 6]);
  expect(await messages(k, fd, addr)).toHaveLength(1);
  for (const mode of [u.UFFDIO_WRITEPROTECT_MODE_WP, u.UFFDIO_WRITEPROTECT_MODE_DONTWAKE]) {
    writeprotect(k, fd, addr, P, mode);
    expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 1 });
  }
  wake(k, fd, addr, P);
  await run;
  expect(k.load32(addr)).toBe(6);
});

it('woken without being unprotected, a writer faults again', async () => {
  const { k, fd, addr, thread } = await setUp(WP, 1);
  k.store32(addr, 5);
  writeprotect(k, fd, addr, P);
  const run = thread.run(['store32', addr, 6]);
  for (let round = 0; round < 2; round++) {
    expect(await messages(k, fd, addr)).toEqual([[0, WRITE | WP_FLAG]]);
    wake(k, fd, addr, P);
  }
  await untilAsleep(k, fd, 1);
  writeprotect(k, fd, addr, P, UNPROTECT);
  await run;
});

it('unprotecting wakes who waits for a missing page too: it faults again', async () => {
  const { k, uffd, fd, addr, thread } = await setUp(MISSING | WP, 1);
  const run = thread.run(['load32', addr]);
  expect(await messages(k, fd, addr)).toEqual([[0, 0]]);
  writeprotect(k, fd, addr, P, UNPROTECT);
  expect(await messages(k, fd, addr)).toEqual([[0, 0]]);
  uffd.zeropage(addr, P);
  expect(await run).toBe(0);
});

it('missing comes first; COPY with MODE_WP makes a second message, COPY without ends the protection', async () => {
  const { k, fd, addr, source, thread } = await setUp(MISSING | WP);
  writeprotect(k, fd, addr, 2 * P);
  const run = thread.run(['store32', addr + 4, 6], ['store32', addr + P + 4, 7]);
  expect(await messages(k, fd, addr)).toEqual([[0, WRITE]]);
  copy(k, fd, addr, source, P, u.UFFDIO_COPY_MODE_WP);
  expect(await messages(k, fd, addr)).toEqual([[0, WRITE | WP_FLAG]]);
  writeprotect(k, fd, addr, P, UNPROTECT);
  expect(await messages(k, fd, addr)).toEqual([[1, WRITE]]);
  copy(k, fd, addr + P, source, P);
  await run;
  expect([k.load32(addr), k.load32(addr + P + 4), protection(k, addr, 2)]).toEqual([8, 7, '00']);
});

it('minor comes first, and CONTINUE with MODE_WP makes a second message', async () => {
  const { k, uffd, fd, thread } = await setUp(WP);
  const { addr, alias } = mapFile(k, 1);
  k.store32(alias, 5);
  uffd.register(addr, P, MINOR | WP);
  const run = thread.run(['store32', addr + 4, 6]);
  expect(await messages(k, fd, addr)).toEqual([[0, WRITE | MINOR_FLAG]]);
  expect(uffd.continue(addr, P, u.UFFDIO_CONTINUE_MODE_WP)).toEqual({ done: P, errno: 0 });
  expect(await messages(k, fd, addr)).toEqual([[0, WRITE | WP_FLAG]]);
  writeprotect(k, fd, addr, P, UNPROTECT);
  await run;
  expect([k.load32(addr), k.load32(alias + 4)]).toEqual([5, 6]);
});

it('a system call that writes there sleeps as a program does', async () => {
  const { k, fd, addr, thread } = await setUp(WP, 1);
  const { fd: file, alias } = mapFile(k, 1);
  k.store32(alias, 4);
  k.store32(addr, 5);
  writeprotect(k, fd, addr, P);
  const run = thread.run(['pread', file, addr + 8, 4, 0]);
  expect(await messages(k, fd, addr)).toEqual([[0, WRITE | WP_FLAG]]);
  writeprotect(k, fd, addr, P, UNPROTECT);
  expect(await run).toBe(4);
  expect([k.load32(addr), k.load32(addr + 8)]).toEqual([5, 4]);
});

it('UNREGISTER leaves a sleeper of a range without MISSING asleep; closing wakes it, and it writes', async () => {
  const { k, uffd, fd, addr, thread } = await setUp(WP, 1);
  k.store32(addr, 5);
  writeprotect(k, fd, addr, P);
  const run = thread.run(['store32', addr, 6]);
  await untilAsleep(k, fd, 1);
  uffd.unregister(addr, P);
  expect(k.fdinfo(fd)).toMatchObject({ total: 1 });
  uffd.close();
  await run;
  expect(k.load32(addr)).toBe(6);
});
