/** read and poll on a userfaultfd that has nothing to tell. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { openMachine, openUffd, said } from './machine.js';

it('a buffer below 32 bytes is EINVAL, checked before there is anything to read', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  expect([0, 1, 31].map((n) => said(k.read(fd, new Uint8Array(n))))).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
  expect(said(k.read(fd, new Uint8Array(32)))).toBe('EAGAIN');
  expect(said(k.read(fd, new Uint8Array(4096)))).toBe('EAGAIN');
});

it('poll: nothing when quiet, POLLERR without O_NONBLOCK, which F_SETFL changes', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  expect(k.poll(fd, u.POLLIN, 0)).toBe(0);
  const began = performance.now();
  expect(k.poll(fd, u.POLLIN | u.POLLOUT, 30)).toBe(0);
  expect(performance.now() - began).toBeGreaterThan(29);
  k.fcntl(fd, u.F_SETFL, 0);
  expect(k.poll(fd, u.POLLIN, -1)).toBe(u.POLLERR);
  k.fcntl(fd, u.F_SETFL, u.O_NONBLOCK);
  expect(k.poll(fd, u.POLLIN, 0)).toBe(0);
});
