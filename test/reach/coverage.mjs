/**
 * `npm run coverage`: which lines and branches of the simulated kernel the litmus programs and the fuzzer reach, by
 * themselves; tests of uffd are no part of it. Compiles the package once more, with source maps, and has V8 count.
 * What was not reached is told line by line, and can be seen in coverage/reach/index.html.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { CoverageReport } from 'monocart-coverage-reports';

const DIST = 'coverage/dist';
const COUNTS = 'coverage/counts';
/** `minorfault fuzz --seed 3 --forks 5` runs them on both kernels. */
const PROGRAMS = 500;
/** Of each race. */
const RUNS = 50;

function run(command, args, env = {}) {
  execFileSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
}

for (const folder of [DIST, COUNTS]) rmSync(folder, { recursive: true, force: true });
const MAPS = ['--declaration', 'false', '--inlineSourceMap', '--inlineSources'];
run('node_modules/.bin/tsc', ['--outDir', DIST, ...MAPS]);
for (const programs of ['bench/litmus/library', 'bench/fuzz/corpus'])
  cpSync(programs, `${DIST}/${programs}`, { recursive: true });
const reach = ['test/reach/on-the-simulator.mjs', '--dist', DIST, '--programs', PROGRAMS, '--runs', RUNS];
run(process.execPath, reach.map(String), { NODE_V8_COVERAGE: COUNTS });

await new CoverageReport({
  name: 'the simulated kernel, as litmus and fuzz reach it',
  dataDir: COUNTS,
  entryFilter: `**/${DIST}/uffd/sim/*.js`,
  sourceFilter: '**/uffd/sim/*.ts',
  reports: ['v8', ['console-details', { metrics: ['lines', 'branches'], maxCols: 200 }]],
  outputDir: 'coverage/reach',
  logging: 'error',
}).generate();
