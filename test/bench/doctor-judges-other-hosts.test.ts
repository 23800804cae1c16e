/** Hosts that this one is not: what `doctor` makes of their facts. */
import { describe, expect, it } from 'vitest';
import { checksOf, isNeeded } from '../../dist/bench/doctor/checks.js';
import type { HostFacts } from '../../dist/bench/doctor/host-facts.js';
import { ioctlNames } from '../../dist/bench/doctor/registration-checks.js';
import type { Check } from '../../dist/bench/doctor/report.js';
import { renderChecks } from '../../dist/bench/doctor/table.js';
import {
  EINVAL,
  ENOENT,
  ENOSYS,
  EPERM,
  UFFD_API_FEATURES,
  UFFD_FEATURE_MOVE,
} from '../../dist/uffd/index.js';

const WELL: HostFacts = {
  platform: 'linux',
  arch: 'x64',
  release: '6.18.0',
  node: 'v20.12.0',
  view: { ours: 2 ** 32, node: 2 ** 32 },
  missing: null,
  probes: {
    ffi: 'koffi 3.0.0',
    ways: { syscall: 0, syscallUserMode: 0, device: 0 },
    features: { value: UFFD_API_FEATURES },
    registrations: [
      { memory: 'anonymous', mode: 'MISSING', ioctls: { value: 0x13cn } },
      { memory: 'anonymous', mode: 'MINOR', ioctls: { errno: -EINVAL } },
      { memory: 'shmem', mode: 'MINOR', ioctls: { value: 0x1bcn } },
    ],
  },
  whyNoProbes: null,
  privileges: { unprivileged: 0, capSysPtrace: true, seccomp: 0 },
  hugePages: { pageBytes: 2 ** 21, total: 8, free: 8 },
  memory: { total: 2 ** 34, available: 2 ** 33 },
  cpus: [0, 1],
  cpuCount: 2,
};
const REFUSED = { why: 'userfaultfd is not permitted here', remedy: 'run as root' };

function probes(changes: Partial<NonNullable<HostFacts['probes']>>): Pick<HostFacts, 'probes'> {
  return { probes: { ...(WELL.probes as NonNullable<HostFacts['probes']>), ...changes } };
}

function checksAt(changes: Partial<HostFacts>): ReadonlyMap<string, Check> {
  const checks = checksOf({ ...WELL, ...changes }).flatMap((group) => group.checks);
  return new Map(checks.map((check) => [check.name, check]));
}

/** The needed checks that are not ok. */
function lacking(checks: ReadonlyMap<string, Check>): string[] {
  return [...checks.values()].filter((check) => isNeeded(check) && !check.ok).map(({ name }) => name);
}

describe('a host that has everything', () => {
  it('lacks nothing', () => {
    const checks = checksAt({});
    expect(lacking(checks)).toEqual([]);
    const not = [...checks.values()].filter(({ ok }) => !ok).map(({ name }) => name);
    expect(not).toEqual(['vm.unprivileged_userfaultfd', 'anonymous MINOR']);
  });
});

it('another operating system: nothing is tried, and only sim is left', () => {
  const checks = checksAt({
    platform: 'darwin',
    probes: null,
    whyNoProbes: 'this is not Linux',
    hugePages: null,
  });
  expect(checks.get('platform')).toMatchObject({
    ok: false,
    remedy: expect.stringContaining('--kernel sim'),
  });
  expect(checks.get('userfaultfd')?.found).toBe(null);
  expect(checks.get('huge pages')?.found).toBe(null);
});

it('a container whose seccomp filter refuses the call: the filter is named', () => {
  const ways = { syscall: -EPERM, syscallUserMode: -EPERM, device: -ENOENT };
  const privileges = { unprivileged: 0, capSysPtrace: false, seccomp: 2 };
  const checks = checksAt({ ...probes({ ways, features: { errno: -EPERM } }), privileges, missing: REFUSED });
  expect(lacking(checks)).toEqual(['userfaultfd', 'UFFD_FEATURE_MINOR_SHMEM']);
  expect(checks.get('userfaultfd')).toMatchObject({ found: 'EPERM', ...REFUSED });
  expect(checks.get('userfaultfd(UFFD_USER_MODE_ONLY)')?.why).toContain('seccomp');
  expect(checks.get('userfaultfd(UFFD_USER_MODE_ONLY)')?.remedy).toContain('seccomp');
  expect(checks.get('/dev/userfaultfd')?.found).toBe('no such file');
  expect(checks.get('shmem MINOR')?.found).toBe(null); // nothing could be registered
});

it('a filter that refuses root: no privilege is asked for', () => {
  const ways = { syscall: -EPERM, syscallUserMode: -EPERM, device: 0 };
  const privileges = { unprivileged: 0, capSysPtrace: true, seccomp: 2 };
  const check = checksAt({ ...probes({ ways }), privileges }).get('userfaultfd(0)');
  expect(check?.remedy).toBe('allow userfaultfd in the container’s seccomp profile');
});

it('without a filter, no filter is blamed', () => {
  const ways = { syscall: -ENOSYS, syscallUserMode: -ENOSYS, device: -ENOENT };
  const checks = checksAt({ ...probes({ ways, features: { errno: -ENOSYS } }), missing: REFUSED });
  for (const check of checks.values()) expect(check.why).not.toContain('seccomp');
});

it('the device alone: it is what is used', () => {
  const ways = { syscall: -EPERM, syscallUserMode: -EPERM, device: 0 };
  expect(checksAt(probes({ ways })).get('userfaultfd')).toMatchObject({
    ok: true,
    found: 'by /dev/userfaultfd',
  });
});

it('an older kernel: what MOVE is for, and where it is from', () => {
  const checks = checksAt(probes({ features: { value: UFFD_API_FEATURES & ~UFFD_FEATURE_MOVE } }));
  expect(lacking(checks)).toEqual([]);
  expect(checks.get('UFFD_FEATURE_MOVE')).toMatchObject({ ok: false, remedy: 'boot Linux 6.8 or later' });
  expect(checks.get('UFFD_FEATURE_MOVE')?.why).toContain('--mode move');
});

it('a newer kernel: its feature is told by its bit', () => {
  const checks = checksAt(probes({ features: { value: UFFD_API_FEATURES | (1n << 17n) } }));
  expect(checks.get('bit 17')).toMatchObject({ ok: true, found: 'offered' });
});

it('no huge page left: the command that reserves them, on top of those there are', () => {
  const pool = { pageBytes: 2 ** 21, total: 8, free: 0 };
  expect(checksAt({ hugePages: pool }).get('huge pages')).toMatchObject({
    ok: false,
    found: '8 of 2 MiB reserved, 0 free',
    remedy: 'as root: sysctl vm.nr_hugepages=72',
  });
});

it('one processor is not enough to see what is concurrent', () => {
  expect(checksAt({ cpus: [3] }).get('processors')).toMatchObject({ ok: false, found: '1: 3' });
});

it('names the ioctls of a mask', () => {
  expect(ioctlNames(0x1bcn)).toEqual(['WAKE', 'COPY', 'ZEROPAGE', 'MOVE', 'CONTINUE', 'POISON']);
  expect(ioctlNames(0x40n | (1n << 40n))).toEqual(['WRITEPROTECT', 'bit 40']);
});

it('colours stand on a terminal alone', () => {
  const groups = checksOf(WELL);
  expect(renderChecks(groups, false, 120)).not.toContain('\u001b');
  expect(renderChecks(groups, true, 120)).toContain('\u001b[32mok\u001b');
});
