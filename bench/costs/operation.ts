/**
 * What an operation is: each makes the state it needs (`prepare`, not measured) and then goes over all pages (`run`,
 * measured), in a loop of its own, since V8 compiles a loop that two operations share for both of them.
 */
import type { PageOutcome } from '../../uffd/userfaultfd.ts';
import type { CostRow } from './schema.ts';
import { drop, type Stage, touch } from './stage.ts';

/** One measured thing on one stage. */
export interface Steps {
  readonly prepare: () => void;
  /** Over all pages of the stage, `batch` pages a call. */
  readonly run: (batch: number) => void;
}

/** What tells an operation from the others, in a row. */
export type Identity = Pick<CostRow, 'operation' | 'memory' | 'destination' | 'variant'>;

export interface Operation extends Identity {
  readonly term: CostRow['term'];
  /** The features (UFFD_FEATURE_*) without which it does not exist. */
  readonly features: bigint;
  readonly steps: (stage: Stage) => Steps;
}

/** A page operation that did not do all it was asked for would be measured as a fast one. */
export function whole({ errno }: PageOutcome): void {
  if (errno !== 0) throw new Error(`a page operation stopped half way: errno ${errno}`);
}

type Row = readonly [
  operation: string,
  memory: CostRow['memory'],
  destination: CostRow['destination'],
  variant: CostRow['variant'],
  term: CostRow['term'],
];

export function operation(row: Row, steps: Operation['steps'], features = 0n): Operation {
  const [name, memory, destination, variant, term] = row;
  return { operation: name, memory, destination, variant, term, features, steps };
}

export const COLD_ALIAS = 'alias cold';
export const HOT_SOURCE = 'source hot';
export const INTO_BUFFER = 'into a buffer';
export const UNMAP = 'pages kept';
/** A load and then a store, as an atomic operation of V8 does it: private memory then takes two faults. */
export const LOAD_FIRST = 'load first';

/** The page cache filled, the collector's alias mapped, the heap's mapping empty. */
export function cached(stage: Stage): void {
  touch(stage.alias, 0, stage.pages);
  drop(stage, stage.heap, stage.bytes);
}
