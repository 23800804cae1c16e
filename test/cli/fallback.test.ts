/** The command on hosts whose kernel lacks what a mode needs: refused, or with --fallback another mode, which is said. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MODES } from '../../dist/gc/modes/index.js';
import { UFFD_FEATURE_MINOR_SHMEM, UFFD_FEATURE_MOVE } from '../../dist/uffd/abi.js';
import { chooseKernel } from '../../dist/uffd/open.js';
import { minorfault } from './minorfault.ts';

const { kernel, why } = chooseKernel('auto', MODES.move.features);
if (kernel !== 'linux') console.warn(`SKIPPED: fallbacks of the real kernel: ${why}`);

const fixture = fileURLToPath(new URL('../fixtures/older-kernel.cjs', import.meta.url));

/** Runs the command over a kernel that lacks these. */
function onKernelWithout(lacks: bigint | 'userfaultfd', args: string) {
  const env = { NODE_OPTIONS: `--require ${fixture}`, MINORFAULT_TEST_LACKS: String(lacks) };
  return minorfault([...args.split(' '), '--heap', '1MiB', '--cycles', '2', '--invocations', '1'], { env });
}

describe.skipIf(kernel !== 'linux')('on the real kernel', () => {
  it.each([
    [UFFD_FEATURE_MINOR_SHMEM, 'continue', /no minor faults on shared memory \(UFFD_FEATURE_MINOR_SHMEM\)/],
    [UFFD_FEATURE_MOVE, 'move', /userfaultfd lacks UFFD_FEATURE_MOVE/],
    ['userfaultfd', 'copy', /no userfaultfd on \w+ \(ENOSYS\)/],
  ] as const)('without %s, %s is refused in one line', async (lacks, mode, says) => {
    const { code, stdout, stderr } = await onKernelWithout(lacks, `run churn --kernel linux --mode ${mode}`);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^minorfault: the linux kernel cannot be used: [^\n]*\n$/);
    expect(stderr).toMatch(says);
  });

  it.each([
    [UFFD_FEATURE_MINOR_SHMEM, 'continue', 'copy', 'userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM'],
    [UFFD_FEATURE_MOVE, 'move', 'copy', 'userfaultfd lacks UFFD_FEATURE_MOVE'],
    ['userfaultfd', 'continue', 'stw', 'there is no userfaultfd'],
  ] as const)('without %s, %s falls back to %s', async (lacks, from, to, reason) => {
    const call = `run churn --kernel linux --mode ${from} --fallback --verify=phases --json -`;
    const { code, stdout, stderr } = await onKernelWithout(lacks, call);
    expect([code, stderr.match(/falls back/g)]).toEqual([0, ['falls back']]);
    expect(stderr).toContain(`mode ${from} falls back to ${to}, since ${reason}\n`);
    const { config, runs } = JSON.parse(stdout);
    expect(config).toMatchObject({ kernel: 'linux', modes: [to], fellBack: [{ from, to, why: reason }] });
    expect(runs).toMatchObject([{ kernel: 'linux', mode: to, fellBackFrom: [from], verified: true }]);
  });

  it('a mode that is compared anyway is compared once, and the table says who fell back', async () => {
    const call = 'compare churn --kernel linux --modes continue,copy,stw --fallback';
    const { code, stdout } = await onKernelWithout(UFFD_FEATURE_MINOR_SHMEM, call);
    expect(code).toBe(0);
    expect(stdout).toContain('\nmode continue falls back to copy, since userfaultfd lacks');
    expect(stdout).toMatch(/^ +copy +stw$/m);
  });

  it('auto: the simulated kernel; the real one, if modes may fall back', async () => {
    const lacks = UFFD_FEATURE_MINOR_SHMEM;
    expect((await onKernelWithout(lacks, 'run churn')).stderr).toMatch(/^kernel: sim, since this kernel has/);
    const { code, stderr } = await onKernelWithout(lacks, 'run churn --fallback');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^kernel: linux, since /)]);
  });

  it('stw needs no userfaultfd, and copy none of its features', async () => {
    expect((await onKernelWithout('userfaultfd', 'run churn --kernel linux --mode stw')).code).toBe(0);
    const old = UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MOVE;
    expect((await onKernelWithout(old, 'run churn --kernel linux --mode copy')).code).toBe(0);
  });
});

it('what the kernel has runs as asked, with --fallback too', async () => {
  const call = 'run churn --kernel sim --mode continue --fallback --heap 1MiB --cycles 2 --json -';
  const { code, stdout, stderr } = await minorfault(call.split(' '));
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('falls back')]);
  expect(JSON.parse(stdout)).toMatchObject({
    config: { fellBack: [] },
    runs: [{ mode: 'continue', fellBackFrom: [] }],
  });
});
