/** `costs`: every operation has a row for every batch, ratios and sums are those of the rows, and no thread is left. */
import '../threads/worker-watch.ts';
import Value from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { measureCosts } from '../../dist/bench/costs/costs.js';
import { OPERATIONS } from '../../dist/bench/costs/operations.js';
import { type CostRow, type Costs, type CostsConfig, CostsSchema } from '../../dist/bench/costs/schema.js';
import { WHOLE_PAGES } from '../../dist/bench/costs/whole-pages.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { allowedCpus } from '../../dist/uffd/linux/scheduling.js';
import { workersLeft } from '../threads/worker-watch.ts';

const SMALL = { batches: [1, 4, 16], rounds: 3, seed: 7, pages: 64, faults: 8 };
const probe = probeLinux();
const { missing } = probe;
const features = probe.libc === undefined ? 0n : (probe.features ?? 0n);
if (missing) console.warn(`SKIPPED: costs on linux: ${missing.why}`);

function measure(config: CostsConfig): Promise<Costs> {
  return measureCosts(config, { signal: new AbortController().signal, onStep() {}, onKernel() {} });
}

type Named = Pick<CostRow, 'operation' | 'memory' | 'destination' | 'variant'>;
const nameOf = ({ operation, memory, destination, variant }: Named) =>
  [operation, memory, destination, variant].join(' ');

function rowOf(costs: Costs, of: Named & { kernel: string; batch: number }): CostRow {
  const found = costs.rows.filter(
    (row) => row.kernel === of.kernel && row.batch === of.batch && nameOf(row) === nameOf(of),
  );
  expect(found, `${of.kernel} ${nameOf(of)} ${of.batch}`).toHaveLength(1);
  return found[0] as CostRow;
}

function offered(kernel: string) {
  return ({ features: needed }: { features: bigint }) => kernel === 'sim' || (needed & ~features) === 0n;
}

const RUNS = [
  { kernels: ['sim'] as const, why: null },
  { kernels: ['linux', 'sim'] as const, why: missing?.why ?? null },
];
for (const { kernels, why } of RUNS) {
  describe.skipIf(why !== null)(`${kernels.join(' and ')}${why === null ? '' : ` (${why})`}`, async () => {
    if (why !== null) return;
    const costs = await measure({ ...SMALL, kernels: [...kernels] });
    const left = workersLeft();

    it('is what the schema says', () => {
      expect([...Value.Errors(CostsSchema, costs)]).toEqual([]);
    });

    it('has a row for each operation and batch, and none besides', () => {
      for (const kernel of kernels) {
        const operations = OPERATIONS.filter(offered(kernel));
        for (const operation of operations) {
          for (const batch of SMALL.batches) rowOf(costs, { ...operation, kernel, batch });
        }
        const rows = costs.rows.filter((row) => row.kernel === kernel);
        expect(rows).toHaveLength(operations.length * SMALL.batches.length);
      }
    });

    it('has intervals around the medians', () => {
      for (const { nsPerPage } of [...costs.rows, ...costs.wholePages]) {
        expect(nsPerPage.low95).toBeLessThanOrEqual(nsPerPage.median);
        expect(nsPerPage.high95).toBeGreaterThanOrEqual(nsPerPage.median);
      }
    });

    it('has ratios to memcpy and to COPY of the same kernel, memory and batch', () => {
      for (const row of costs.rows) {
        const { kernel, batch } = row;
        const plain = { kernel, batch, variant: null };
        const memcpy = rowOf(costs, {
          ...plain,
          operation: 'memcpy',
          memory: 'anon',
          destination: 'recycled',
        });
        expect(row.overMemcpy).toBeCloseTo(row.nsPerPage.median / memcpy.nsPerPage.median, 9);
        const memory = row.memory ?? 'anon';
        const copy = rowOf(costs, { ...plain, operation: 'UFFDIO_COPY', memory, destination: 'fresh' });
        expect(row.overCopy).toBeCloseTo(row.nsPerPage.median / copy.nsPerPage.median, 9);
      }
    });

    it('has each whole page made up of rows, each in its own term, and their sum', () => {
      const expected = kernels.flatMap((kernel) =>
        WHOLE_PAGES.filter(offered(kernel)).flatMap((whole) =>
          SMALL.batches.map((batch) => ({ kernel, batch, whole })),
        ),
      );
      expect(costs.wholePages.map((page) => `${page.kernel} ${nameOf(page)} ${page.batch}`)).toEqual(
        expected.map(({ kernel, whole, batch }) => `${kernel} ${nameOf(whole)} ${batch}`),
      );
      for (const [i, { kernel, batch, whole }] of expected.entries()) {
        const page = costs.wholePages[i];
        let sum = 0;
        for (const term of ['populate', 'fill', 'publish', 'free'] as const) {
          const of = whole.terms[term];
          if (of === null) {
            expect(page?.terms[term]).toBeNull();
            continue;
          }
          const row = rowOf(costs, { ...of, kernel, batch });
          expect(row.term).toBe(term);
          expect(page?.terms[term]).toBe(row.nsPerPage.median);
          sum += row.nsPerPage.median;
        }
        expect(page?.sum).toBeCloseTo(sum, 6);
      }
    });

    it('has a round trip for each operation, placement and way of waiting', () => {
      const cpus = allowedCpus();
      const places = cpus === null ? ['unpinned'] : ['same-core', 'other-core'].slice(0, cpus.length);
      const operations = ['UFFDIO_CONTINUE', 'UFFDIO_COPY', 'UFFDIO_ZEROPAGE', 'UFFDIO_MOVE'];
      const expected = kernels.flatMap((kernel) =>
        places.flatMap((place) =>
          ['read', 'poll'].flatMap((wait) => operations.map((name) => `${kernel} ${place} ${wait} ${name}`)),
        ),
      );
      expect(
        costs.roundTrips.map((trip) => `${trip.kernel} ${trip.placement} ${trip.wait} ${trip.operation}`),
      ).toEqual(expected);
      for (const { faults, p50Us, p90Us, p99Us, maxUs } of costs.roundTrips) {
        expect(faults).toBe(SMALL.rounds * SMALL.faults);
        expect([p50Us, p90Us, p99Us, maxUs]).toEqual([p50Us, p90Us, p99Us, maxUs].sort((a, b) => a - b));
      }
    });

    it('sim lacks nothing of it', () => {
      expect(costs.missing.filter((line) => line.startsWith('sim'))).toEqual([]);
    });

    it('leaves no thread', () => expect(left).toBe(0));
  });
}
