/**
 * The matrix that a release must pass: every mode on every workload, with the heap verified after every collection,
 * for 1 and 2 mutators, 1 and 2 GC threads, and several sizes of heap; equal checksums across the modes, and on the
 * real kernel those of the simulated one. It runs the command line as a user would, one process a cell, and ends
 * with exit code 1 if a cell failed.
 *
 *     node dist/bench/matrix.js [--kernel sim|linux] [--workloads a,b] [heap…  = 16MiB 64MiB 256MiB 1GiB]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { MODES } from '../gc/modes/index.ts';
import type { Results } from './results.ts';
import { workloads } from './workloads/index.ts';

const CLI = fileURLToPath(new URL('./cli.js', import.meta.url));
const CYCLES = 3;
const MOST_OUTPUT = 2 ** 28;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' }, workloads: { type: 'string' } },
});
const heaps = positionals.length > 0 ? positionals : ['16MiB', '64MiB', '256MiB', '1GiB'];
const names = values.workloads?.split(',') ?? [...workloads.keys()];
const modes = Object.keys(MODES);

// One snapshot for all cells: that of each process would differ, and its checksums with it.
const folder = mkdtempSync(join(tmpdir(), 'minorfault-matrix-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const snapshot = writeHeapSnapshot(join(folder, 'matrix.heapsnapshot'));

interface Cell {
  readonly failure: string | null;
  readonly collections: number;
}

/** Runs the command: its runs, or what it said. */
function measure(
  workload: string,
  kernel: string,
  of: readonly string[],
  options: readonly string[],
): Results | string {
  const file = workload === 'snapshot' ? ['--set', `file=${snapshot}`] : [];
  const args = [CLI, 'compare', workload, '--kernel', kernel, '--modes', of.join(','), ...options, ...file];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...args, '--json', '-', '--quiet', '--verify'],
    { encoding: 'utf8', maxBuffer: MOST_OUTPUT },
  );
  return status === 0 ? (JSON.parse(stdout) as Results) : stderr.trim() || `exit code ${status}`;
}

const checksumsOf = ({ runs }: Results): string => String(runs[0]?.mutators.map(({ checksum }) => checksum));

function runCell(workload: string, options: readonly string[]): Cell {
  const results = measure(workload, values.kernel, modes, options);
  if (typeof results === 'string') return { failure: results, collections: 0 };
  const unverified = results.runs.filter((run) => run.verified !== true).map((run) => run.mode);
  const collections = results.runs.reduce((sum, run) => sum + run.cycles.length, 0);
  if (unverified.length > 0) return { failure: `not verified: ${unverified.join(', ')}`, collections };
  if (values.kernel === 'sim') return { failure: null, collections };
  const simulated = measure(workload, 'sim', ['continue'], options);
  if (typeof simulated === 'string') return { failure: `sim: ${simulated}`, collections };
  const [here, there] = [checksumsOf(results), checksumsOf(simulated)];
  return { failure: here === there ? null : `checksums ${here}, and ${there} on sim`, collections };
}

let cells = 0;
let collections = 0;
const failures: string[] = [];
for (const heap of heaps) {
  for (const workload of names) {
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
  `${cells - failures.length} passed, ${failures.length} failed on ${values.kernel} (${collections} verified collections, ${modes.length} modes a cell)`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
