/** --linux, --bits and --arch: the simulated kernel of a version, and what is said where that has not enough. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-linux-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = '--heap 1MiB --cycles 2 --invocations 1 --quiet';
const run = (args: string) => minorfault(args.split(' '));

it('a mode that needs more ends with 3, and one line that says which version has it', async () => {
  const { code, stdout, stderr } = await run(`run churn --kernel sim --linux 5.13 --mode continue ${SMALL}`);
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toBe(
    'minorfault: the simulated kernel cannot be used: in Linux 5.13 userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM, ' +
      'which mode continue needs; use --linux 5.14 or later, another mode, or --fallback\n',
  );
});

it('with --fallback another mode runs, and the results say so, and which kernel it was', async () => {
  const call = `compare churn --linux 5.13 --arch arm64 --bits 64 --modes copy,continue --fallback ${SMALL}`;
  const { code, stdout } = await run(`${call} --json -`);
  expect(code).toBe(0);
  const why = 'userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM';
  expect(JSON.parse(stdout)).toMatchObject({
    config: {
      ...{ kernel: 'sim', linux: '5.13', arch: 'arm64', bits: 64, modes: ['copy'] },
      fellBack: [{ from: 'continue', to: 'copy', why }],
    },
    runs: [{ mode: 'copy', fellBackFrom: ['continue'] }],
  });
});

it("the table names the kernel; Android's 5.10 has minor faults", async () => {
  const call = `run churn --linux 5.10-android --arch arm64 --mode continue --verify ${SMALL}`;
  const { code, stdout } = await run(call);
  expect(code).toBe(0);
  expect(stdout).toContain('simulated kernel (Linux 5.10-android, arm64): times are of the simulation');
});

it('litmus: on the simulated kernel of that version alone', async () => {
  const file = join(folder, 'minor.json');
  const steps = [
    { call: 'memfd_create', file: 'f' },
    { call: 'ftruncate', file: 'f', pages: 1 },
    { call: 'mmap', file: 'f', at: 0, pages: 1 },
    { call: 'userfaultfd', uffd: 'u', flags: ['O_NONBLOCK'] },
    { call: 'api', uffd: 'u' },
    { call: 'register', uffd: 'u', at: 0, pages: 1, mode: ['MINOR'], expect: { is: 'ok' } },
  ];
  writeFileSync(file, JSON.stringify({ name: 'minor', steps }));
  const [old, young] = await Promise.all(
    ['5.13', '5.14'].map((linux) => run(`litmus ${file} --linux ${linux} --runs 1 --quiet`)),
  );
  expect([old?.code, young?.code]).toEqual([1, 0]);
  expect(old?.stdout).toContain('sim: step 5 (register): the answer is "EINVAL", not "ok"');
  expect(young?.stdout).not.toContain('linux:');
});

const VERSIONS = 'no such version; the versions are from 4.3 to 6.18, and 5.4-android, 5.10-android';
it.each([
  ['run --linux 4.2', `--linux 4.2: ${VERSIONS}`],
  ['compare --linux 5.13.4', `--linux 5.13.4: ${VERSIONS}`],
  ['litmus --linux next', `--linux next: ${VERSIONS}`],
  ['run --bits 48', '--bits 48: must be 32 or 64'],
  [
    'run --arch arm',
    '--arch arm: no such one (did you mean arm64?); they are x86_64, arm64, riscv64, loongarch64',
  ],
  [
    'run --arch loongarch64 --bits 32',
    '--arch loongarch64: loongarch64 has no 32-bit kernel; use 64 bits, or another arch',
  ],
  ['run --arch riscv64 --linux 4.14', '--arch riscv64: Linux 4.14 has no riscv64; use 4.15 or later'],
  ['run --kernel linux --linux 5.13', '--linux 5.13: is of the simulated kernel; use it with --kernel sim'],
  ['run --kernel linux --bits 64', '--bits 64: is of the simulated kernel; use it with --kernel sim'],
  [
    'litmus --kernel sim,linux --arch arm64',
    '--arch arm64: is of the simulated kernel; use it with --kernel sim',
  ],
])('minorfault %s: exit 2', async (args, line) => {
  expect(await run(args)).toEqual({ code: 2, stdout: '', stderr: `minorfault: ${line}\n` });
});
