/**
 * The matrix that a release must pass: every mode on every workload, with the heap verified after every collection,
 * for 1 and 2 mutators, 1 and 2 GC threads, and several sizes of heap; equal checksums across the modes. It runs
 * the command line as a user would, one process a cell, and ends with exit code 1 if a cell failed.
 *
 *     node dist/bench/matrix.js [heap…  = 16MiB 64MiB 256MiB 1GiB]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Results } from './results.ts';
import { workloads } from './workloads/index.ts';

const CLI = fileURLToPath(new URL('./cli.js', import.meta.url));
const CYCLES = 3;
const MOST_OUTPUT = 2 ** 28;
const heaps = process.argv.length > 2 ? process.argv.slice(2) : ['16MiB', '64MiB', '256MiB', '1GiB'];

/** Runs one cell: null if all held, else what the command said. */
function runCell(
  workload: string,
  options: readonly string[],
): { failure: string | null; collections: number } {
  const args = [CLI, 'compare', workload, ...options, '--json', '-', '--quiet', '--verify'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: MOST_OUTPUT,
  });
  if (status !== 0) return { failure: stderr.trim() || `exit code ${status}`, collections: 0 };
  const { runs } = JSON.parse(stdout) as Results;
  const unverified = runs.filter((run) => run.verified !== true).map((run) => run.mode);
  const collections = runs.reduce((sum, run) => sum + run.cycles.length, 0);
  return { failure: unverified.length > 0 ? `not verified: ${unverified.join(', ')}` : null, collections };
}

let cells = 0;
let collections = 0;
const failures: string[] = [];
for (const heap of heaps) {
  for (const workload of workloads.keys()) {
    for (const mutators of ['1', '2']) {
      for (const gcThreads of ['1', '2']) {
        const options = ['--heap', heap, '--mutators', mutators, '--gc-threads', gcThreads];
        const began = performance.now();
        const cell = runCell(workload, [...options, '--cycles', String(CYCLES), '--invocations', '1']);
        cells++;
        collections += cell.collections;
        const name = `${workload} ${options.join(' ')}`;
        if (cell.failure !== null) failures.push(`${name}: ${cell.failure}`);
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        console.log(
          `${cell.failure === null ? 'ok  ' : 'FAIL'} ${name}: ${cell.collections} collections, ${seconds} s`,
        );
        if (cell.failure !== null) console.log(cell.failure);
      }
    }
  }
}
console.log(
  `${cells - failures.length} passed, ${failures.length} failed (${collections} verified collections, 3 modes a cell)`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
