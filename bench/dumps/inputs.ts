/** The inputs of a seed, each by its number: the same ones on every machine. */
import { below, seededRandom } from '../metrics/random.ts';
import { hash32 } from '../workloads/random.ts';
import { type Kind, wholeDumps } from './kinds.ts';
import { cut, mutated } from './mutate.ts';

/** Which inputs: of this seed, from one number to another, that one not included. */
export interface Inputs {
  readonly kind: Kind;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/** The input of that number. */
export function inputOf(
  { kind, seed }: Pick<Inputs, 'kind' | 'seed'>,
  number: number,
): readonly Uint8Array[] {
  const random = seededRandom(hash32(seed, number));
  const dumps = wholeOf(kind);
  const one = dumps[below(random, dumps.length)] as Uint8Array;
  const other = dumps[below(random, dumps.length)] as Uint8Array;
  return cut(mutated(one, other, random), random);
}

const whole = new Map<Kind, readonly Uint8Array[]>();
function wholeOf(kind: Kind): readonly Uint8Array[] {
  const dumps = whole.get(kind) ?? wholeDumps(kind);
  whole.set(kind, dumps);
  return dumps;
}
