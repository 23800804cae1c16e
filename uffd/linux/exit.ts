/**
 * The ways out of the process. Node waits for its workers before it ends, and a worker asleep in a fault, or in a
 * poll, cannot be ended: so every machine is quelled before. A signal without a handler ends the process at once,
 * asleep or not, and needs nothing.
 */
import type { Libc } from './libc.ts';
import { type LinuxMachine, quell } from './machine.ts';

const open = new Map<LinuxMachine, Libc>();

function quellAll(): void {
  for (const [machine, libc] of open) quell(machine, libc);
}

/** From now on the machine ends with the process: normally, by process.exit, or by what nobody caught. */
export function quellAtExit(machine: LinuxMachine, libc: Libc): void {
  if (open.size === 0) process.on('exit', quellAll);
  open.set(machine, libc);
}

export function forgetAtExit(machine: LinuxMachine): void {
  open.delete(machine);
  if (open.size === 0) process.off('exit', quellAll);
}
