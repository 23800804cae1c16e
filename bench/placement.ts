/** Where threads run, `--pin mutators=0,collectors=1,faults=0`, and which make no other wait, `--v8-threads batch`. */
import { allowedCpus, batchRuntimeThreads, canBatch } from '../uffd/linux/scheduling.ts';
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

export const V8_THREADS = ['batch', 'normal'] as const;
export type V8Threads = (typeof V8_THREADS)[number];

/**
 * Whether V8's own threads may take the processor from ours when they wake. The flip of a collection can have V8 compile
 * a function anew; its compiler then wakes on the collector's processor, and the pause was up to 4 ms longer for it.
 * @throws UsageError for a policy that there is not
 * @throws HostError for `batch` where it cannot be
 */
export function parseV8Threads(text: string | undefined): V8Threads {
  if (text === undefined) return canBatch() ? 'batch' : 'normal';
  const policy = V8_THREADS.find((known) => known === text);
  if (policy === undefined) {
    throw new UsageError(
      `--v8-threads ${text}: must be ${V8_THREADS.join(' or ')}${suggestion(text, V8_THREADS)}`,
    );
  }
  if (policy === 'batch' && !canBatch()) {
    throw new HostError(
      '--v8-threads batch: needs Linux, the FFI package koffi, and a process of the usual policy; leave it out',
    );
  }
  return policy;
}

/** Does what was asked for, in this process and for good: before any worker has been started. */
export function placeV8Threads(policy: V8Threads): void {
  if (policy === 'batch') batchRuntimeThreads();
}
