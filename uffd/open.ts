/** Opening a kernel: a new machine, or a thread's way into one that another thread opened. */
import { featureNames, UFFD_FEATURE_MINOR_SHMEM } from './abi.ts';
import type { Kernel, KernelHandle, OpenHandle } from './kernel.ts';
import { attachLinux, requireLibc } from './linux/attach.ts';
import { missingHugePages } from './linux/huge-pool.ts';
import { openLinuxMachine } from './linux/kernel.ts';
import { probeLinux } from './linux/probe.ts';
import { MAX_VIEW_BYTES } from './linux/views.ts';
import { attachSim, simKernel } from './sim/kernel.ts';
import {
  createMachine,
  lackingBits,
  MAX_MEMORY_BYTES,
  MAX_NARROW_BYTES,
  NO_USERFAULTFD,
  type SimOptions,
} from './sim/machine.ts';
import {
  ARCHITECTURE_NAMES,
  describeProfile,
  firstWith,
  LINUX_KNOWN,
  LINUX_NAMES,
  type ProfileOptions,
  profileOf,
} from './sim/profile.ts';
import { SIM_FEATURES } from './sim/register.ts';
import { KernelUnavailableError, type Missing } from './unavailable.ts';

export { KernelUnavailableError };

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
  const handle = target as OpenHandle;
  return handle.minorfault === 'linux' ? attachLinux(handle) : attachSim(handle);
}

/**
 * What is needed of a kernel: features of userfaultfd (UFFD_FEATURE_*, perhaps none, and NEEDS_DONTUNMAP beside them), or
 * not even that it has one.
 */
export type Need = bigint | 'no userfaultfd';
/** What a kernel has, in the same terms. */
export type Offer = Need;

/** In a need and in an offer, beside UFFD_FEATURE_*: mremap has MREMAP_DONTUNMAP (Linux 5.7). */
export const NEEDS_DONTUNMAP = 1n << 62n;

/** What the real kernel offers here; null if it cannot be reached at all. Its mremap is not looked at. */
export function linuxOffer(): Offer | null {
  const { libc, features } = probeLinux();
  if (libc === undefined) return null;
  return features === undefined ? 'no userfaultfd' : features | NEEDS_DONTUNMAP;
}

/** Which simulated kernel: of what SimOptions say, that which programs can tell. */
export type SimKind = ProfileOptions & Pick<SimOptions, 'lacks'>;

/** What a simulated kernel offers. @throws RangeError for what there is not */
export function simOffer(kind: SimKind = {}): Offer {
  const bits = lackingBits(kind.lacks ?? []);
  const { features, has } = profileOf(kind);
  if ((bits & NO_USERFAULTFD) !== 0) return 'no userfaultfd';
  return (SIM_FEATURES & features & ~BigInt(bits)) | (has.dontUnmap ? NEEDS_DONTUNMAP : 0n);
}

/** What of a need is not offered, in a clause; null if all is. */
export function lackingOf(need: Need, offer: Offer): string | null {
  if (need === 'no userfaultfd') return null;
  if (offer === 'no userfaultfd') return 'there is no userfaultfd';
  const names = featureNames(need & ~offer & ~NEEDS_DONTUNMAP);
  const lacking = [
    ...(names.length === 0 ? [] : [`userfaultfd lacks ${names.join(', ')}`]),
    ...((need & ~offer & NEEDS_DONTUNMAP) === 0n ? [] : ['mremap lacks MREMAP_DONTUNMAP']),
  ];
  return lacking.length === 0 ? null : lacking.join(' and ');
}

/**
 * Makes sure that a simulated kernel has what is needed.
 * @param forWhat who needs it, as `mode continue`
 * @throws KernelUnavailableError which names the release that would have it
 * @throws RangeError for a kernel that there is not
 */
export function requireSim(need: Need, kind: SimKind, forWhat: string): void {
  const offer = simOffer(kind);
  const lacking = lackingOf(need, offer);
  if (lacking === null || need === 'no userfaultfd') return;
  const profile = profileOf(kind);
  const changes = (need & NEEDS_DONTUNMAP) === 0n ? [] : (['dontUnmap'] as const);
  const mayHelp = offer !== 'no userfaultfd' && (need & BigInt(lackingBits(kind.lacks ?? []))) === 0n;
  const first = mayHelp ? firstWith(need & ~NEEDS_DONTUNMAP, changes, profile) : null;
  const why = `in ${describeProfile(profile)} ${lacking}, which ${forWhat} needs`;
  const newer = first === null ? '' : `--linux ${first} or later, `;
  throw new KernelUnavailableError({ why, remedy: `use ${newer}another mode, or --fallback` }, 'simulated');
}

/** Which kernel it shall be, and why in a clause. */
export interface KernelChoice {
  readonly kernel: 'sim' | 'linux';
  readonly why: string;
}

/**
 * What `auto` comes to: the real kernel where it has these features (UFFD_FEATURE_*), and so many huge pages that are free,
 * else the simulated one.
 * @throws KernelUnavailableError for `linux` where `auto` would not choose it
 */
export function chooseKernel(
  wanted: 'sim' | 'linux' | 'auto',
  need: Need = UFFD_FEATURE_MINOR_SHMEM,
  hugePages = 0,
): KernelChoice {
  if (wanted === 'sim') return { kernel: 'sim', why: 'as asked' };
  const missing = missingFor(need) ?? missingHugePages(hugePages);
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
  const lacking = featureNames(need & ~features & ~NEEDS_DONTUNMAP);
  if (lacking.length === 0) return null;
  if ((need & ~features & UFFD_FEATURE_MINOR_SHMEM) !== 0n && missing !== undefined) return missing;
  return {
    why: `this kernel's userfaultfd lacks ${lacking.join(', ')}`,
    remedy: 'boot a newer kernel, choose another mode, or use --kernel sim',
  };
}

export {
  ARCHITECTURE_NAMES,
  LINUX_KNOWN,
  LINUX_NAMES,
  MAX_MEMORY_BYTES,
  MAX_NARROW_BYTES,
  MAX_VIEW_BYTES,
  type ProfileOptions,
  type SimOptions,
};
