/** Where threads run: `--pin mutators=0,collectors=1,faults=0`. */
import { allowedCpus } from '../uffd/linux/affinity.ts';
import { HostError, UsageError } from './errors.ts';
import { suggestion } from './suggest.ts';

export const ROLES = ['mutators', 'collectors', 'faults'] as const;
export type Role = (typeof ROLES)[number];
/** The processor of each role's threads; a role that is not named runs where the scheduler likes. */
export type Placement = { readonly [role in Role]?: number };

/**
 * @throws UsageError for a role or processor that there is not
 * @throws HostError where threads cannot be placed at all
 */
export function parsePlacement(text: string): Placement {
  const placement: { [role in Role]?: number } = {};
  const cpus = allowedCpus();
  if (cpus === null) {
    throw new HostError(
      `--pin ${text}: threads can be placed on Linux, with the FFI package koffi; leave --pin out`,
    );
  }
  for (const part of text.split(',')) {
    const [, name = '', cpu] = /^([^=]*)=(\d+)$/.exec(part.trim()) ?? [];
    if (cpu === undefined) {
      throw new UsageError(`--pin ${text}: must be role=cpu, as mutators=0,collectors=1,faults=0`);
    }
    const role = ROLES.find((known) => known === name);
    if (role === undefined) {
      throw new UsageError(
        `--pin ${text}: no such role${suggestion(name, ROLES)}; the roles are ${ROLES.join(', ')}`,
      );
    }
    if (placement[role] !== undefined) throw new UsageError(`--pin ${text}: ${role} is placed twice`);
    if (!cpus.includes(Number(cpu))) {
      throw new UsageError(`--pin ${text}: this process may run on CPU ${cpus.join(', ')}, not on ${cpu}`);
    }
    placement[role] = Number(cpu);
  }
  return placement;
}
