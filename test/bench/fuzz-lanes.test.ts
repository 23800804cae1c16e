/** Lanes of the fuzzer: programs run side by side, and what goes wrong ends all of it. */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openLanes } from '../../dist/bench/fuzz/lanes.js';
import type { Kernels } from '../../dist/bench/litmus/kernels.js';
import type { Program } from '../../dist/bench/litmus/program.js';

const program = (name: string): Program => ({ name, steps: [{ call: 'load', at: 0 }] });

/** Programs that run until they are told to end. */
function running() {
  const ends = new Map<string, (error?: Error) => void>();
  const seen: [number, string, Kernels][] = [];
  const lanes = openLanes(2, (kernels, { name }, number) => {
    seen.push([number, name, kernels]);
    return new Promise((resolve, reject) => ends.set(name, (error) => (error ? reject(error) : resolve())));
  });
  const names = () => seen.map(([number, name]) => `${number} ${name}`);
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error);
    await setImmediate();
  };
  return { lanes, seen, names, end };
}

it('as many run at once as there are lanes, in the order in which they come', async () => {
  const { lanes, seen, names, end } = running();
  await lanes.run(program('a'));
  await lanes.run(program('b'));
  const third = lanes.run(program('c'));
  await setImmediate();
  expect(names()).toEqual(['0 a', '1 b']);
  await end('b');
  await third;
  expect(names()).toEqual(['0 a', '1 b', '2 c']);
  expect(new Set(seen.map(([, , kernels]) => kernels)).size).toBe(2);
  await end('a');
  await end('c');
  await lanes.idle();
});

it('after one has thrown none is begun, and all who wait are told of it', async () => {
  const { lanes, names, end } = running();
  await lanes.run(program('a'));
  await lanes.run(program('b'));
  await end('a', new Error('they differ'));
  await expect(lanes.run(program('c'))).rejects.toThrow('they differ');
  await end('b');
  await expect(lanes.idle()).rejects.toThrow('they differ');
  expect(names()).toEqual(['0 a', '1 b']);
});
