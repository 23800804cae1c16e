/**
 * The real kernel's pool of huge pages, as a program finds it: as many free as the simulated machine has, so that both run out
 * at once. What is free beyond is reserved here, and one process of ours at a time may do so.
 */
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import * as u from '../../uffd/index.ts';
import { freeHugePages, hugePoolFigure, tooFewHugePages } from '../../uffd/linux/huge-pool.ts';
import { HUGE_POOL } from './program.ts';

const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;

/** Readies the pool, up to the end of this process. null, or why it cannot be had and what to do about it. */
export async function claimHugePool(kernel: u.Kernel): Promise<string | null> {
  const free = freeHugePages();
  if (free < HUGE_POOL) return tooFew(free);
  if ((hugePoolFigure('nr_overcommit') ?? 0) > 0)
    return 'huge pages are overcommitted: sysctl vm.nr_overcommit_hugepages=0';
  if (!(await isAlone()))
    return 'another process of minorfault has the huge pages: run it again when that has ended';
  return reserveBut(kernel, HUGE_POOL);
}

function tooFew(free: number): string {
  const { why, remedy } = tooFewHugePages(HUGE_POOL, free);
  return `${why}; ${remedy}`;
}

/** Waits until nobody else holds the name, which ends with the process that does. */
async function isAlone(): Promise<boolean> {
  const until = performance.now() + PATIENCE_MS;
  while (!(await holdName())) {
    if (performance.now() > until) return false;
    await setTimeout(PAUSE_MS);
  }
  return true;
}

/** An abstract socket, unix(7): of one process at a time. */
function holdName(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen('\0minorfault-huge-pages', () => resolve(true));
    server.unref();
  });
}

/** Reserves what is free but for so many pages. */
function reserveBut(kernel: u.Kernel, pages: number): string | null {
  const free = freeHugePages();
  if (free < pages) return tooFew(free);
  if (free === pages) return null;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB | u.MAP_HUGE_2MB;
  const held = kernel.mmap(0, (free - pages) * u.HUGE_PAGE_BYTES, u.PROT_NONE, flags, -1, 0);
  return held < 0 ? `the huge pages beyond ${pages} cannot be reserved: ${u.errnoName(held)}` : null;
}
