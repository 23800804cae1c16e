/** A store that is lost, or goes astray, is found by the workloads that keep a model of their heap, and told exactly. */
import { describe, expect, it } from 'vitest';
import type { Mutator } from '../../dist/heap/mutator.js';
import { createMovingHeap } from './moving-heap.ts';
import { definitionOf, prepare, requestOf } from './workload-runs.ts';

/** Runs with something else done in the place of one call, counted from the first operation on. */
async function runWith(
  name: string,
  call: 'setRef' | 'store',
  { nth, instead, settings = {} }: Sabotage,
): Promise<unknown> {
  const prepared = await prepare(name, requestOf({ settings: new Map(Object.entries(settings)) }));
  const definition = await definitionOf(name);
  const { mutator } = createMovingHeap(0, definition.roots ?? 0);
  let calls = -1;
  const changed: Mutator = {
    ...mutator,
    requestCollection(number) {
      if (calls < 0) calls = 0;
      mutator.requestCollection(number);
    },
    [call]: (object: number, field: number, value: number) => {
      if (calls >= 0 && ++calls === nth) instead(mutator, object, field, value);
      else mutator[call](object, field, value);
    },
  };
  return definition.run(changed, prepared.data);
}

interface Sabotage {
  readonly nth: number;
  readonly instead: (m: Mutator, object: number, field: number, value: number) => void;
  readonly settings?: Readonly<Record<string, string>>;
}

const lost = () => {};
/** The object itself, in the place of the one it should refer to. */
const astray = (m: Mutator, object: number, field: number) => m.setRef(object, field, object);
const flipped = (m: Mutator, object: number, field: number, value: number) =>
  m.store(object, field, value ^ 64);
describe('graph-mutator', () => {
  const settings = { reattach: '0', detach: '0' };

  it('a reference that was not stored: which node is there, and which should be', async () => {
    const found = runWith('graph-mutator', 'setRef', { nth: 100, instead: lost, settings });
    await expect(found).rejects.toThrow(
      /graph-mutator node \d+, reference [2-5]: the node it refers to should be (\d+) \(0x[0-9a-f]+\), found (?!\1 )\d+ \(0x/,
    );
  });

  it('a reference to another node', async () => {
    const found = runWith('graph-mutator', 'setRef', { nth: 333, instead: astray, settings });
    await expect(found).rejects.toThrow(
      /graph-mutator node (\d+), reference [2-5]: the node it refers to should be \d+ \(0x[0-9a-f]+\), found \1 \(0x/,
    );
  });

  it('a word that was not stored', async () => {
    const found = runWith('graph-mutator', 'store', { nth: 50, instead: lost });
    await expect(found).rejects.toThrow(
      /graph-mutator node \d+.*should be|graph-mutator top of tree \d+.*should be/,
    );
  });

  it('a subtree that is hung up in no place', async () => {
    const found = runWith('graph-mutator', 'setRef', {
      nth: 3,
      instead: lost,
      settings: { stores: '0', detach: '0', reattach: '1' },
    });
    await expect(found).rejects.toThrow(/the node it refers to should be/);
  });
});

describe('arrays', () => {
  it('a reference that was not stored, or is one to another object', async () => {
    await expect(runWith('arrays', 'setRef', { nth: 700, instead: lost })).rejects.toThrow(
      /arrays array \d+: the cell of element \d+ should be -?\d+ .*, found (-1|\d+) /,
    );
    await expect(runWith('arrays', 'setRef', { nth: 1234, instead: astray })).rejects.toThrow(
      /arrays array \d+: the cell of element \d+ should be -?\d+ /,
    );
  });

  it('a word that was not stored, or with a wrong bit', async () => {
    for (const instead of [lost, flipped])
      await expect(runWith('arrays', 'store', { nth: 900, instead })).rejects.toThrow(
        /arrays (array \d+: (element|the cell of element)|cell) \d+.* should be/,
      );
  });
});
