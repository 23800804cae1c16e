/** Whoever opened the machine has its first task slot, 0, and hangs in the lists of a userfaultfd as others do. */
import { expect, it } from 'vitest';
import type * as u from '../../dist/uffd/index.js';
import { queueFault, takeMessage, wakeRange } from '../../dist/uffd/sim/context.js';
import { attachMachine } from '../../dist/uffd/sim/machine.js';
import { MISSING, mapAnon, openMachine, openUffd, P } from './machine.js';

it('its fault is told, and woken, read or not', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const m = attachMachine((k.handle() as { machine: SharedArrayBuffer }).machine);
  const [task, context, page] = [0, 0, addr / P];
  const counts = (): number[] => {
    const { pending, total } = k.fdinfo(uffd.fd) as u.UffdInfo;
    return [pending, total];
  };

  queueFault(m, { context, flags: 1 }, task, { page, offset: 8 });
  expect(counts()).toEqual([1, 1]);
  expect(takeMessage(m, context)).toEqual({ task, page, offset: 8, flags: 1 });
  expect(counts()).toEqual([0, 1]);
  wakeRange(m, context, page, page + 1);
  expect(counts()).toEqual([0, 0]);

  queueFault(m, { context, flags: 0 }, task, { page, offset: 0 });
  wakeRange(m, context, page + 1, page + 2);
  expect(counts()).toEqual([1, 1]);
  wakeRange(m, context, page, page + 1);
  expect(counts()).toEqual([0, 0]);
  expect(takeMessage(m, context)).toBeNull();
});
