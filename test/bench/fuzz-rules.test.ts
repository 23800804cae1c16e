/** The rules by which `fuzz` knows what the kernel can reach: about every place, none of them idle, and true of what is known. */
import { expect, it } from 'vitest';
import { AREAS, CELLS } from '../../dist/bench/fuzz/coverage.js';
import { observe } from '../../dist/bench/fuzz/observer.js';
import { bundledPrograms } from '../../dist/bench/litmus/load.js';
import { openStage } from '../../dist/bench/litmus/stage.js';

it.each(AREAS)('$name: each rule decides some place, and says why', ({ places, rulesOf }) => {
  const rules = new Set(places.flatMap(({ call }) => [...rulesOf(call as string)]));
  for (const place of places) {
    const deciding = rulesOf(place.call as string).find(({ when }) => when(place));
    expect(deciding, JSON.stringify(place)).toBeDefined();
    rules.delete(deciding as NonNullable<typeof deciding>);
  }
  expect([...rules].map(({ because }) => because)).toEqual([]);
});

it.each([
  // Facts that a litmus program shows each.
  ['ioctls: continue / anonymous / M / 0 / ok', false],
  ['ioctls: continue / shared / M / 0 / ok', true],
  ['ioctls: copy / private / N / WP / ok', false],
  ['ioctls: copy / shared / W / WP / ok', true],
  ['ioctls: zeropage / anonymous / M / 0 / EFAULT', false],
  ['ioctls: move / shared / M / 0 / ok', false],
  ["ioctls: move / anonymous / another's / 0 / ok", false],
  ["ioctls: copy / anonymous / another's / 0 / ok", true],
  ["ioctls: register / anonymous / another's / MISSING / EBUSY", true],
  ["ioctls: register / anonymous / another's / MINOR / EBUSY", false],
  ['ioctls: writeprotect / several / mixed / WP / ENOENT', true],
  ['ioctls: writeprotect / several / W / WP / ENOENT', false],
  ['ioctls: zeropage / huge shared / M / 0 / EINVAL', true],
  ['ioctls: zeropage / huge shared / M / 0 / ok', false],
  ['ioctls: poison / huge private / M / 0 / EFAULT', false],
  ['ioctls: continue / huge private / N / 0 / ok', true],
  ['ioctls: copy / huge several / M / 0 / ENOENT', true],
  ['ioctls: register / huge shared / W / MISSING / ok', false],
  ['ioctls: writeprotect / huge shared / W / WP / EINVAL', true],
  ['accesses: store / huge shared / W / 0 / wp', true],
  ['accesses: store / shared / WN / 0 / wp', true],
  ['accesses: load / shared / WN / 0 / wp', false],
  ['accesses: store / shared / WN / WP_ASYNC / wp', false],
  ['accesses: store / shared / WN / WP_ASYNC / minor', true],
  ['sleepers: unregister / minor / its own / 0 / slept on', true],
  ['sleepers: copy / missing / its own / DONTWAKE / woke', false],
  ["sleepers: wake / wp / another's / 0 / woke", false],
])('%s: can be reached: %s', (key, can) => {
  expect(CELLS.has(key)).toBe(can);
});

it('what the litmus programs hit on the simulated kernel can all be reached', async () => {
  const stage = await openStage('sim');
  const observer = observe(stage.handle);
  const hits = new Set<string>();
  for (const program of bundledPrograms()) {
    stage.run(program, undefined, observer);
    for (const key of observer.cells().flat()) hits.add(key);
  }
  await stage.close();
  // Programs of the fuzzer make no such calls (huge.ts).
  const notMade = /^ioctls: (move|register) \/ huge /;
  expect([...hits].filter((key) => !CELLS.has(key) && !notMade.test(key))).toEqual([]);
  for (const key of [
    'ioctls: continue / shared / N / 0 / EAGAIN',
    'ioctls: register / nothing / – / MISSING / EINVAL',
    'accesses: store / shared / N / 0 / minor',
    'sleepers: writeprotect / wp / its own / 0 / woke',
    'sleepers: unregister / minor / its own / 0 / slept on',
  ])
    expect(hits).toContain(key);
});
