/**
 * How the host is set up, as far as a figure may depend on it: what Linux tells in /proc and /sys. null where it does not tell, as
 * everywhere on other systems.
 */
import { contents, namesIn, wholeNumber } from '../uffd/linux/system-files.ts';
import type { Host } from './results.ts';

/** The files of a host: of this one, or made up. */
export interface HostFiles {
  /** '' for what is not there. */
  readonly contents: (path: string) => string;
  readonly namesIn: (folder: string) => readonly string[];
}

/** What of a host's description is found there. */
export type HostSettings = Required<
  Pick<Host, 'transparentHugePages' | 'processors' | 'mitigations' | 'bootParameters'>
> & { readonly limits: Omit<NonNullable<Host['limits']>, 'memoryBytes'> };

const THP = '/sys/kernel/mm/transparent_hugepage';
const CPU = '/sys/devices/system/cpu';

export function hostSettings(files: HostFiles = { contents, namesIn }): HostSettings {
  const text = (path: string): string | null => files.contents(path).trim() || null;
  const bootParameters = text('/proc/cmdline')?.split(/\s+/);
  return {
    transparentHugePages: {
      enabled: chosen(text(`${THP}/enabled`)),
      defrag: chosen(text(`${THP}/defrag`)),
      shmem: chosen(text(`${THP}/shmem_enabled`)),
    },
    processors: {
      governor: governors(files),
      turbo: turbo(text),
      smt: flag(text(`${CPU}/smt/active`)),
      numaNodes: numaNodes(text('/sys/devices/system/node/online')),
      virtualization: virtualization(text),
      clockSource: text('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    },
    mitigations: mitigations(files),
    bootParameters: bootParameters?.filter((parameter) => BOOT_PARAMETERS.test(parameter)) ?? null,
    limits: { cpus: cpuLimit(text), memlockBytes: memlock(text('/proc/self/limits')) },
  };
}

/** Of what a kernel may be booted with, what makes it faster or slower. The rest may be somebody's secret. */
const BOOT_PARAMETERS =
  /^(mitigations|nosmt|nopti|spectre_v2|isolcpus|nohz_full|rcu_nocbs|transparent_hugepage|hugepages|hugepagesz|default_hugepagesz|intel_pstate|amd_pstate|idle|clocksource|tsc|preempt)(=|$)/;

/** As `madvise` of `always [madvise] never`. */
function chosen(text: string | null): string | null {
  return /\[(.+?)\]/.exec(text ?? '')?.[1] ?? null;
}

function flag(text: string | null): boolean | null {
  return text === null ? null : text === '1';
}

/** Several, where processors differ. */
function governors({ contents, namesIn }: HostFiles): string | null {
  const cpus = namesIn(CPU).filter((name) => /^cpu\d+$/.test(name));
  const found = new Set(cpus.map((cpu) => contents(`${CPU}/${cpu}/cpufreq/scaling_governor`).trim()));
  found.delete('');
  return found.size === 0 ? null : [...found].sort().join(', ');
}

type Text = (path: string) => string | null;

function turbo(text: Text): boolean | null {
  const noTurbo = flag(text(`${CPU}/intel_pstate/no_turbo`));
  return noTurbo === null ? flag(text(`${CPU}/cpufreq/boost`)) : !noTurbo;
}

/** Of a list as `0-1,4`. */
function numaNodes(list: string | null): number | null {
  if (list === null) return null;
  const spans = list.split(',').map((span) => span.split('-').map(Number));
  return spans.reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
}

/** What the machine is called that the hypervisor makes; `none` where the processor says there is no hypervisor. */
function virtualization(text: Text): string | null {
  const flags = /^flags\s*:(.*)$/m.exec(text('/proc/cpuinfo') ?? '')?.[1];
  if (flags === undefined) return null;
  if (!/\bhypervisor\b/.test(flags)) return 'none';
  const names = ['sys_vendor', 'product_name'].map((name) => text(`/sys/class/dmi/id/${name}`));
  return names.filter((name) => name !== null).join(' ') || 'a hypervisor';
}

/** What this processor has against it, and the first of what the kernel does about that; what does not concern it is left out. */
function mitigations({ contents, namesIn }: HostFiles): Readonly<Record<string, string>> | null {
  const folder = `${CPU}/vulnerabilities`;
  const all = namesIn(folder).map((name) => [name, contents(`${folder}/${name}`).trim()] as const);
  if (all.length === 0) return null;
  const concerning = all.filter(([, what]) => what !== '' && what !== 'Not affected');
  return Object.fromEntries(concerning.map(([name, what]) => [name, what.split(';')[0] as string]));
}

/** Processors' worth of time that the control groups leave this process, of either version: the least of all that it is in. */
function cpuLimit(text: Text): number | 'none' | null {
  const groups = (text('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'));
  const quotas = groups.flatMap(([, controllers = '', path = '']) => {
    if (controllers === '') return ancestors(path).map((of) => quotaOf(text(`/sys/fs/cgroup${of}/cpu.max`)));
    if (!controllers.split(',').includes('cpu')) return [];
    return ancestors(path).map((of) => {
      const file = (name: string) => text(`/sys/fs/cgroup/${controllers}${of}/cpu.cfs_${name}_us`);
      return quotaOf(`${file('quota') ?? ''} ${file('period') ?? ''}`);
    });
  });
  const told = quotas.filter((quota) => quota !== null);
  if (told.length === 0) return null;
  const least = Math.min(...told);
  return Number.isFinite(least) ? least : 'none';
}

/** A group and all that it is in: `/a/b`, `/a` and the root. */
function ancestors(path: string): readonly string[] {
  const names = path.split('/').filter((name) => name !== '');
  return Array.from({ length: names.length + 1 }, (_, i) =>
    names
      .slice(0, names.length - i)
      .map((name) => `/${name}`)
      .join(''),
  );
}

/** Of `quota period` in µs; `max` and −1 are no limit. */
function quotaOf(text: string | null): number | null {
  const [, quota, period] = /^(max|-?\d+) (\d+)$/.exec(text?.trim() ?? '') ?? [];
  if (quota === undefined) return null;
  return quota === 'max' || Number(quota) < 0 ? Number.POSITIVE_INFINITY : Number(quota) / Number(period);
}

/** proc_pid_limits(5): the soft one. */
function memlock(limits: string | null): number | 'none' | null {
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits ?? '')?.[1];
  if (soft === undefined) return null;
  return soft === 'unlimited' ? 'none' : wholeNumber(soft);
}
