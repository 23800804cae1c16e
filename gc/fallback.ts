/**
 * What a mode falls back to where the kernel lacks what it needs, if the caller has asked for that: to `copy`, which needs
 * a userfaultfd and no feature of it, and MREMAP_DONTUNMAP; without these to `stw` (ART's fallbacks, art-cmc.md, 5). What is measured is then
 * another mode than was asked for: so nothing falls back unasked, and what has says so.
 */

import { PAGE_BYTES } from '../uffd/kernel.ts';
import {
  chooseKernel,
  type KernelChoice,
  lackingOf,
  linuxOffer,
  NEEDS_DONTUNMAP,
  type Need,
  requireSim,
  type SimKind,
  simOffer,
} from '../uffd/open.ts';
import { modeNamed } from './modes/index.ts';
import type { MappingMode } from './modes/mode.ts';

/** A mode that runs in the place of another, and why. */
export interface FellBack {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** Sizes of pages where nothing is said. */
const SMALL = [PAGE_BYTES];

/** What a mode that pages are watched in needs of userfaultfd, on pages of these sizes. The mode must have been loaded. */
export function needOf(mode: string, pages: readonly number[] = SMALL): Need {
  return needOfThese(pages.map((page) => modeNamed(mode, page)));
}

/** What several modes need, all told. */
export function needOfAll(modes: readonly string[], pages: readonly number[] = SMALL): Need {
  return needOfThese(modes.flatMap((mode) => pages.map((page) => modeNamed(mode, page))));
}

function needOfThese(modes: readonly MappingMode[]): Need {
  const features = modes
    .filter(({ concurrent }) => concurrent)
    .map(({ features: needed, movesPages }) => needed | (movesPages ? NEEDS_DONTUNMAP : 0n));
  return features.length === 0 ? 'no userfaultfd' : features.reduce((all, need) => all | need, 0n);
}

/** What the choice of kernel and modes rests on. */
export interface Wanted extends SimKind {
  readonly kernel: 'sim' | 'linux' | 'auto';
  readonly modes: readonly string[];
  /** Whether modes may fall back. */
  readonly fallback: boolean;
  /** The sizes of pages that they shall run on, and of the heap: what huge pages that takes. */
  readonly pages?: readonly number[];
  readonly heapBytes?: number;
}

/** The kernel, the modes that run on it, each once, and which of them are in the place of others. */
export interface Settled extends KernelChoice {
  readonly modes: readonly string[];
  readonly fellBack: readonly FellBack[];
}

/**
 * Settles on a kernel and on modes that it can run. Where modes may fall back, `auto` is the real kernel if it can be
 * reached at all; where a release or an architecture is asked for, it is the simulated one.
 * @throws KernelUnavailableError for `linux` where it cannot be, or lacks what is needed and nothing may fall back; or
 * for a release that does
 * @throws RangeError for a release or an architecture that there is not, or of the real kernel
 */
export function settle(wanted: Wanted): Settled {
  const { modes, fallback, pages } = wanted;
  const choice = choose(wanted);
  const offer = choice.kernel === 'sim' ? simOffer(wanted) : linuxOffer();
  if (isSpecific(wanted) && !fallback)
    for (const mode of modes) requireSim(needOf(mode, pages), wanted, `mode ${mode}`);
  const fellBack: FellBack[] = [];
  const runnable = modes.map((from) => {
    const why = offer === null ? null : lackingOf(needOf(from, pages), offer);
    if (!fallback || why === null) return from;
    const to = offer !== null && lackingOf(needOf('copy', pages), offer) === null ? 'copy' : 'stw';
    fellBack.push({ from, to, why });
    return to;
  });
  return { ...choice, modes: [...new Set(runnable)], fellBack };
}

/** Whether it says which simulated kernel. */
function isSpecific({ linux, bits, arch }: SimKind): boolean {
  return linux !== undefined || bits !== undefined || arch !== undefined;
}

function choose(wanted: Wanted): KernelChoice {
  if (!isSpecific(wanted))
    return chooseKernel(
      wanted.kernel,
      wanted.fallback ? 'no userfaultfd' : needOfAll(wanted.modes, wanted.pages),
      poolFor(wanted),
    );
  if (wanted.kernel === 'linux')
    throw new RangeError('linux, bits, arch: they are of the simulated kernel; use the kernel sim');
  return { kernel: 'sim', why: 'a release or an architecture was asked for' };
}

/** Huge pages that the largest of the heaps takes: they are opened one after the other. */
function poolFor({ modes, pages = SMALL, heapBytes = 0 }: Wanted): number {
  const each = modes.flatMap((mode) =>
    pages.map((page) => modeNamed(mode, page).poolPages?.(heapBytes) ?? 0),
  );
  return Math.max(0, ...each);
}

/** One line for people. */
export function describeFallback({ from, to, why }: FellBack): string {
  return `mode ${from} falls back to ${to}, since ${why}`;
}
