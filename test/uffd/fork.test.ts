/** fork beside what litmus programs show: the processes of a machine, their end, and what there is too little of. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { P } from './machine.js';

const RW = u.PROT_READ | u.PROT_WRITE;
const PRIVATE = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
const missing = probeLinux().libc === undefined ? 'the C library cannot be reached' : null;
if (missing !== null) console.warn(`fork on linux is not tested: ${missing}`);
const KERNELS = missing === null ? (['sim', 'linux'] as const) : (['sim'] as const);

function forked(k: u.Kernel): u.Kernel {
  const child = k.fork();
  if (typeof child === 'number') throw new Error(u.errnoName(child));
  return child;
}

it.each(KERNELS)(
  '%s: a forked process has its own memory and descriptors, until its last kernel is disposed of',
  (kind) => {
    const k = u.openKernel(kind);
    const own = k.mmap(0, 3 * P, RW, PRIVATE, -1, 0);
    const bytes = Uint8Array.from({ length: 2 * P }, (_, i) => i % 251);
    k.copyIn(own + 7, bytes);
    const file = k.memfd_create('shared', 0);
    k.ftruncate(file, P);
    const child = forked(k);
    const other = u.openKernel(child.handle());
    k.copyIn(own, new Uint8Array(3 * P));
    const seen = new Uint8Array(2 * P);
    other.copyOut(own + 7, seen);
    expect(seen).toEqual(bytes);
    expect(k.close(file)).toBe(0);
    expect([k.ftruncate(file, P), child.ftruncate(file, 2 * P)]).toEqual([-u.EBADF, 0]);
    child.dispose();
    expect(other.load32(own + 8)).toBe(new Uint32Array(bytes.slice(1, 5).buffer)[0]);
    other.dispose();
    expect(() => other.load32(own)).toThrow(u.MachineGoneError);
    expect(() => u.openKernel(child.handle()).load32(own)).toThrow(u.MachineGoneError);
    expect(k.load32(own)).toBe(0);
    k.dispose();
  },
);

it.each(KERNELS)('%s: an access without a mapping is an error, and this process goes on', (kind) => {
  const k = u.openKernel(kind);
  const file = k.memfd_create('short', 0);
  const addr = k.mmap(0, P, RW, u.MAP_SHARED, file, 0);
  const child = forked(k);
  expect(() => child.load32(addr)).toThrow(expect.objectContaining({ code: 'SIGBUS', address: addr }));
  expect(() => child.load32(8 * P)).toThrow(u.AccessError);
  k.ftruncate(file, P);
  k.store32(addr, 5);
  expect(k.load32(addr)).toBe(5);
  child.dispose();
  k.dispose();
});

it.each(KERNELS)('%s: what the mappings of a process take is given back when it ends', (kind) => {
  const k = u.openKernel(kind);
  const own = k.mmap(0, 64 * P, RW, PRIVATE, -1, 0);
  k.copyIn(own, new Uint8Array(64 * P).fill(1));
  for (let round = 0; round < 20; round++) forked(k).dispose();
  expect(k.memory().bytes).toBe(64 * P);
  k.dispose();
});

it('a machine has four processes, of any of which another is forked', () => {
  const k = u.openKernel('sim');
  const second = forked(k);
  const third = forked(second);
  const fourth = forked(third);
  expect(fourth.fork()).toBe(-u.EAGAIN);
  second.dispose();
  const another = forked(fourth);
  for (const one of [third, fourth, another]) one.dispose();
  k.dispose();
});

it('a userfaultfd for a process that has ended keeps its place', () => {
  const k = u.openKernel('sim');
  const child = forked(k);
  const uffd = child.userfaultfd(u.O_NONBLOCK);
  const grandchild = forked(child);
  child.dispose();
  const others = [forked(k)];
  expect(k.fork()).toBe(-u.EAGAIN);
  expect(grandchild.close(uffd)).toBe(0);
  others.push(forked(k));
  for (const one of [grandchild, ...others]) one.dispose();
  k.dispose();
});

it('without memory for its pages a process is not forked, and nothing is left of it', () => {
  const k = u.openKernel('sim', { memoryBytes: 64 * P });
  const own = k.mmap(0, 40 * P, RW, PRIVATE, -1, 0);
  k.copyIn(own, new Uint8Array(40 * P).fill(1));
  const before = k.memory().bytes;
  for (let round = 0; round < 8; round++) expect(k.fork()).toBe(-u.ENOMEM);
  expect(k.memory().bytes).toBe(before);
  k.munmap(own + 20 * P, 20 * P);
  const child = forked(k);
  expect(child.load32(own + 19 * P)).toBe(0x01010101);
  k.store32(own, 7);
  expect([k.load32(own), child.load32(own)]).toEqual([7, 0x01010101]);
  child.dispose();
  k.dispose();
});
