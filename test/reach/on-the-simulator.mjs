/**
 * The litmus programs and random ones on the simulated kernel alone, in one process and in a second or two: what its
 * coverage is measured by (coverage.mjs), and what judges its mutants first (stryker.config.mjs).
 *
 *     node test/reach/on-the-simulator.mjs [--dist dist] [--programs 200] [--runs 1] [--traces FILE]
 *
 * A litmus program must come to what it expects, a race in each of so many runs. What the random programs come to, and
 * those that once told the kernels apart, is written to the file; or, if that is there, it must be the same again. Linux
 * says the same, where it has huge pages: `minorfault fuzz --seed 3 --forks 5` runs them on both.
 *
 * Exit code 1, and a line on standard error, for the first thing that is not as it must be.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: given } = parseArgs({
  options: {
    dist: { type: 'string', default: 'dist' },
    programs: { type: 'string', default: '200' },
    runs: { type: 'string', default: '1' },
    traces: { type: 'string' },
  },
});
const bench = `${pathToFileURL(given.dist)}/bench`;
const { differenceOf } = await import(`${bench}/litmus/difference.js`);
const { bundledPrograms } = await import(`${bench}/litmus/load.js`);
const { EXPECTED } = await import(`${bench}/litmus/outcome.js`);
const { repeat } = await import(`${bench}/litmus/repeat.js`);
const { openStage } = await import(`${bench}/litmus/stage.js`);

const SEED = 3;
const stage = await openStage('sim');

/** Ends the process at once: threads may be asleep for good. */
function fail(name, how) {
  process.stderr.write(`${name}: ${how}\n`);
  process.exit(1);
}

for (const program of bundledPrograms()) {
  const isRace = program.race !== undefined;
  const options = { runs: isRace ? Number(given.runs) : 1, seed: SEED, foreseen: null };
  for (const outcome of Object.keys(repeat(stage, program, options).outcomes)) {
    const isBad = isRace
      ? outcome.startsWith('step ') || program.forbidden?.includes(outcome)
      : outcome !== EXPECTED;
    if (isBad) fail(program.name, outcome);
  }
}

// Not before: most mutants are dead by now.
const { default: fc } = await import('fast-check');
const { programs } = await import(`${bench}/fuzz/programs.js`);
const random = fc.sample(programs(40, { huge: 4, forks: 5 }), {
  numRuns: Number(given.programs),
  seed: SEED,
});
const before = existsSync(given.traces ?? '') ? JSON.parse(readFileSync(given.traces, 'utf8')) : null;
const traces = [...bundledPrograms(new URL(`${bench}/fuzz/corpus/`)), ...random].map((program, i) => {
  const trace = stage.run(program);
  const difference = before === null ? null : differenceOf(before[i], trace);
  if (difference !== null) {
    const { step, sim: was, linux: is } = difference;
    fail(`program ${i}`, `step ${step}: ${JSON.stringify(program.steps[step])} was ${was}, is ${is}`);
  }
  return trace;
});
if (given.traces !== undefined) writeFileSync(given.traces, JSON.stringify(traces));
await stage.close();
