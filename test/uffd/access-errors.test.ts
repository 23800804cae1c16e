/** What Linux answers with a signal is an AccessError with the exact address; no message is queued for it. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MINOR, MISSING, mapAnon, mapFile, openMachine, openUffd, P } from './machine.js';

function signal(access: () => unknown) {
  try {
    access();
  } catch (error) {
    const { code, address, name, message } = error as u.AccessError;
    expect(error).toBeInstanceOf(u.AccessError);
    expect(message).toContain(`${code} at 0x${address.toString(16)}`);
    return { code, address, name };
  }
  return null;
}

const segv = (address: number) => ({ code: 'SIGSEGV', address, name: 'AccessError' });
const bus = (address: number) => ({ code: 'SIGBUS', address, name: 'AccessError' });

it('unmapped, past this machine, past every address', () => {
  const k = openMachine();
  for (const address of [0, 4, 5 << 20, 8 << 20, 2 ** 31, 2 ** 32 + 8, 2 ** 46, 0x7ffffffff000, 2 ** 52]) {
    expect(signal(() => k.load32(address))).toEqual(segv(address));
    expect(signal(() => k.store32(address, 1))).toEqual(segv(address));
  }
});

it('permissions come before userfaults, and before the end of the file', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { fd, addr } = mapFile(k, 2);
  const anon = mapAnon(k, 1, u.PROT_READ);
  uffd.register(addr, 2 * P, MISSING | MINOR);
  uffd.register(anon, P, MISSING);
  k.mprotect(addr, 2 * P, u.PROT_NONE);
  k.ftruncate(fd, P);
  expect(signal(() => k.load32(addr + 12))).toEqual(segv(addr + 12));
  expect(signal(() => k.load32(addr + P))).toEqual(segv(addr + P));
  expect(signal(() => k.store32(anon + 8, 1))).toEqual(segv(anon + 8));
  k.mprotect(addr, 2 * P, u.PROT_READ);
  expect(signal(() => k.load32(addr + P + 8))).toEqual(bus(addr + P + 8));
  expect(signal(() => k.store32(addr, 1))).toEqual(segv(addr));
  expect(k.fdinfo(uffd.fd)).toMatchObject({ pending: 0, total: 0 });
});

it('a copy stops at the first byte it cannot have', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  expect(signal(() => k.copyIn(addr + P - 2, new Uint8Array(4).fill(3)))).toEqual(segv(addr + P));
  expect(signal(() => k.copyOut(addr + P + 9, new Uint8Array(4)))).toEqual(segv(addr + P + 9));
  expect(k.load32(addr + P - 4)).toBe(0x03030000);
});

it('what is no address, or not aligned to 4 bytes, is misuse', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  for (const bad of [addr + 1, addr + 2, -4, 0.5, Number.NaN, 2 ** 53]) {
    expect(() => k.load32(bad)).toThrow(RangeError);
    expect(() => k.store32(bad, 0)).toThrow(RangeError);
  }
  expect(() => k.copyIn(-1, new Uint8Array(1))).toThrow(RangeError);
  expect(() => k.copyOut(Number.NaN, new Uint8Array(1))).toThrow(RangeError);
});

it('a machine without memory left says so', () => {
  const k = openMachine({ memoryBytes: 2 * P });
  const addr = mapAnon(k, 3);
  k.store32(addr, 1);
  k.store32(addr + P, 1);
  expect(() => k.store32(addr + 2 * P, 1)).toThrow(/no physical memory left/);
  expect(k.load32(addr + 2 * P)).toBe(0); // the zero page costs none
  k.munmap(addr, P);
  k.store32(addr + 2 * P, 1);
});
