/** pread and pwrite: to and from what the machine has mapped, and nowhere else in the process. */
import type { Libc } from './libc.ts';
import { type LinuxMachine, oursFrom } from './machine.ts';

/** An address at which no process has anything: the kernel then finds what is wrong in its own order. */
const NOWHERE = 8;

/** The arguments of pread and pwrite. */
interface FileCall {
  readonly fd: number;
  readonly addr: number;
  readonly length: number;
  readonly offset: number;
}

/** It stops where nothing is mapped. */
export function pread(libc: Libc, m: LinuxMachine, call: FileCall): number {
  return upToHole(libc.pread, m, call);
}

/** As far as the file goes the kernel begins with the next page before it finds that it cannot be read. */
export function pwrite(libc: Libc, m: LinuxMachine, call: FileCall): number {
  return upToHole(libc.pwrite, m, call);
}

/** What is mapped behind a part is looked up when that part is done: it may have waited for a page. */
function upToHole(io: Libc['pread'], m: LinuxMachine, { fd, addr, length, offset }: FileCall): number {
  for (let done = 0; ; ) {
    const ours = oursFrom(m, addr + done, length - done);
    const asked = ours > 0 ? ours : length - done;
    const answer = io(fd, ours > 0 ? addr + done : NOWHERE, asked, offset + done);
    if (answer < 0) return done > 0 ? done : answer;
    done += answer;
    if (answer < asked || done === length) return done;
  }
}
