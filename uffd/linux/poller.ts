/** Sleeping until a descriptor is ready, or the machine has ended. */
import { POLLIN } from '../abi.ts';
import { type Libc, uninterrupted } from './libc.ts';
import { type LinuxMachine, STATE } from './machine.ts';

/** How long a thread sleeps at a time, in ms: nothing else lets Node end a worker that sleeps in the kernel. */
const SLICE_MS = 500;

/** poll(2) on the descriptor and on the machine's end. */
export function makePoller(
  libc: Libc,
  m: LinuxMachine,
): (fd: number, events: number, timeoutMs: number) => number {
  const fds = new Int32Array(4); // two struct pollfd: fd, events and revents
  const halves = new Int16Array(fds.buffer);
  const bytes = new Uint8Array(fds.buffer);
  return (fd, events, timeoutMs) => {
    fds[0] = fd;
    halves[2] = events;
    halves[3] = 0;
    fds[2] = m.state[STATE.wakeFd] as number;
    halves[6] = POLLIN;
    halves[7] = 0;
    const until = timeoutMs < 0 ? Infinity : performance.now() + timeoutMs;
    for (;;) {
      const left = Math.max(0, until - performance.now());
      const answer = uninterrupted(() => libc.poll(bytes, 2, Math.ceil(Math.min(left, SLICE_MS))));
      if (answer < 0) return answer;
      if (answer > 0 || left <= SLICE_MS) return halves[3] as number;
    }
  };
}
