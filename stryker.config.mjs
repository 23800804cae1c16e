/**
 * Mutation testing of the simulated kernel and of the binary interface: `npm run mutate`, or of some files alone
 * `npm run mutate -- --mutate uffd/sim/fill.ts,uffd/sim/move.ts`. Reports are in coverage/mutation.
 *
 * All mutants are compiled at once, into one copy of the package; which of them is alive, a variable of the environment
 * says, that threads and child processes inherit. So what judges them is commands, the cheapest first.
 */

/** Vitest in one process, up to the first test that fails. */
const VITEST =
  'node_modules/.bin/vitest run --project units --project all --no-isolate --maxWorkers 1 --bail 1';
/** Tests with threads that take a second or two; stress and schedules take longer. */
const THREADS = [
  'blocking-read',
  'dispose',
  'frame-reuse',
  'kernel-mode',
  'messages',
  'waking',
  'linux-versions',
];

/**
 * Each with the seconds that it may take at the most, some twenty times what it does: a mutant may hang, in a loop or in a
 * fault that nobody answers. `timeout` ends all that a command has started.
 */
const STAGES = [
  [40, 'node test/reach/on-the-simulator.mjs --traces dist/traces.json'],
  // Without the one file that takes as long as all the others.
  [90, `${VITEST} test/uffd --exclude "**/address-space-model*"`],
  [120, `${VITEST} ${THREADS.map((name) => `test/threads/uffd-${name}`).join(' ')}`],
];

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: ['uffd/sim/**/*.ts', 'uffd/abi/**/*.ts'],
  testRunner: 'command',
  commandRunner: {
    command: STAGES.map(([seconds, stage]) => `timeout -s KILL ${seconds} ${stage}`).join(' && '),
  },
  buildCommand: 'npm run build',
  concurrency: 2,
  // No limit of its own: those of the stages are closer.
  timeoutMS: 300_000,
  // There is no JavaScript in TypeScript 7 that could read it.
  tsconfigFile: 'none',
  ignorePatterns: ['dist', 'coverage'],
  tempDirName: 'coverage/mutants',
  reporters: ['clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, allowEmojis: false, reportTests: false },
  htmlReporter: { fileName: 'coverage/mutation/index.html' },
  jsonReporter: { fileName: 'coverage/mutation/mutation.json' },
  thresholds: { high: 90, low: 80, break: 80 },
};
