/** The main job from the outside, on the real heap: table, JSON, an interruption, a reader that goes away. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Results, ResultsSchema } from '../../dist/bench/results.js';
import { MODES } from '../../dist/gc/modes/index.js';
import { canBatch } from '../../dist/uffd/linux/scheduling.js';
import { chooseKernel } from '../../dist/uffd/open.js';
import { type Ended, minorfault, WITHOUT_FFI } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-measured-'));
afterAll(() => rmSync(folder, { recursive: true }));
const SIZES = ['--heap', '4MiB', '--cycles', '2', '--seed', '7'];
const SMALL = [...SIZES, '--kernel', 'sim'];

let compared: Ended;
const file = join(folder, 'out.json');
const comparison = (): Results => JSON.parse(readFileSync(file, 'utf8'));
beforeAll(async () => {
  const args = ['compare', 'random-graph', ...SMALL, '--set', 'nonmoving=0.4', '--modes', 'copy,continue'];
  compared = await minorfault([...args, '--invocations', '2', '--verify', '--json', file]);
});

it('compare shows a table and writes results that keep the schema', () => {
  const { code, stdout, stderr } = compared;
  expect(stderr.trim().split('\n')).toHaveLength(4); // a line for each run
  expect(code).toBe(0);
  expect(stdout).toContain('random-graph');
  expect(stdout).toContain('continue (simulated)');
  expect(stdout).toContain('nonmoving pages updated');
  const results = comparison();
  expect([...Value.Errors(ResultsSchema, results)]).toEqual([]);
  expect(results.runs).toHaveLength(4);
  expect(results.config).toMatchObject({ workload: 'random-graph', heap: 4 * 1024 ** 2, seed: 7, cycles: 2 });
  for (const run of results.runs) {
    expect(run.cycles.length).toBeGreaterThanOrEqual(2);
    expect(run.verified).toBe(true);
  }
  expect(Object.keys(results.summary.copyOverContinue)).toHaveLength(8);
});

it('both sizes of pages side by side: the same work, and no more faults than huge pages', async () => {
  const file = join(folder, 'pages.json');
  const args = [
    'compare',
    'random-graph',
    ...SMALL,
    '--heap',
    '8MiB',
    '--cycles',
    '1',
    '--page',
    '4KiB,2MiB',
  ];
  const { code, stdout } = await minorfault([
    ...args,
    '--modes',
    'continue,copy',
    '--invocations',
    '1',
    '--verify',
    '--json',
    file,
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain('copy, 2 MiB over 4 KiB, with 95 % intervals (bootstrap):');
  const { runs, config, summary }: Results = JSON.parse(readFileSync(file, 'utf8'));
  expect(config).toMatchObject({ page: 4096, pages: [4096, 2 ** 21] });
  expect(runs.map(({ mode, page }) => `${mode} ${page}`).sort()).toEqual(
    ['continue', 'copy'].flatMap((mode) => [`${mode} ${2 ** 21}`, `${mode} 4096`]),
  );
  for (const { page, cycles, mutators } of runs) {
    expect(mutators[0]?.checksum).toBe(runs[0]?.mutators[0]?.checksum);
    for (const { ioctls, faults, pages } of cycles) {
      for (const { pages } of Object.values(ioctls)) expect((pages * 4096) % page).toBe(0);
      const made = Math.ceil(((pages.compacted + pages.slid) * 4096) / page);
      expect(faults.missing + faults.minor).toBeLessThanOrEqual(made);
    }
  }
  for (const mode of ['continue', 'copy'])
    expect(Object.keys(summary.pageOverPage[mode] ?? {})).toContain('stallP99Us');
});

it('objects that do not move: copied in COPY, and not in CONTINUE', () => {
  const { runs } = comparison();
  for (const { mode, cycles, mutators } of runs) {
    expect(mutators[0]?.checksum).toBe(runs[0]?.mutators[0]?.checksum);
    for (const { nonMoving } of cycles) {
      expect(nonMoving.pages).toBeGreaterThan(100);
      expect(nonMoving.copiedBytes).toBe(mode === 'copy' ? nonMoving.pages * 4096 : 0);
    }
  }
});

it('a mode of the user: measured beside ours, and named when it lacks something', async () => {
  const broken = join(folder, 'broken-mode.mjs');
  const modes = new URL('../../dist/gc/modes/public.js', import.meta.url).href;
  writeFileSync(
    broken,
    `import { MODES } from '${modes}';\nexport default { ...MODES.copy, attach: () => ({ flip() {} }) };\n`,
  );
  const { code, stderr } = await minorfault(['run', 'random-graph', ...SMALL, '--quiet', '--mode', broken]);
  expect([code, stderr.split('\n').length]).toEqual([1, 2]);
  expect(stderr).toContain(`mode ${broken}: livingSpace() of what attach() answers is missing`);
  const remap = fileURLToPath(new URL('../../dist/bench/examples/remap-mode.js', import.meta.url));
  const args = ['compare', 'random-graph', ...SMALL, '--modes', `continue,${remap}`, '--invocations', '1'];
  const good = await minorfault([...args, '--verify=phases', '--quiet']);
  expect([good.code, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toContain('remap-mode.js (simulated)');
});

it('auto says in one line which kernel it picked, and why', async () => {
  const args = ['run', 'random-graph', ...SIZES];
  const { kernel, why } = chooseKernel('auto', MODES.continue.features);
  expect((await minorfault(args)).stderr).toContain(`kernel: ${kernel}, since ${why}\n`);
  const { code, stderr, stdout } = await minorfault(args, { env: WITHOUT_FFI });
  expect(stderr).toContain('kernel: sim, since the FFI package koffi is not installed\n');
  expect([code, stdout.includes('continue (simulated)')]).toEqual([0, true]);
});

it('the real kernel computes what the simulated one does, in every mode', async (context) => {
  const { kernel, why } = chooseKernel('auto', MODES.move.features);
  context.skip(kernel === 'sim', why);
  const checksums = await Promise.all(
    (
      [
        ['linux', Object.keys(MODES)],
        ['sim', ['continue']],
      ] as const
    ).map(async ([name, modes]) => {
      const args = ['compare', 'random-graph', ...SIZES, '--modes', modes.join(','), '--verify'];
      const { code, stdout, stderr } = await minorfault([
        ...args,
        '--kernel',
        name,
        '--json',
        '-',
        '--quiet',
        ...['--invocations', '1', '--cycles', '1'],
      ]);
      expect([code, stderr]).toEqual([0, '']);
      const { runs }: Results = JSON.parse(stdout);
      expect(runs.map((run) => run.kernel)).toEqual(Array(modes.length).fill(name));
      return runs.map((run) => run.mutators[0]?.checksum);
    }),
  );
  expect(new Set(checksums.flat()).size).toBe(1);
});

it('run --json - prints JSON and nothing else', async () => {
  const args = ['run', 'churn', ...SMALL, '--quiet', '--json', '-'];
  const { code, stdout, stderr } = await minorfault(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const results: Results = JSON.parse(stdout);
  expect([...Value.Errors(ResultsSchema, results)]).toEqual([]);
  expect(results.runs).toMatchObject([{ mode: 'continue', invocation: 1, kernel: 'sim', verified: null }]);
});

it('Ctrl-C ends the threads and answers 130', async () => {
  let sent = false;
  const { code, stdout, stderr } = await minorfault(
    ['run', 'churn', '--heap', '8MiB', '--cycles', '100000'],
    {
      onStderr: (_, kill) => {
        if (!sent) kill('SIGINT');
        sent = true;
      },
    },
  );
  expect(stderr.trim().split('\n').at(-1)).toMatch(/^minorfault: interrupted by SIGINT/);
  expect(stderr.trim().split('\n')).toHaveLength(2);
  expect(stdout).toBe('');
  expect(code).toBe(130);
});

const OTHER = 0; // SCHED_OTHER
const BATCH = 3; // SCHED_BATCH
const OURS = 3; // a mutator, a collector, a fault thread

/** The process that measures, once the command has started it. */
async function measuringProcess(pid: number | undefined): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    if (children !== '') return Number.parseInt(children, 10);
    await sleep(5);
  }
}

