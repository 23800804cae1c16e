/**
 * The obvious slow model of an address space: a map from page to what it is, one entry a page, no VMAs, no page
 * table, no frames. What it says of every page the simulator must say too.
 */
import * as u from '../../dist/uffd/index.js';
import { MINOR, MISSING, P } from './machine.js';

/** What a read maps at once at most. */
const AROUND_PAGES = 16;

interface ModelPage {
  prot: number;
  /** null: private memory. */
  file: number | null;
  filePage: number;
  uffd: number | null;
  modes: number;
  /** Contents of the first word, or null: nothing mapped. Of a file page: whether it is mapped. */
  own: number | null;
}

export class Model {
  readonly pages = new Map<number, ModelPage>();
  /** File → page → first word. */
  readonly files = new Map<number, Map<number, number>>();

  range(start: number, count: number): (ModelPage | undefined)[] {
    return Array.from({ length: count }, (_, i) => this.pages.get(start + i));
  }

  map(start: number, count: number, prot: number, file: number | null, filePage: number): void {
    for (let i = 0; i < count; i++) {
      this.pages.set(start + i, { prot, file, filePage: filePage + i, uffd: null, modes: 0, own: null });
    }
  }

  unmap(start: number, count: number): void {
    for (let i = 0; i < count; i++) this.pages.delete(start + i);
  }

  /** A move to a fixed place, the old range kept or not: what it answers. What is registered moves alone, or ends the call. */
  mremap(from: number, to: number, count: number, keeps: boolean): number {
    if (!this.pages.has(from)) return -u.EFAULT;
    const [mappings, isOne] = [this.mappings(from, count), this.isOneMapping(from, count)];
    for (const [start, size] of mappings) {
      if (!isOne && this.pages.get(start)?.uffd !== null) return -u.EFAULT;
      this.move(start, to + start - from, size, keeps);
    }
    return to * P;
  }

  /** The mappings in the range: where each begins, and its pages. */
  private mappings(start: number, count: number): [start: number, count: number][] {
    const found: [number, number][] = [];
    for (let at = start; at < start + count; at++) {
      const last = found.at(-1);
      if (last !== undefined && last[0] + last[1] === at && this.isOneMapping(last[0], last[1] + 1))
        last[1]++;
      else if (this.pages.has(at)) found.push([at, 1]);
    }
    return found;
  }

  private move(from: number, to: number, count: number, keeps: boolean): void {
    const moved = this.range(from, count).map((page) => ({ ...(page as ModelPage) }));
    this.unmap(to, count);
    moved.forEach((page, i) => {
      this.pages.set(to + i, { ...page, uffd: null, modes: 0 });
      if (keeps) this.pages.set(from + i, { ...page, own: null });
      else this.pages.delete(from + i);
    });
  }

  /** UFFDIO_MOVE by userfaultfd `who`: what it answers, and the pages that changed place, holes included. */
  uffdMove(
    who: number,
    to: number,
    from: number,
    count: number,
    holes: boolean,
  ): [errno: number, done: number] {
    const [target, source] = [this.pages.get(to), this.pages.get(from)];
    if (target === undefined || source === undefined) return [u.ENOENT, 0];
    if (!this.isOneMapping(to, count) || !this.isOneMapping(from, count)) return [u.EINVAL, 0];
    if (target.file !== null || source.file !== null || target.uffd !== who) return [u.EINVAL, 0];
    if (target.prot !== source.prot || !(source.prot & u.PROT_WRITE)) return [u.EINVAL, 0];
    for (let i = 0; i < count; i++) {
      const [into, out] = [this.pages.get(to + i)!, this.pages.get(from + i)!];
      if (into.own !== null) return [u.EEXIST, i];
      if (out.own === null && !holes) return [u.ENOENT, i];
      [into.own, out.own] = [out.own, null];
    }
    return [0, count];
  }

  dontneed(start: number, count: number): void {
    for (const page of this.range(start, count)) if (page) page.own = null;
  }

  punch(file: number, filePage: number, count: number): void {
    for (let i = 0; i < count; i++) this.files.get(file)?.delete(filePage + i);
    for (const page of this.pages.values()) {
      if (page.file === file && page.filePage >= filePage && page.filePage < filePage + count)
        page.own = null;
    }
  }

  /** What an access says: the word, a signal, or the userfault it would raise. */
  access(at: number, write: boolean, filePages: number): number | string {
    const page = this.pages.get(at);
    const needs = write ? u.PROT_WRITE : u.PROT_READ | u.PROT_WRITE;
    if (page === undefined || (page.prot & needs) === 0) return 'SIGSEGV';
    if (page.own === null) {
      if (!write) this.mapAround(at, page);
      const fault = this.fault(page, filePages);
      if (fault !== null) return fault;
      this.fill(page);
    }
    return page.file === null ? (page.own as number) : this.cache(page.file).get(page.filePage)!;
  }

  /** A read in a file maps what is cached around it, unless the mapping is watched for minor faults. */
  private mapAround(at: number, page: ModelPage): void {
    if (page.file === null || page.modes & MINOR) return;
    let first = at;
    while (first % AROUND_PAGES !== 0 && this.isOneMapping(first - 1, at - first + 2)) first--;
    for (let each = first; each < first + AROUND_PAGES && this.isOneMapping(at, each - at + 1); each++) {
      const { file, filePage } = this.pages.get(each)!;
      if (this.cache(file!).has(filePage)) this.pages.get(each)!.own = 0;
    }
  }

  private fault(page: ModelPage, filePages: number): string | null {
    if (page.file === null) return page.modes & MISSING ? 'missing' : null;
    if (page.filePage >= filePages) return 'SIGBUS';
    const cached = this.cache(page.file).has(page.filePage);
    if (cached) return page.modes & MINOR ? 'minor' : null;
    return page.modes & MISSING ? 'missing' : null;
  }

  private fill(page: ModelPage): void {
    page.own = 0;
    if (page.file === null) return;
    const cache = this.cache(page.file);
    if (!cache.has(page.filePage)) cache.set(page.filePage, 0);
  }

  store(at: number, value: number): void {
    const page = this.pages.get(at)!;
    if (page.file === null) page.own = value;
    else this.cache(page.file).set(page.filePage, value);
  }

  cache(file: number): Map<number, number> {
    const cache = this.files.get(file) ?? new Map<number, number>();
    this.files.set(file, cache);
    return cache;
  }

  /** Pages whose attributes agree with the first one's, as far as a VMA goes. */
  isOneMapping(start: number, count: number): boolean {
    const pages = this.range(start, count);
    const first = pages[0];
    return pages.every(
      (page, i) =>
        page !== undefined &&
        first !== undefined &&
        page.prot === first.prot &&
        page.file === first.file &&
        page.uffd === first.uffd &&
        page.modes === first.modes &&
        (page.file === null || page.filePage === first.filePage + i),
    );
  }
}

/** Addresses of pages, for messages. */
export function pageAddress(page: number): number {
  return page * P;
}
