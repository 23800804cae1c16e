/** mprotect: refusals, what each protection allows, and holes. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, mapAnon, mapFile, openMachine, P, RW, said } from './machine.js';

it('names what is wrong with its arguments', () => {
  const k = openMachine();
  const addr = mapAnon(k, 2);
  expect(said(k.mprotect(addr + 1, P, RW))).toBe('EINVAL');
  expect(said(k.mprotect(addr, P, 0x100))).toBe('EINVAL');
  expect(said(k.mprotect(addr, 0, 0x100))).toBe('ok');
  expect(said(k.mprotect(-P, P, RW))).toBe('ENOMEM');
  expect(said(k.mprotect(addr, -1, RW))).toBe('ENOMEM');
  expect(said(k.mprotect(addr + 64 * P, P, RW))).toBe('ENOMEM');
  expect(said(k.mprotect(addr, P, RW | 8))).toBe('ok'); // PROT_SEM
});

it('each protection allows what it says, before and after the page is there', () => {
  const k = openMachine();
  const { addr: file } = mapFile(k, 2);
  for (const addr of [mapAnon(k, 2), file]) {
    k.store32(addr, 1);
    for (const page of [addr, addr + P]) {
      const tried = (prot: number) => {
        expect(k.mprotect(page, P, prot)).toBe(0);
        return [accessed(() => k.load32(page)), accessed(() => k.store32(page, 1))];
      };
      expect(tried(u.PROT_NONE)).toEqual(['SIGSEGV', 'SIGSEGV']);
      expect(tried(u.PROT_READ)).toEqual(['ok', 'SIGSEGV']);
      expect(tried(u.PROT_NONE)).toEqual(['SIGSEGV', 'SIGSEGV']);
      expect(tried(u.PROT_WRITE)).toEqual(['ok', 'ok']);
      expect(tried(RW)).toEqual(['ok', 'ok']);
    }
  }
});

it('a zero page that was read stays shared until it may be written', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  expect(k.load32(addr)).toBe(0);
  expect(k.memory().bytes).toBe(0);
  k.mprotect(addr, P, u.PROT_READ);
  k.mprotect(addr, P, RW);
  k.store32(addr, 4);
  expect([k.load32(addr), k.memory().bytes]).toEqual([4, P]);
});

it('keeps contents, and changes what is mapped before the first hole', () => {
  const k = openMachine();
  const addr = mapAnon(k, 4);
  for (let i = 0; i < 4; i++) k.store32(addr + i * P, i + 1);
  k.munmap(addr + 2 * P, P);
  expect(said(k.mprotect(addr, 4 * P, u.PROT_READ))).toBe('ENOMEM');
  expect([0, 1, 3].map((i) => accessed(() => k.store32(addr + i * P, 9)))).toEqual([
    'SIGSEGV',
    'SIGSEGV',
    'ok',
  ]);
  expect([0, 1].map((i) => k.load32(addr + i * P))).toEqual([1, 2]);
  expect(said(k.mprotect(addr + 2 * P, 2 * P, u.PROT_READ))).toBe('ENOMEM');
  expect(accessed(() => k.store32(addr + 3 * P, 9))).toBe('ok');
});
