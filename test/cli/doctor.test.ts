/** `doctor` tells what this host offers, and its exit code is what `--kernel linux` comes to here. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Value } from 'typebox/value';
import { afterAll, expect, it } from 'vitest';
import { type Check, type DoctorReport, DoctorReportSchema } from '../../dist/bench/doctor/report.js';
import { featureNames, UFFD_API_FEATURES } from '../../dist/uffd/index.js';
import { type Ended, minorfault } from './minorfault.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'minorfault-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FEATURES = featureNames(UFFD_API_FEATURES);
const REGISTRATIONS = ['anonymous', 'shmem', 'hugetlb'].flatMap((memory) =>
  ['MISSING', 'WP', 'MINOR'].map((mode) => `${memory} ${mode}`),
);
const NEEDED = ['platform', 'FFI', 'userfaultfd', 'UFFD_FEATURE_MINOR_SHMEM'];

/** The rows of the table: name to mark and standing. */
function rowsOf(stdout: string): ReadonlyMap<string, { needed: boolean; standing: string }> {
  const rows = stdout.matchAll(/^([* ]) (\S.*?) {2,}(ok|missing|optional|unknown) {2,}/gm);
  return new Map(
    [...rows].map(([, mark, name, standing]) => [
      name as string,
      { needed: mark === '*', standing: standing as string },
    ]),
  );
}

function reportOf(json: string): DoctorReport {
  const report: DoctorReport = JSON.parse(json);
  expect([...Value.Errors(DoctorReportSchema, report)]).toEqual([]);
  return report;
}

function checkNamed(report: DoctorReport, name: string): Check {
  const check = report.checks.find((other) => other.name === name);
  if (check === undefined) throw new Error(`no check ${name}`);
  return check;
}

/** Runs a command and takes its exit code for an answer. */
async function ended(command: string, args: readonly string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await promisify(execFile)(command, args)) };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    return { code, stdout, stderr };
  }
}

it('shows every check in a table, and marks what --kernel linux needs', async () => {
  const { stdout } = await minorfault(['doctor']);
  const rows = rowsOf(stdout);
  for (const name of [...FEATURES, ...REGISTRATIONS]) expect(rows.keys()).toContain(name);
  expect([...rows].filter(([, { needed }]) => needed).map(([name]) => name)).toEqual(NEEDED);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

it('writes JSON that keeps the schema, with the checks of the table', async () => {
  const file = join(folder, 'doctor.json');
  const { stdout } = await minorfault(['doctor', '--json', file]);
  expect(stdout).toBe('');
  const report = reportOf(readFileSync(file, 'utf8'));
  const rows = rowsOf((await minorfault(['doctor'])).stdout);
  expect(report.checks.map(({ name }) => name)).toEqual([...rows.keys()]);
  for (const check of report.checks) {
    expect(Object.keys(check).sort()).toEqual(['found', 'name', 'ok', 'remedy', 'why']);
    expect(check.ok).toBe(rows.get(check.name)?.standing === 'ok');
  }
});

it('--json without a file is standard output', async () => {
  expect(reportOf((await minorfault(['doctor', '--json'])).stdout).checks.length).toBeGreaterThan(30);
});

it('exits with 0 where --kernel linux runs, and with 3 where it does not', async () => {
  const examined = await minorfault(['doctor']);
  const run = ['run', 'churn', '--kernel', 'linux', '--heap', '8MiB', '--cycles', '1', '--quiet'];
  expect(examined.code).toBe((await minorfault(run)).code);
  const standings = [...rowsOf(examined.stdout).values()].map(({ standing }) => standing);
  expect(standings.includes('missing')).toBe(examined.code === 3);
  if (examined.code === 0) expect(examined.stderr).toBe('');
});

it('without the FFI package: the table, the remedy in one line, and exit 3', async () => {
  const host = join(folder, 'without-ffi');
  cpSync(join(root, 'dist'), join(host, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(host, 'package.json'));
  mkdirSync(join(host, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (/koffi|koromix/.test(name)) continue;
    symlinkSync(join(root, 'node_modules', name), join(host, 'node_modules', name));
  }
  const cli = join(host, 'dist/bench/cli.js');
  const { code, stdout, stderr } = await ended(process.execPath, [cli, 'doctor']);
  expect(stderr).toMatch(
    /^minorfault: the linux kernel cannot be used: [^\n]*koffi[^\n]*; npm install koffi[^\n]*\n$/,
  );
  expect(code).toBe(3);
  const rows = rowsOf(stdout);
  expect(rows.get('FFI')?.standing).toBe('missing');
  expect(rows.get('physical memory')?.standing).toBe('ok');
  for (const name of [...FEATURES, ...REGISTRATIONS]) expect(rows.get(name)?.standing).toBe('unknown');

  const json = await ended(process.execPath, [cli, 'doctor', '--json', '-']);
  expect(json.code).toBe(3);
  expect(checkNamed(reportOf(json.stdout), 'FFI')).toMatchObject({
    ok: false,
    remedy: 'npm install koffi',
  });
});

it('what is read of privileges agrees with what the kernel allows', async (context) => {
  const report = reportOf((await minorfault(['doctor', '--json'])).stdout);
  context.skip(!checkNamed(report, 'userfaultfd(UFFD_USER_MODE_ONLY)').ok, 'there is no userfaultfd here');
  const privileged = ['CAP_SYS_PTRACE', 'vm.unprivileged_userfaultfd'].some(
    (name) => checkNamed(report, name).ok,
  );
  expect(checkNamed(report, 'userfaultfd(0)').ok).toBe(privileged);
});

/** Why this host cannot show what an unprivileged user sees; null if it can. */
function whyNotAsNobody(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'only root can become nobody';
  try {
    execFileSync('setpriv', [...AS_NOBODY, 'test', '-r', dirname(import.meta.dirname)], { stdio: 'ignore' });
    execFileSync('setpriv', [...AS_NOBODY, process.execPath, '--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'there is no setpriv, or nobody may read this folder or run this node';
  }
}

const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
const skipped = whyNotAsNobody();
if (skipped !== null) console.warn(`SKIPPED: doctor as an unprivileged user: ${skipped}`);

it.skipIf(skipped !== null)(
  `says which way works for an unprivileged user${skipped ? ` (${skipped})` : ''}`,
  async () => {
    const cli = join(root, 'dist/bench/cli.js');
    const { stdout } = await ended('setpriv', [...AS_NOBODY, process.execPath, cli, 'doctor', '--json']);
    const report = reportOf(stdout);
    expect(checkNamed(report, 'CAP_SYS_PTRACE')).toMatchObject({ ok: false, found: 'not effective' });
    expect(checkNamed(report, '/dev/userfaultfd').ok).toBe(false);
    // Root's own report tells whether this kernel has a userfaultfd at all.
    if ((await minorfault(['doctor'])).code !== 0) return;
    const bySysctl = readFileSync('/proc/sys/vm/unprivileged_userfaultfd', 'utf8').trim() === '1';
    expect(checkNamed(report, 'userfaultfd(0)').ok).toBe(bySysctl);
    if (!bySysctl) expect(checkNamed(report, 'userfaultfd(0)').why).toContain('CAP_SYS_PTRACE');
    expect(checkNamed(report, 'userfaultfd(UFFD_USER_MODE_ONLY)').ok).toBe(true);
    expect(checkNamed(report, 'userfaultfd').found).toBe('by the system call, UFFD_USER_MODE_ONLY');
    expect(checkNamed(report, 'shmem MINOR').found).toMatch(/\bCONTINUE\b/);
  },
);
