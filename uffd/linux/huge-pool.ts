/** The real kernel's pool of huge pages (hugetlb, of 2 MiB), as it stands in sysfs. */
import { readFileSync } from 'node:fs';
import type { Missing } from '../unavailable.ts';

const POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB/';

/** One of the pool's figures; null where the kernel has no huge pages of that size. */
export function hugePoolFigure(name: 'nr' | 'free' | 'resv' | 'surplus' | 'nr_overcommit'): number | null {
  try {
    return Number(readFileSync(`${POOL}${name}_hugepages`, 'utf8'));
  } catch {
    return null;
  }
}

/** Huge pages that are free, and reserved for nobody. */
export function freeHugePages(): number {
  return (hugePoolFigure('free') ?? 0) - (hugePoolFigure('resv') ?? 0);
}

/** Why so many huge pages are not to be had, where `free` are, and what to do about it. */
export function tooFewHugePages(needed: number, free: number): Missing {
  const total = hugePoolFigure('nr');
  if (total === null)
    return { why: 'the kernel has no huge pages of 2 MiB', remedy: 'boot one with CONFIG_HUGETLBFS' };
  return {
    why: `${free} huge pages are free, and ${needed} are needed`,
    remedy: `as root: sysctl vm.nr_hugepages=${total + needed - free}`,
  };
}

/** Whether so many can be reserved now: null if so. What may be had beyond the pool (vm.nr_overcommit_hugepages) counts. */
export function missingHugePages(needed: number): Missing | null {
  if (needed === 0) return null;
  const beyond = (hugePoolFigure('nr_overcommit') ?? 0) - (hugePoolFigure('surplus') ?? 0);
  const free = freeHugePages() + Math.max(0, beyond);
  return free >= needed ? null : tooFewHugePages(needed, free);
}
