/** Opening: sizes, handles, what this build has not; and what is left of a machine that was disposed of. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, openMachine, P } from './machine.js';

it('sizes that no machine can have are refused', () => {
  for (const memoryBytes of [0, -P, P + 1, 1.5, Number.NaN, 2 ** 60, 2 ** 33 + P]) {
    expect(() => u.openKernel('sim', { memoryBytes })).toThrow(RangeError);
  }
  for (const addressBytes of [0, P - 1, 2 ** 47]) {
    expect(() => u.openKernel('sim', { memoryBytes: P, addressBytes })).toThrow(RangeError);
  }
});

it('what is no machine cannot be opened', () => {
  const machine = new SharedArrayBuffer(4096);
  expect(() => u.openKernel({ minorfault: 'sim', machine })).toThrow(TypeError);
  expect(() => u.openKernel({ minorfault: 'sim', machine: new SharedArrayBuffer(4) })).toThrow(TypeError);
  expect(() => u.openKernel({ minorfault: 'sim' })).toThrow(TypeError);
  expect(() => u.openKernel({ minorfault: 'linux' })).toThrow(TypeError);
  expect(() => u.openKernel(null as never)).toThrow(TypeError);
  expect(() => u.openKernel('windows' as never)).toThrow(TypeError);
});

it('a kernel without a feature that is needed is not chosen, and the reason is said', () => {
  const unknown = 1n << 60n;
  expect(u.chooseKernel('sim', unknown)).toMatchObject({ kernel: 'sim' });
  const { kernel, why } = u.chooseKernel('auto', unknown);
  expect(kernel).toBe('sim');
  expect(why).toMatch(/lacks bit 60|koffi|EPERM|ENOSYS|Linux's/);
  const choose = () => u.chooseKernel('linux', unknown);
  expect(choose).toThrow(u.KernelUnavailableError);
  expect(choose).toThrow(/^the linux kernel cannot be used: .*--kernel sim/);
});

it('every attached kernel is a thread of its own on the same machine', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  const second = u.openKernel(k.handle());
  second.store32(addr, 5);
  expect(k.load32(addr)).toBe(5);
  expect(second.gettid()).not.toBe(k.gettid());
  const fd = second.memfd_create('a', 0);
  second.dispose();
  second.dispose();
  expect(k.close(fd)).toBe(0);
  expect(() => second.load32(addr)).toThrow(/detached/);
  expect(() => second.gettid()).toThrow(u.MachineGoneError);
  const third = u.openKernel(k.handle());
  expect([third.load32(addr), third.gettid()]).toEqual([5, k.gettid() + 1]);
});

it('a machine has room for 256 threads', () => {
  const k = openMachine();
  const others = Array.from({ length: 255 }, () => u.openKernel(k.handle()));
  expect(() => u.openKernel(k.handle())).toThrow(/256 threads/);
  others[7]?.dispose();
  u.openKernel(k.handle());
});

it('once the opener has disposed of it every method throws, in every thread', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  const other = u.openKernel(k.handle());
  k.dispose();
  k.dispose();
  for (const kernel of [k, other]) {
    const bytes = new Uint8Array(32);
    const calls = [
      () => kernel.userfaultfd(0),
      () => kernel.ioctl(3, u.UFFDIO_API, bytes),
      () => kernel.read(3, bytes),
      () => kernel.poll(3, 1, 0),
      () => kernel.close(3),
      () => kernel.mmap(0, P, 3, 0x22, -1, 0),
      () => kernel.load32(addr),
      () => kernel.store32(addr, 1),
      () => kernel.copyIn(addr, bytes),
      () => kernel.copyOut(addr, bytes),
      () => kernel.memory(),
      () => kernel.pagemap(addr),
      () => kernel.gettid(),
    ];
    for (const call of calls) expect(call).toThrow(u.MachineGoneError);
  }
  other.dispose();
  expect(() => u.openKernel(k.handle())).toThrow(u.MachineGoneError);
});
