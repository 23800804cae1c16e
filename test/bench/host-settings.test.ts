/** How a host is set up, from files as Linux has them on other hosts than this one; and of this one, whichever it is. */
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { describeHost } from '../../dist/bench/host.js';
import { hostSettings } from '../../dist/bench/host-settings.js';
import { HostSchema } from '../../dist/bench/results.js';

/** A host of these files. */
function settingsOf(files: Readonly<Record<string, string>>) {
  return hostSettings({
    contents: (path) => (path in files ? `${files[path]}\n` : ''),
    namesIn: (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split('/')[0] as string),
  });
}

const CPU = '/sys/devices/system/cpu';

it('where nothing is told, all is null', () => {
  expect(settingsOf({})).toEqual({
    transparentHugePages: { enabled: null, defrag: null, shmem: null },
    processors: {
      ...{ governor: null, turbo: null, smt: null, numaNodes: null, virtualization: null },
      clockSource: null,
    },
    mitigations: null,
    bootParameters: null,
    limits: { cpus: null, memlockBytes: null },
  });
});

it('what is chosen of transparent huge pages', () => {
  const folder = '/sys/kernel/mm/transparent_hugepage';
  const { transparentHugePages } = settingsOf({
    [`${folder}/enabled`]: 'always [madvise] never',
    [`${folder}/defrag`]: 'always defer [defer+madvise] madvise never',
    [`${folder}/shmem_enabled`]: 'always within_size advise [never] deny force',
  });
  expect(transparentHugePages).toEqual({ enabled: 'madvise', defrag: 'defer+madvise', shmem: 'never' });
});

it('processors: of one kind of machine and of another', () => {
  const intel = settingsOf({
    [`${CPU}/cpu0/cpufreq/scaling_governor`]: 'performance',
    [`${CPU}/cpu1/cpufreq/scaling_governor`]: 'powersave',
    [`${CPU}/cpufreq/policy0/scaling_governor`]: 'schedutil',
    [`${CPU}/intel_pstate/no_turbo`]: '1',
    [`${CPU}/smt/active`]: '1',
    '/sys/devices/system/node/online': '0-1,4',
    '/proc/cpuinfo': 'model name\t: X\nflags\t\t: fpu vme hypervisor_not sse',
    '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc',
  });
  expect(intel.processors).toEqual({
    ...{ governor: 'performance, powersave', turbo: false, smt: true, numaNodes: 3 },
    ...{ virtualization: 'none', clockSource: 'tsc' },
  });
  const guest = settingsOf({
    [`${CPU}/cpufreq/boost`]: '1',
    '/proc/cpuinfo': 'flags\t\t: fpu hypervisor sse',
    '/sys/class/dmi/id/sys_vendor': 'QEMU',
    '/sys/class/dmi/id/product_name': 'Standard PC (Q35)',
  });
  expect(guest.processors).toMatchObject({ turbo: true, virtualization: 'QEMU Standard PC (Q35)' });
  const unnamed = settingsOf({ '/proc/cpuinfo': 'flags\t\t: hypervisor' });
  expect(unnamed.processors.virtualization).toBe('a hypervisor');
  expect(settingsOf({ '/proc/cpuinfo': 'Features\t: fp asimd' }).processors.virtualization).toBeNull();
});

it('mitigations: what does not concern the processor is left out', () => {
  const { mitigations } = settingsOf({
    [`${CPU}/vulnerabilities/l1tf`]: 'Not affected',
    [`${CPU}/vulnerabilities/spectre_v2`]: 'Mitigation: Retpolines; IBPB: conditional; STIBP: disabled',
    [`${CPU}/vulnerabilities/mds`]: 'Vulnerable',
  });
  expect(mitigations).toEqual({ spectre_v2: 'Mitigation: Retpolines', mds: 'Vulnerable' });
  expect(settingsOf({ [`${CPU}/vulnerabilities/l1tf`]: 'Not affected' }).mitigations).toEqual({});
});

it('boot parameters: none but those that times depend on', () => {
  const line = 'BOOT_IMAGE=/vmlinuz root=UUID=12-34 mitigations=off quiet isolcpus=2,3 token=secret nosmt';
  expect(settingsOf({ '/proc/cmdline': line }).bootParameters).toEqual([
    ...['mitigations=off', 'isolcpus=2,3', 'nosmt'],
  ]);
});

it('processors of a control group, version 2: the least of all groups that it is in', () => {
  const cgroup = { '/proc/self/cgroup': '0::/slice/box' };
  const file = (of: string) => `/sys/fs/cgroup${of}/cpu.max`;
  const cpus = (files: Record<string, string>) => settingsOf({ ...cgroup, ...files }).limits.cpus;
  expect(cpus({ [file('/slice')]: '150000 100000', [file('/slice/box')]: 'max 100000' })).toBe(1.5);
  expect(cpus({ [file('/slice')]: '150000 100000', [file('/slice/box')]: '50000 100000' })).toBe(0.5);
  expect(cpus({ [file('/slice')]: 'max 100000', [file('/slice/box')]: 'max 100000' })).toBe('none');
  expect(cpus({ [file('')]: '200000 100000' })).toBe(2);
  expect(cpus({})).toBeNull();
});

it('processors of a control group, version 1', () => {
  const cgroup = { '/proc/self/cgroup': '9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box\n0::/' };
  const file = (name: string) => `/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_${name}_us`;
  const cpus = (quota: string) =>
    settingsOf({ ...cgroup, [file('quota')]: quota, [file('period')]: '100000' }).limits.cpus;
  expect([cpus('-1'), cpus('250000')]).toEqual(['none', 2.5]);
});

it('memory that may be locked', () => {
  const limits = (soft: string) =>
    settingsOf({
      '/proc/self/limits': `Max locked memory         ${soft}              unlimited            bytes`,
    });
  expect([limits('8388608'), limits('unlimited')].map((of) => of.limits.memlockBytes)).toEqual([
    8388608,
    'none',
  ]);
});

it('this host is described by the schema, and by the commit where it is a checkout', () => {
  const host = describeHost();
  expect([...Value.Errors(HostSchema, host)]).toEqual([]);
  expect(host.v8).toBe(process.versions.v8);
  if (host.commit !== null) expect(host.commit).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
});
