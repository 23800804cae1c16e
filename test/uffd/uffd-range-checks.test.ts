/** The range check that all ioctls share: whole pages below TASK_SIZE; the output field is untouched. */
import { expect, it } from 'vitest';
import {
  continueRange,
  copy,
  MISSING,
  mapAnon,
  move,
  openMachine,
  openUffd,
  P,
  poison,
  register,
  unregister,
  wake,
  writeprotect,
  zeropage,
} from './machine.js';

const TASK_SIZE = 0x7ffffffff000;
const refused = { errno: 'EINVAL', out: 'untouched' };

it('what is no range of pages is EINVAL everywhere', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const addr = mapAnon(k, 4);
  for (const [start, len] of [
    [addr + 1, P],
    [addr, P + 1],
    [addr, 1],
    [addr, 0],
    [TASK_SIZE, P],
    [TASK_SIZE - P, 2 * P],
    [addr, TASK_SIZE],
    [-P, P],
    [addr, -P],
    [-P, 2 * P],
    [2 ** 63, P],
  ] as const) {
    expect(register(k, fd, start, len, MISSING)).toEqual(refused);
    expect(unregister(k, fd, start, len)).toBe('EINVAL');
    expect(wake(k, fd, start, len)).toBe('EINVAL');
    expect(copy(k, fd, start, addr, len)).toEqual(refused);
    expect(zeropage(k, fd, start, len)).toEqual(refused);
    expect(continueRange(k, fd, start, len)).toEqual(refused);
    expect(move(k, fd, start, addr, len)).toEqual(refused);
    expect(move(k, fd, addr, start, len)).toEqual(refused);
    expect(poison(k, fd, start, len)).toEqual(refused);
    expect(writeprotect(k, fd, start, len)).toBe('EINVAL');
    expect(writeprotect(k, fd, start, len, 0)).toBe('EINVAL');
  }
});

it('the first and the last page of user addresses are ranges', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  for (const start of [0, TASK_SIZE - P]) {
    expect(wake(k, fd, start, P)).toBe('ok');
    expect(register(k, fd, start, P, MISSING).errno).toBe('EINVAL'); // nothing mapped
    expect(zeropage(k, fd, start, P).errno).toBe('ENOENT');
    expect(move(k, fd, start, start, P).errno).toBe('ENOENT');
    expect(poison(k, fd, start, P).errno).toBe('ENOENT');
    expect(writeprotect(k, fd, start, P)).toBe('ENOENT');
  }
  expect(wake(k, fd, 0, TASK_SIZE)).toBe('ok');
});

it("COPY's source may start anywhere, but must end below TASK_SIZE", () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const [target, source] = [mapAnon(k, 4), mapAnon(k, 4)];
  uffd.register(target, 4 * P, MISSING);
  expect(copy(k, uffd.fd, target, TASK_SIZE - 1, P)).toEqual(refused);
  expect(copy(k, uffd.fd, target, -P, P)).toEqual(refused);
  expect(copy(k, uffd.fd, target, source + 1, P).errno).toBe('ok');
});

it('unknown mode bits are EINVAL and leave the field alone', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  for (const mode of [4, 8, 2 ** 32, 2 ** 63]) {
    expect(copy(k, uffd.fd, addr, addr, P, mode)).toEqual(refused);
    expect(zeropage(k, uffd.fd, addr, P, mode)).toEqual(refused);
    expect(continueRange(k, uffd.fd, addr, P, mode)).toEqual(refused);
    expect(move(k, uffd.fd, addr, addr, P, mode)).toEqual(refused);
    expect(poison(k, uffd.fd, addr, P, mode)).toEqual(refused);
    expect(writeprotect(k, uffd.fd, addr, P, mode)).toBe('EINVAL');
  }
  expect(zeropage(k, uffd.fd, addr, P, 2)).toEqual(refused);
  expect(poison(k, uffd.fd, addr, P, 2)).toEqual(refused);
  expect(writeprotect(k, uffd.fd, addr, P, 3)).toBe('EINVAL'); // to protect is to wake nobody
});
