/** Numbers of pages, in whole units: the pages that are published, and given back, together (modes/mode.ts). */

/** The lowest multiple of `unit`, a power of two, that is not below `pages`. */
export function roundUpTo(pages: number, unit: number): number {
  return (pages + unit - 1) & -unit;
}

export function roundDownTo(pages: number, unit: number): number {
  return pages & -unit;
}
