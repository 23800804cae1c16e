/** When a fault becomes a message: memory × modes × state of the page × read or write. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  RW,
  readAll,
  until,
} from '../uffd/machine.js';
import { startThread, type Thread } from './uffd-thread.js';

type Memory = 'anon' | 'memfd' | 'shared anonymous';
const prepare: Record<Memory, (k: u.Kernel) => number> = {
  anon: (k) => mapAnon(k, 1),
  memfd: (k) => mapFile(k, 1).addr,
  'shared anonymous': (k) => ok(k.mmap(0, P, RW, u.MAP_SHARED | u.MAP_ANONYMOUS, -1, 0)),
};
const states: Record<string, (k: u.Kernel, addr: number) => void> = {
  none: () => {},
  'zero page': (k, addr) => k.load32(addr),
  cached: (k, addr) => {
    k.store32(addr, 9);
    k.madvise(addr, P, u.MADV_DONTNEED);
  },
  present: (k, addr) => k.store32(addr, 9),
};

// biome-ignore format: the table of the specification
const table: [Memory, string, number, string][] = [
  ['anon', 'none', 0, 'silent'],
  ['anon', 'none', MISSING, 'missing'],
  ['anon', 'zero page', MISSING, 'silent'],
  ['anon', 'present', MISSING, 'silent'],
  ...(['memfd', 'shared anonymous'] as const).flatMap((memory): [Memory, string, number, string][] => [
    [memory, 'none', 0, 'silent'],
    [memory, 'none', MISSING, 'missing'],
    [memory, 'none', MINOR, 'silent'],
    [memory, 'none', MISSING | MINOR, 'missing'],
    [memory, 'cached', 0, 'silent'],
    [memory, 'cached', MISSING, 'silent'],
    [memory, 'cached', MINOR, 'minor'],
    [memory, 'cached', MISSING | MINOR, 'minor'],
    [memory, 'present', 0, 'silent'],
    [memory, 'present', MISSING, 'silent'],
    [memory, 'present', MINOR, 'silent'],
    [memory, 'present', MISSING | MINOR, 'silent'],
  ]),
];

/** The messages until the access is done, each answered as its kind asks. */
async function messages(k: u.Kernel, uffd: u.Userfaultfd, source: number, access: Promise<unknown>) {
  const seen: u.UffdPagefault[] = [];
  let done = false;
  const ended = access.then(() => {
    done = true;
  });
  while (!done) {
    await until(
      () => done || k.poll(uffd.fd, u.POLLIN, 0) === u.POLLIN,
      'there is a message, or the access is done',
    );
    for (const message of readAll(k, uffd.fd)) {
      seen.push(message);
      if (message.flags & u.UFFD_PAGEFAULT_FLAG_MINOR) uffd.continue(message.address, P);
      else copy(k, uffd.fd, message.address, source, P);
    }
  }
  await ended;
  return seen;
}

async function faultOf(k: u.Kernel, thread: Thread, row: (typeof table)[number], write: boolean) {
  const [memory, state, modes] = row;
  const uffd = openUffd(k);
  const source = mapAnon(k, 1);
  k.store32(source, 77);
  const addr = prepare[memory](k);
  states[state]?.(k, addr);
  if (modes !== 0) uffd.register(addr, P, modes);
  const access = write ? thread.run(['store32', addr + 8, 5]) : thread.run(['load32', addr]);
  const seen = await messages(k, uffd, source, access);
  if (write) expect(k.load32(addr + 8)).toBe(5);
  const content = k.load32(addr);
  uffd.close();
  return { seen, content, value: await access, addr };
}

it('raises the message that the table says, with the flags of the access', async () => {
  const k = openMachine();
  const thread = await startThread(k);
  for (const row of table) {
    for (const write of [false, true]) {
      const [memory, state, modes, wanted] = row;
      const name = `${memory}, ${state}, modes ${modes}, ${write ? 'write' : 'read'}`;
      const { seen, content, value, addr } = await faultOf(k, thread, row, write);
      const kinds = seen.map(({ flags }) => (flags & u.UFFD_PAGEFAULT_FLAG_MINOR ? 'minor' : 'missing'));
      expect(`${name}: ${kinds.join() || 'silent'}`).toBe(`${name}: ${wanted}`);
      for (const { event, flags, address, ptid } of seen) {
        expect({ event, address, ptid }).toEqual({ event: u.UFFD_EVENT_PAGEFAULT, address: addr, ptid: 0 });
        expect(flags & ~u.UFFD_PAGEFAULT_FLAG_MINOR).toBe(write ? u.UFFD_PAGEFAULT_FLAG_WRITE : 0);
      }
      const there = state === 'cached' || state === 'present' ? 9 : 0;
      expect(content).toBe(wanted === 'missing' ? 77 : there);
      if (!write) expect(value).toBe(content);
    }
  }
});
