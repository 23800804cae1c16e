/** A wrong call ends with the contract's exit code, one line on standard error and nothing on standard output. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { minorfault, WITHOUT_FFI } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-bad-calls-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'plain'), '');

const USAGE: readonly (readonly [args: string, line: RegExp])[] = [
  ['', /no command.*compare, run, workloads/],
  ['compar', /unknown command 'compar' \(Did you mean compare\?\)/],
  ['compare --pin mutators', /--pin mutators: must be role=cpu, as mutators=0,collectors=1,faults=0/],
  ['compare --pin mutator=0', /--pin mutator=0: no such role \(did you mean mutators\?\)/],
  ['compare --pin faults=9999', /--pin faults=9999: this process may run on CPU/],
  ['compare --v8-threads batched', /--v8-threads batched: must be batch or normal \(did you mean batch\?\)/],
  ['compare --pin faults=0,faults=1', /--pin faults=0,faults=1: faults is placed twice/],
  ['compare --verfy', /unknown option '--verfy' \(Did you mean --verify\?\)/],
  ['compare churn gcbench', /too many arguments/],
  ['run --heap', /argument missing/],
  [
    'run --mode cpy',
    /--mode cpy: no such mode \(did you mean copy\?\); the modes are continue, continue-warm, copy, move, stw/,
  ],
  ['run --mode warm', /--mode warm: no such mode/],
  ['run --modes copy,stw', /run measures one mode/],
  ['compare --modes copy,', /an empty mode/],
  ['compare --modes copy,copy', /named twice/],
  ['compare --mode copy --modes copy', /--mode and --modes are both given/],
  ['compare --kernel lunix', /--kernel lunix: no such kernel \(did you mean linux\?\)/],
  ['run --heap 0', /--heap 0: must be more than zero/],
  ['run --heap -5', /--heap -5: a size cannot be negative/],
  ['run --heap 64q', /--heap 64q: not a size; .*as 64MiB/],
  ['run --heap 64MB', /--heap 64MB: not a size/],
  ['run --heap 1000', /--heap 1000: must be a multiple of the page/],
  ['run --heap 8GiB', /--heap 8GiB: Node v\S+ maps at most 4 GiB/],
  ['run --live 0', /--live 0: must be a fraction/],
  ['run --live 1.5', /--live 1.5: must be a fraction/],
  ['run --utilization 1', /--utilization 1: must be a fraction/],
  ['run --min-free 1MiB', /--min-free needs --utilization/],
  ['run --max-free 1MiB', /--max-free needs --utilization/],
  ['run --utilization 0.5 --max-free 1GiB', /--max-free 1GiB: is more than the heap of 64 MiB/],
  [
    'run --utilization 0.5 --min-free 2MiB --max-free 1MiB',
    /--min-free 2MiB: is more than --max-free, 1 MiB/,
  ],
  ['run --utilization 0.5 --min-free 128MiB', /--min-free 128MiB: is more than the heap, 64 MiB/],
  ['run --mode ./no-such-mode.js', /mode .\/no-such-mode.js: cannot be loaded: Cannot find module/],
  ['run --verify=phase', /--verify=phase: must be --verify or --verify=phases/],
  ['run --period 0', /--period 0: must be a whole number/],
  ['run --live half', /--live half: must be a fraction/],
  ['run --loops ja', /--loops ja: must be auto or js \(did you mean js\?\)/],
  ['run --order sideways', /--order sideways: must be down or up/],
  ['run --mutators 0', /--mutators 0: must be a whole number from 1/],
  ['run --mutators two', /--mutators two: must be a whole number/],
  ['run --gc-threads 0', /--gc-threads 0:/],
  ['run --fault-threads 1.5', /--fault-threads 1.5:/],
  ['run --cycles 0', /--cycles 0:/],
  ['run --invocations -1', /--invocations -1:/],
  ['run --batch -1', /--batch -1:/],
  ['run --batch 4097', /--batch 4097: must be a whole number from 0 to 4096/],
  ['run --seed x', /--seed x:/],
  ['run --page 1GiB', /--page 1GiB: a page is of 4KiB or of 2MiB/],
  ['run --page big', /--page big: not a size/],
  ['run --page 4KiB,2MiB', /--page 4KiB,2MiB: run measures one size/],
  ['compare --page 2MiB,2097152', /--page 2MiB,2097152: a size is named twice/],
  [
    'compare --page 2MiB --modes copy,move',
    /--page 2MiB: mode move runs on pages of 4KiB alone; continue, continue-warm, copy, stw run on both/,
  ],
  [
    'run --page 2MiB --heap 65MiB --kernel sim',
    /--heap 65MiB: must be a multiple of the page, 2097152 bytes/,
  ],
  [
    'run random-graph --page 2MiB --kernel sim --set large=0.25',
    /--page 2MiB: all objects of such a heap move/,
  ],
  ['run --set depth', /--set depth: must be name=value/],
  ['run --set a=1 --set a=2', /a is set twice/],
  ['run --json /no/such/folder/out.json', /--json \S+: the folder \/no\/such\/folder does not exist/],
  [`run --json ${folder}`, /is a folder; name a file/],
  [`run --json ${join(folder, 'plain', 'out.json')}`, /is not a folder/],
  ['workloads --json /no/such/folder/out.json', /does not exist/],
];

it.concurrent.each(USAGE)('minorfault %s: exit 2', async (args, line) => {
  const { code, stdout, stderr } = await minorfault(args.split(' ').filter((arg) => arg !== ''));
  expect(stderr).toMatch(/^minorfault: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

it('a kernel that this host does not have: exit 3', async () => {
  const { code, stdout, stderr } = await minorfault(['run', '--kernel', 'linux'], { env: WITHOUT_FFI });
  expect(stderr).toMatch(
    /^minorfault: the linux kernel cannot be used: the FFI package koffi is not installed; npm install koffi, or use --kernel sim, .*\n$/,
  );
  expect(stdout).toBe('');
  expect(code).toBe(3);
});
