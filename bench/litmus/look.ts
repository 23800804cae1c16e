/**
 * What there is on a kernel after a step, as a string: each page of the area that is there or marked, with a hash of
 * what it holds; each file's pages that are not zero; and how many faults each userfaultfd has. Of huge pages a few 4 KiB are
 * looked at (SAMPLES), and whether all of it is there. Looking changes nothing: only pages that are there are read, by a
 * system call.
 */
import * as u from '../../uffd/index.ts';
import type { Names } from './perform.ts';
import { AREA_PAGES, HUGE, HUGE_ROOM } from './program.ts';
import type { Running } from './running.ts';

/** Pages of a file that are looked at. */
const FILE_PAGES = 16;
const P = u.PAGE_BYTES;

export const SCRATCH_BYTES = FILE_PAGES * u.PAGE_BYTES;

/** Memory and a file of who looks: shared, so that a forked process writes there too. */
export interface ScratchPlace {
  readonly fd: number;
  /** Address of {@link SCRATCH_BYTES} bytes. */
  readonly address: number;
}

export interface Scratch extends ScratchPlace {
  /** The same pages. The first one is the file's. */
  readonly view: u.PageView;
}

export function openScratch(kernel: u.Kernel): Scratch {
  const fd = kernel.memfd_create('scratch', 0);
  kernel.ftruncate(fd, FILE_PAGES * P);
  const address = kernel.mmap(0, FILE_PAGES * P, u.PROT_READ | u.PROT_WRITE, u.MAP_SHARED, fd, 0);
  const view = kernel.pageView(address, FILE_PAGES * P);
  for (let page = 0; page < FILE_PAGES; page++) view.writable(page);
  return { fd, address, view };
}

export function look(
  kernel: u.Kernel,
  scratch: Scratch,
  names: Names,
  { marks, huge }: Pick<Running, 'marks' | 'huge'>,
): string {
  const area = areaState(kernel, scratch, names.base);
  const hugeArea = huge ? [hugeAreaState(kernel, scratch, names.base, marks)] : [];
  const files = Object.entries(names.files).map(([name, fd]) => {
    const stateOf = names.hugeFiles[name] ? hugeFileState : fileState;
    return `${name}:${stateOf(kernel, scratch, fd)}`;
  });
  const uffds = Object.entries(names.uffds).map(([name, fd]) => `${name}:${uffdState(kernel, fd)}`);
  return [area, ...hugeArea, ...files, ...uffds].join(' | ');
}

/** Each page of the area that is there or marked. */
export function areaState(kernel: u.Kernel, scratch: Scratch, base: number): string {
  const states: string[] = [];
  for (const [page, state] of kernel.pagemaps(base, AREA_PAGES).entries())
    states.push(...pageState(kernel, scratch, base, page, state));
  return states.join(' ');
}

/** Nothing of a page that is neither there nor marked. */
function pageState(
  kernel: u.Kernel,
  scratch: Scratch,
  base: number,
  page: number,
  { present, writeProtected, file }: u.PageState,
): string[] {
  if (!present && !writeProtected) return [];
  const held = present ? `=${contents(kernel, scratch, base + page * P)}` : '';
  return [`${page}${file ? 'f' : ''}${writeProtected ? 'w' : ''}${held}`];
}

/** What is looked at of a huge page, and of its file's. */
const SAMPLES = [0, 1, HUGE - 1];
/** Of a huge page's room in which small ones are, the first so many. */
const MOST_SMALL = 8;

function hugeAreaState(kernel: u.Kernel, scratch: Scratch, base: number, marks: boolean): string {
  const there = kernel.presence(base + HUGE * P, HUGE_ROOM * HUGE);
  const states: string[] = [];
  for (let i = 0; i < HUGE_ROOM; i++) {
    const present = presentOf(there.subarray(i * HUGE, (i + 1) * HUGE));
    const isWhole = present.length === HUGE || (present.length === 0 && marks);
    const within = isWhole ? SAMPLES : present.slice(0, MOST_SMALL);
    const found = within
      .map((page) => (i + 1) * HUGE + page)
      .flatMap((page) => pageState(kernel, scratch, base, page, kernel.pagemap(base + page * P)));
    if (found.length > 0) states.push(`[${present.length}: ${found.join(' ')}]`);
  }
  return states.join(' ');
}

function presentOf(there: Uint8Array): number[] {
  const present: number[] = [];
  for (let page = there.indexOf(1); page >= 0; page = there.indexOf(1, page + 1)) present.push(page);
  return present;
}

function hugeFileState(kernel: u.Kernel, scratch: Scratch, fd: number): string {
  const states: string[] = [];
  for (let i = 0; i < HUGE_ROOM; i++) {
    const found = SAMPLES.map((page) => {
      const read = kernel.pread(fd, scratch.address, P, i * u.HUGE_PAGE_BYTES + page * P);
      return read < 0 ? u.errnoName(read) : `${read === P ? '' : `${read}:`}${hashOf(scratch, 0, read)}`;
    });
    states.push(found.join(','));
  }
  return states.join(' ');
}

/** What a page that is there holds, for all but its permissions. */
function contents(kernel: u.Kernel, scratch: Scratch, address: number): string {
  const copied = kernel.pwrite(scratch.fd, address, P, 0);
  return copied === P ? hashOf(scratch, 0) : u.errnoName(copied);
}

function fileState(kernel: u.Kernel, scratch: Scratch, fd: number): string {
  const read = kernel.pread(fd, scratch.address, FILE_PAGES * P, 0);
  if (read < 0) return u.errnoName(read);
  const states: string[] = [];
  for (let page = 0; page * P < read; page++) {
    const hash = hashOf(scratch, page, Math.min(P, read - page * P));
    if (hash !== '0') states.push(`${page}=${hash}`);
  }
  return `${read / P}(${states.join(' ')})`;
}

/** A page's hash: 0 if all of it is zero. */
function hashOf({ view }: Scratch, page: number, bytes = P): string {
  const at = view.readable(page);
  let hash = 0;
  for (let i = 0; i < bytes / 4; i++) hash = (Math.imul(hash, 31) + (view.words[at + i] as number)) | 0;
  return (hash >>> 0).toString(16);
}

function uffdState(kernel: u.Kernel, fd: number): string {
  const info = kernel.fdinfo(fd);
  return typeof info === 'number' ? u.errnoName(info) : `${info.pending}/${info.total}`;
}