/** The scheduling policies of a process's threads, the main thread's first: proc_pid_stat(5), after the name. */
function policiesOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
  });
}

it.each(['batch', 'normal'])(
  '--v8-threads %s: of the threads that were there before ours',
  async (policy) => {
    if (!canBatch()) {
      const { code, stderr } = await minorfault(['run', 'churn', ...SMALL, '--v8-threads', 'batch']);
      expect([code, stderr]).toEqual([3, expect.stringContaining('--v8-threads batch: needs Linux')]);
      return;
    }
    let [started, before] = [false, 0];
    let seen: readonly number[] = [];
    const args = ['run', 'churn', '--heap', '8MiB', '--cycles', '100000', '--v8-threads', policy];
    const { code } = await minorfault(args, {
      onStderr: async (_, kill, { pid }) => {
        if (started) return;
        started = true;
        const measuring = await measuringProcess(pid);
        // Node's own are there at once, ours come when it has loaded the heap.
        for (let count = 0; count === 0 || count !== before; await sleep(20)) {
          count = before;
          before = policiesOf(measuring).length;
        }
        for (; seen.length < before + OURS; await sleep(20)) seen = policiesOf(measuring);
        kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(seen.slice(1, before)).toEqual(Array(before - 1).fill(policy === 'batch' ? BATCH : OTHER));
    expect([seen[0], ...seen.slice(before)]).toEqual(Array(seen.length - before + 1).fill(OTHER));
  },
);

it('--v8-threads batch where nothing can be placed: exit 3', async () => {
  const args = ['run', 'churn', ...SMALL, '--v8-threads', 'batch'];
  const { code, stderr } = await minorfault(args, { env: WITHOUT_FFI });
  expect([code, stderr]).toEqual([
    3,
    expect.stringMatching(/^minorfault: --v8-threads batch: needs Linux[^\n]*\n$/),
  ]);
});

it('a reader that goes away is no error', async () => {
  const { code, stderr } = await minorfault(['run', 'churn', ...SMALL, '--quiet'], { closeStdout: true });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('a heap too small for the workload: exit 2', async () => {
  const { code, stderr } = await minorfault(['run', 'gcbench', '--heap', '64KiB', '--kernel', 'sim']);
  expect(stderr).toMatch(/^minorfault: [^\n]*64 ?KiB[^\n]*\n$/);
  expect(code).toBe(2);
});

it.runIf(process.platform === 'linux')(
  'the process of a run is killed: said, and what was measured before is kept',
  async () => {
    const file = join(folder, 'killed.json');
    let killed = false;
    const args = ['compare', 'churn', '--kernel', 'sim', '--heap', '8MiB', '--cycles', '30', '--json', file];
    const { code, stderr } = await minorfault([...args, '--modes', 'copy,continue'], {
      async onStderr(told, _, { pid }) {
        if (killed || !/run 1\/6: .* collections, median/.test(told)) return;
        killed = true;
        process.kill(await measuringProcess(pid), 'SIGKILL');
      },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/the process of the run ended with SIGKILL before the run was over/);
    const { runs, failure }: Results = JSON.parse(readFileSync(file, 'utf8'));
    expect(runs.map(({ mutators }) => mutators.length)).toEqual([1, 0]);
    expect(failure).toMatch(/SIGKILL/);
  },
);

it('controls: V8 collects its own heaps while ours is collected, and an idle thread wakes late', () => {
  expect(compared.stdout).toContain("V8's own collections");
  const { runs } = comparison();
  const [{ v8, hiccupsUs, mutators }] = runs as [Results['runs'][number]];
  expect(v8.collections).toBeGreaterThan(0); // a thread allocates while it loads its modules
  expect(v8.overlapMs).toBeLessThanOrEqual(v8.totalMs);
  expect(hiccupsUs?.count).toBeGreaterThan(50);
  expect(mutators[0]?.mmu?.map(({ windowMs }) => windowMs)).toContain(1);
});
