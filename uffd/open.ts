/** Opening a kernel: a new machine, or a thread's way into one that another thread opened. */
import { featureNames, UFFD_FEATURE_MINOR_SHMEM } from './abi.ts';
import type { Kernel, KernelHandle } from './kernel.ts';
import { linuxKernel, openLinuxMachine } from './linux/kernel.ts';
import type { Libc } from './linux/libc.ts';
import { attachMachine as attachLinuxMachine } from './linux/machine.ts';
import { type Missing, probeLinux } from './linux/probe.ts';
import { MAX_VIEW_BYTES } from './linux/views.ts';
import { simKernel } from './sim/kernel.ts';
import {
  attachMachine,
  createMachine,
  lackingBits,
  MAX_MEMORY_BYTES,
  NO_USERFAULTFD,
  type SimOptions,
} from './sim/machine.ts';
import { SIM_FEATURES } from './sim/register.ts';

/** This host, or this build, has no such kernel. */
export class KernelUnavailableError extends Error {
  readonly code = 'KERNEL_UNAVAILABLE';
  readonly remedy: string;
  constructor({ why, remedy }: Missing) {
    super(`the linux kernel cannot be used: ${why}; ${remedy}`);
    this.name = 'KernelUnavailableError';
    this.remedy = remedy;
  }
}

export interface KernelOptions extends SimOptions {
  /** linux: whether ranges can be placed where compiled code reaches them (Kernel.linear; default false). */
  readonly linear?: boolean;
}

/**
 * Opens a kernel for the calling thread: `'sim'` makes a machine of its own, `'linux'` uses this process's memory, a
 * handle attaches to the machine that the handle came from. Synchronous. The opener disposes of the machine; an
 * attached thread detaches.
 * @throws KernelUnavailableError if the real kernel cannot be reached, with the reason and the remedy
 * @throws RangeError for sizes that no machine can have
 */
export function openKernel(target: 'sim' | 'linux' | KernelHandle, options: KernelOptions = {}): Kernel {
  if (target === 'sim') return simKernel(createMachine(options), true);
  if (target === 'linux') return openLinuxMachine(requireLibc(), options.linear ?? false);
  if (typeof target !== 'object' || target?.machine === undefined) {
    throw new TypeError("openKernel takes 'sim', 'linux' or the handle() of an open kernel");
  }
  if (target.minorfault === 'linux') {
    const libc = requireLibc();
    return linuxKernel(libc, attachLinuxMachine(libc, target.machine, target.linear ?? null), false);
  }
  return simKernel(attachMachine(target.machine), false);
}

/** Whether there is a userfaultfd is for the caller to find out: not everything needs one. */
function requireLibc(): Libc {
  const { libc, missing } = probeLinux();
  if (libc === undefined) throw new KernelUnavailableError(missing as Missing);
  return libc;
}

/** What is needed of a kernel: features of userfaultfd (UFFD_FEATURE_*, perhaps none), or not even that it has one. */
export type Need = bigint | 'no userfaultfd';
/** What a kernel has, in the same terms. */
export type Offer = Need;

/** What the real kernel offers here; null if it cannot be reached at all. */
export function linuxOffer(): Offer | null {
  const { libc, features } = probeLinux();
  return libc === undefined ? null : (features ?? 'no userfaultfd');
}

/** What a simulated kernel offers that lacks these (SimOptions). */
export function simOffer(lacks: readonly string[] = []): Offer {
  const bits = lackingBits(lacks);
  return (bits & NO_USERFAULTFD) !== 0 ? 'no userfaultfd' : SIM_FEATURES & ~BigInt(bits);
}

/** What of a need is not offered, in a clause; null if all is. */
export function lackingOf(need: Need, offer: Offer): string | null {
  if (need === 'no userfaultfd') return null;
  if (offer === 'no userfaultfd') return 'there is no userfaultfd';
  const names = featureNames(need & ~offer);
  return names.length === 0 ? null : `userfaultfd lacks ${names.join(', ')}`;
}

/** Which kernel it shall be, and why in a clause. */
export interface KernelChoice {
  readonly kernel: 'sim' | 'linux';
  readonly why: string;
}

/**
 * What `auto` comes to: the real kernel where it has these features (UFFD_FEATURE_*), else the simulated one.
 * @throws KernelUnavailableError for `linux` where `auto` would not choose it
 */
export function chooseKernel(
  wanted: 'sim' | 'linux' | 'auto',
  need: Need = UFFD_FEATURE_MINOR_SHMEM,
): KernelChoice {
  if (wanted === 'sim') return { kernel: 'sim', why: 'as asked' };
  const missing = missingFor(need);
  if (missing === null) return { kernel: 'linux', why: whyLinux(need) };
  if (wanted === 'linux') throw new KernelUnavailableError(missing);
  return { kernel: 'sim', why: missing.why };
}

function whyLinux(need: Need): string {
  return need === 'no userfaultfd'
    ? 'it can be reached, and no userfaultfd is needed'
    : 'userfaultfd works here, with all that is needed';
}

function missingFor(need: Need): Missing | null {
  const { libc, features, missing } = probeLinux();
  if (need === 'no userfaultfd') return libc === undefined ? (missing ?? null) : null;
  if (features === undefined) return missing ?? null;
  const lacking = featureNames(need & ~features);
  if (lacking.length === 0) return null;
  if ((need & ~features & UFFD_FEATURE_MINOR_SHMEM) !== 0n && missing !== undefined) return missing;
  return {
    why: `this kernel's userfaultfd lacks ${lacking.join(', ')}`,
    remedy: 'boot a newer kernel, choose another mode, or use --kernel sim',
  };
}

export { MAX_MEMORY_BYTES, MAX_VIEW_BYTES, type SimOptions };
