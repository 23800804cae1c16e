/** From the samples of each kernel to the rows of the result. */
import { featureNames } from '../../uffd/abi.ts';
import { describeHost } from '../host.ts';
import { seededRandom } from '../metrics/random.ts';
import { estimate } from './estimate.ts';
import { measureInRounds, type SamplesByBatch } from './measure.ts';
import type { Identity, Operation } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { measureRoundTrips } from './round-trips.ts';
import type { CostRow, Costs, CostsConfig, KernelName, Term, WholePage } from './schema.ts';
import { openStage } from './stage.ts';
import { WHOLE_PAGES, type WholeOperation } from './whole-pages.ts';

export interface CostsSurroundings {
  readonly signal: AbortSignal;
  /** What is being done, as it begins. */
  readonly onStep: (what: string) => void;
  /** A line that tells of a kernel that is done. */
  readonly onKernel: (line: string) => void;
}

/** What one kernel gives. */
type KernelCosts = Pick<Costs, 'rows' | 'wholePages' | 'roundTrips' | 'missing'>;

/** Measures on each kernel in turn: all of it on one machine, before V8 has seen the other. */
export async function measureCosts(config: CostsConfig, surroundings: CostsSurroundings): Promise<Costs> {
  const host = describeHost();
  const costs: KernelCosts[] = [];
  for (const kernel of config.kernels) costs.push(await measureKernel(kernel, config, surroundings));
  return {
    schema: 'minorfault/costs/1',
    host,
    config,
    rows: costs.flatMap(({ rows }) => rows),
    wholePages: costs.flatMap(({ wholePages }) => wholePages),
    roundTrips: costs.flatMap(({ roundTrips }) => roundTrips),
    missing: costs.flatMap(({ missing }) => missing),
  };
}

async function measureKernel(
  name: KernelName,
  config: CostsConfig,
  { signal, onStep, onKernel }: CostsSurroundings,
): Promise<KernelCosts> {
  const { rounds, faults, pages } = config;
  const began = performance.now();
  const onRound = (what: string) => (round: number) =>
    onStep(`${name}: ${what}, round ${round + 1}/${rounds}`);
  const stage = openStage(name, pages);
  const { features } = stage;
  const offered = ({ features: needed }: { features: bigint }) => (needed & ~features) === 0n;
  const operations = OPERATIONS.filter(offered);
  const wholes = WHOLE_PAGES.filter(offered);
  let samples: SamplesByBatch;
  try {
    const inRounds = { ...config, signal, onRound: onRound('pages') };
    samples = await measureInRounds(stage, [...operations, ...wholes], inRounds);
  } finally {
    stage.kernel.dispose();
  }
  const random = seededRandom(config.seed);
  const tripOptions = { rounds, faults, features, random, signal, onRound: onRound('round trips') };
  const roundTrips = await measureRoundTrips(name, tripOptions);
  const rows = rowsOf(name, operations, samples, config);
  const wholePages = wholePagesOf(name, wholes, samples.slice(operations.length), { rows, config });
  const missing = OPERATIONS.filter((operation) => !offered(operation)).map((operation) =>
    describeMissing(name, operation, features),
  );
  onKernel(
    `${name}: ${rounds} round${rounds === 1 ? '' : 's'} measured in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  return { rows, wholePages, roundTrips, missing: [...new Set(missing)] };
}

function describeMissing(kernel: KernelName, { operation, features }: Operation, offered: bigint): string {
  return `${kernel}: no ${operation}, since it lacks ${featureNames(features & ~offered).join(', ')}`;
}

/** By operation and then by batch; ratios are to the rows of the same batch. */
function rowsOf(
  kernel: KernelName,
  operations: readonly Operation[],
  samples: SamplesByBatch,
  { batches, seed }: CostsConfig,
): CostRow[] {
  const random = seededRandom(seed);
  const rows = operations.flatMap(({ operation, memory, destination, variant, term }, index) =>
    batches.map((batch) => {
      const nsPerPage = estimate(samples[index]?.get(batch) as readonly number[], random);
      const identity = { kernel, operation, memory, destination, variant };
      return { ...identity, term, batch, nsPerPage, overMemcpy: null, overCopy: null };
    }),
  );
  return rows.map((row) => ({
    ...row,
    overMemcpy: ratioTo(row, rows, MEMCPY),
    overCopy: ratioTo(row, rows, copyInto(row.memory)),
  }));
}

/** Source and target cold, in private memory: what a page costs that is only copied. */
const MEMCPY: Identity = { operation: 'memcpy', memory: 'anon', destination: 'recycled', variant: null };

function copyInto(memory: CostRow['memory']): Identity {
  return { operation: 'UFFDIO_COPY', memory: memory ?? 'anon', destination: 'fresh', variant: null };
}

type Measured = Identity & Pick<CostRow, 'batch' | 'nsPerPage'>;

function ratioTo(row: Measured, rows: readonly Measured[], to: Identity): number | null {
  const base = find(rows, to, row.batch);
  return base === undefined ? null : row.nsPerPage.median / base.nsPerPage.median;
}

function find<R extends Measured>(rows: readonly R[], wanted: Identity, batch: number): R | undefined {
  return rows.find(
    (row) =>
      row.batch === batch &&
      row.operation === wanted.operation &&
      row.memory === wanted.memory &&
      row.destination === wanted.destination &&
      row.variant === wanted.variant,
  );
}

interface Context {
  readonly rows: readonly CostRow[];
  readonly config: CostsConfig;
}

function wholePagesOf(
  kernel: KernelName,
  wholes: readonly WholeOperation[],
  samples: SamplesByBatch,
  { rows, config }: Context,
): WholePage[] {
  const random = seededRandom(config.seed);
  const measured = wholes.flatMap((whole, index) =>
    config.batches.map((batch) => {
      const nsPerPage = estimate(samples[index]?.get(batch) as readonly number[], random);
      return { ...describeWhole(kernel, whole, batch, rows), nsPerPage };
    }),
  );
  return measured.map((page) => ({
    ...page,
    overMemcpy: page.nsPerPage.median / (find(rows, MEMCPY, page.batch) as CostRow).nsPerPage.median,
    overCopy: ratioTo(page, measured, copyInto(page.memory)),
  }));
}

function describeWhole(kernel: KernelName, whole: WholeOperation, batch: number, rows: readonly CostRow[]) {
  const { operation, memory, destination, variant } = whole;
  const ns = (term: Term) => {
    const of = whole.terms[term];
    return of === null ? null : (find(rows, of, batch)?.nsPerPage.median ?? null);
  };
  const terms = { populate: ns('populate'), fill: ns('fill'), publish: ns('publish'), free: ns('free') };
  const sum = Object.values(terms).reduce<number>((total, term) => total + (term ?? 0), 0);
  return { kernel, operation, memory, destination, variant, batch, terms, sum };
}
