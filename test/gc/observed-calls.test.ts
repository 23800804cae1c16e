/** An observed userfaultfd tells of every call that asks something of pages: which, how many pages, in which collection. */
import { expect, it } from 'vitest';
import { CYCLE } from '../../dist/gc/cycle.js';
import { createRing, EVENT, openReader, openWriter } from '../../dist/gc/events.js';
import { observed } from '../../dist/gc/observe.js';
import * as u from '../../dist/uffd/index.js';
import { MINOR, MISSING, mapAnon, mapFile, openMachine, openUffd, P } from '../uffd/machine.js';

it('tells the request and the pages that took effect', () => {
  const k = openMachine();
  const ring = createRing(0n, 64);
  const reader = openReader(ring);
  const cycle = new Int32Array(new SharedArrayBuffer(4 * 64));
  cycle[CYCLE.number] = 3;
  const plain = openUffd(k);
  const uffd = observed(plain, openWriter(ring), cycle);
  /** What was told of a call. */
  const told = (call: () => unknown) => {
    call();
    const events: unknown[] = [];
    reader.drain(({ kind, a, cycle: of, b }) => events.push([kind === EVENT.ioctl, u.requestName(a), of, b]));
    return events;
  };
  const event = (name: string, pages: number) => [[true, name, 3, pages]];
  const [addr, source] = [mapAnon(k, 8), mapAnon(k, 8)];
  const { addr: file, alias } = mapFile(k, 2);
  k.store32(alias, 1);
  for (const page of [0, 1, 2]) k.store32(source + page * P, 1);
  expect(told(() => uffd.register(addr, 8 * P, MISSING))).toEqual(event('UFFDIO_REGISTER', 8));
  expect(told(() => uffd.copy(addr, source, 2 * P))).toEqual(event('UFFDIO_COPY', 2));
  expect(told(() => uffd.move(addr + 2 * P, source, 4 * P))).toEqual(event('UFFDIO_MOVE', 3));
  expect(told(() => uffd.move(addr + 2 * P, source, P))).toEqual(event('UFFDIO_MOVE', 0));
  expect(told(() => uffd.zeropage(addr + 5 * P, P))).toEqual(event('UFFDIO_ZEROPAGE', 1));
  plain.register(file, 2 * P, MINOR);
  expect(told(() => uffd.continue(file, 2 * P))).toEqual(event('UFFDIO_CONTINUE', 1));
  expect(told(() => uffd.wake(addr, P))).toEqual(event('UFFDIO_WAKE', 1));
  expect(told(() => uffd.unregister(addr, 8 * P))).toEqual(event('UFFDIO_UNREGISTER', 8));
  // The sim has no POISON: an answer as a kernel that has it gives it.
  const poisoning = { ...plain, poison: (_: number, length: number) => ({ done: length, errno: 0 }) };
  const other = observed(poisoning, openWriter(ring), cycle);
  expect(told(() => other.poison(addr, 2 * P))).toEqual(event('UFFDIO_POISON', 2));
});
