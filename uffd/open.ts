/** Opening a kernel: a new machine, or a thread's way into one that another thread opened. */
import { featureNames } from './abi.ts';
import type { Kernel, KernelHandle } from './kernel.ts';
import { linuxKernel, openLinuxMachine } from './linux/kernel.ts';
import type { Libc } from './linux/libc.ts';
import { attachMachine as attachLinuxMachine } from './linux/machine.ts';
import { type Missing, probeLinux } from './linux/probe.ts';
import { MAX_VIEW_BYTES } from './linux/views.ts';
import { simKernel } from './sim/kernel.ts';
import { attachMachine, createMachine, MAX_MEMORY_BYTES, type SimOptions } from './sim/machine.ts';

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
 * @throws KernelUnavailableError if the real kernel is not to be had, with the reason and the remedy
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

function requireLibc(): Libc {
  const { libc, missing } = probeLinux();
  if (libc === undefined) throw new KernelUnavailableError(missing);
  return libc;
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
export function chooseKernel(wanted: 'sim' | 'linux' | 'auto', features = 0n): KernelChoice {
  if (wanted === 'sim') return { kernel: 'sim', why: 'as asked' };
  const missing = missingFor(features);
  if (missing === null) return { kernel: 'linux', why: 'userfaultfd works here, with all that is needed' };
  if (wanted === 'linux') throw new KernelUnavailableError(missing);
  return { kernel: 'sim', why: missing.why };
}

function missingFor(features: bigint): Missing | null {
  const probe = probeLinux();
  if (probe.libc === undefined) return probe.missing;
  const lacking = featureNames(features & ~probe.features);
  if (lacking.length === 0) return null;
  return {
    why: `this kernel's userfaultfd lacks ${lacking.join(', ')}`,
    remedy: 'boot a newer kernel, choose another mode, or use --kernel sim',
  };
}

export { MAX_MEMORY_BYTES, MAX_VIEW_BYTES, type SimOptions };
