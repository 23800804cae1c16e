/**
 * What a mode falls back to where the kernel lacks what it needs, if the caller has asked for that: to `copy`, which needs
 * a userfaultfd and no feature of it; without one to `stw` (ART's fallbacks, art-cmc.md, 5). What is measured is then
 * another mode than was asked for: so nothing falls back unasked, and what has says so.
 */
import { chooseKernel, type KernelChoice, lackingOf, linuxOffer, type Need, simOffer } from '../uffd/open.ts';
import { modeNamed } from './modes/index.ts';

/** A mode that runs in the place of another, and why. */
export interface FellBack {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** What a mode that pages are watched in needs of userfaultfd. The mode must have been loaded. */
export function needOf(mode: string): Need {
  const { concurrent, features } = modeNamed(mode);
  return concurrent ? features : 'no userfaultfd';
}

/** What several modes need, all told. */
export function needOfAll(modes: readonly string[]): Need {
  const features = modes.map(needOf).filter((need) => need !== 'no userfaultfd');
  return features.length === 0 ? 'no userfaultfd' : features.reduce((all, need) => all | need, 0n);
}

/** What the choice of kernel and modes rests on. */
export interface Wanted {
  readonly kernel: 'sim' | 'linux' | 'auto';
  readonly modes: readonly string[];
  /** Whether modes may fall back. */
  readonly fallback: boolean;
  /** What the simulated kernel lacks. */
  readonly lacks?: readonly string[];
}

/** The kernel, the modes that run on it, each once, and which of them are in the place of others. */
export interface Settled extends KernelChoice {
  readonly modes: readonly string[];
  readonly fellBack: readonly FellBack[];
}

/**
 * Settles on a kernel and on modes that it can run. Where modes may fall back, `auto` is the real kernel if it can be
 * reached at all.
 * @throws KernelUnavailableError for `linux` where it cannot be, or lacks what is needed and nothing may fall back
 */
export function settle({ kernel: wanted, modes, fallback, lacks }: Wanted): Settled {
  const choice = chooseKernel(wanted, fallback ? 'no userfaultfd' : needOfAll(modes));
  const offer = choice.kernel === 'sim' ? simOffer(lacks) : linuxOffer();
  const fellBack: FellBack[] = [];
  const runnable = modes.map((from) => {
    const why = offer === null ? null : lackingOf(needOf(from), offer);
    if (!fallback || why === null) return from;
    const to = offer === 'no userfaultfd' ? 'stw' : 'copy';
    fellBack.push({ from, to, why });
    return to;
  });
  return { ...choice, modes: [...new Set(runnable)], fellBack };
}

/** One line for people. */
export function describeFallback({ from, to, why }: FellBack): string {
  return `mode ${from} falls back to ${to}, since ${why}`;
}
