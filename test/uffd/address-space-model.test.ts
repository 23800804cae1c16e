/**
 * Random sequences of calls on a small machine, beside an obvious model: after every call each page answers as the
 * model says, and the table of VMAs is sorted, disjoint and merged; at the end no frame is lost.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { vmasIn } from '../../dist/uffd/sim/vmas.js';
import { FIRST, moved, PAGES, step, World } from './address-space-steps.js';
import { P } from './machine.js';

function checkTable({ machine, leftBehind }: World): void {
  const vmas = vmasIn(machine, 0, machine.addressPages);
  vmas.forEach((vma, i) => {
    expect(vma.start).toBeLessThan(vma.end);
    const next = vmas[i + 1];
    if (next === undefined || leftBehind.has(vma.end)) return;
    expect(vma.end).toBeLessThanOrEqual(next.start);
    const { start, end, filePage, owner, ...left } = vma;
    const { start: _, end: __, filePage: nextPage, owner: nextOwner, ...right } = next;
    const isOwners = owner === nextOwner || owner === 0 || nextOwner === 0;
    const continues = isOwners && filePage + end - start === nextPage;
    const merged = end !== next.start || !continues || JSON.stringify(left) !== JSON.stringify(right);
    expect(merged, `VMAs ${start}…${end} and ${next.start}…${next.end} are one`).toBe(true);
  });
}

function checkPages({ k, model, machine }: World): void {
  const vmas = vmasIn(machine, 0, machine.addressPages);
  const [found, wanted]: string[][] = [[], []];
  for (let at = FIRST; at < FIRST + PAGES + 5; at++) {
    const vma = vmas.find(({ start, end }) => start <= at && at < end);
    const page = model.pages.get(at);
    found!.push(state(at, vma, k.pagemap(at * P).present));
    wanted!.push(state(at, page, page !== undefined && page.own !== null));
  }
  expect(found!.join('; ')).toBe(wanted!.join('; '));
}

function state(at: number, mapping: { prot: number; modes: number } | undefined, present: boolean): string {
  return `${at}: ${mapping?.prot} ${mapping?.modes} ${present}`;
}

function tearDown(w: World): void {
  const { k, model, files, uffds } = w;
  k.munmap(0, 64 * P);
  k.close(w.scratch);
  const cached = [0, 1].reduce((sum, f) => sum + model.cache(f).size, 0);
  expect(k.memory().bytes).toBe(cached * P);
  for (const fd of files) k.close(fd);
  expect(k.memory().bytes).toBe(0);
  for (const { fd } of uffds) expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0 });
  expect(vmasIn(w.machine, 0, 64)).toEqual([]);
  // No frame is lost: all of memory can be had at once.
  k.mmap(0, 64 * P, 3, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0);
  for (let i = 0; i < 64; i++) k.store32(i * P, i + 1);
  for (let i = 0; i < 64; i++) expect(k.load32(i * P)).toBe(i + 1);
  k.dispose();
}

it('every page answers as in the model, the VMAs are in order, and no frame is lost', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const w = new World();
      try {
        for (const [name, run] of steps) {
          try {
            run(w);
            checkTable(w);
            checkPages(w);
          } catch (error) {
            throw new Error(
              `${name}: ${(error as Error).message}\nafter ${steps.map(([s]) => s).join('; ')}`,
            );
          }
        }
        tearDown(w);
      } finally {
        w.k.dispose();
      }
    }),
    { numRuns: 500 },
  );
  expect(moved).toBeGreaterThan(20);
});
