/** The same work in a heap of another size: what was prepared is not prepared anew. */
import { defaultMinFree } from '../gc/options.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import type { Program } from './compare.ts';
import type { Config } from './options.ts';

/** A configuration and what its mutators run. */
interface Work {
  readonly config: Config;
  readonly program: Program;
}

/**
 * Makes the heap `bytes` large, up to whole pages. Its spaces keep their parts of it, and so do bounds of growth that
 * were not given.
 */
export function inHeap({ config, program }: Work, bytes: number): Work {
  const growth = bytes / config.heap;
  const whole = (size: number, page: number) => Math.ceil(size / page) * page;
  const heap = whole(bytes, Math.max(...config.pages));
  const [nonMovingBytes, largeBytes] = [program.nonMovingBytes, program.largeBytes].map((space) =>
    whole(space * growth, PAGE_BYTES),
  ) as [number, number];
  const minFree = config.minFree === defaultMinFree(config.heap) ? defaultMinFree(heap) : config.minFree;
  const maxFree = config.maxFree === config.heap ? heap : Math.min(config.maxFree, heap);
  return {
    config: { ...config, heap, maxFree, minFree: Math.min(minFree, maxFree) },
    program: { ...program, nonMovingBytes, largeBytes },
  };
}
