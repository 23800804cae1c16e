/** From facts of a host to checks of it: what is there, why it matters or is missing, and what would help. */
import { formatBytes } from '../../heap/errors.ts';
import { featureChecks } from './feature-checks.ts';
import type { HostFacts } from './host-facts.ts';
import { registrationChecks } from './registration-checks.ts';
import { type Check, type CheckGroup, UNKNOWN } from './report.ts';
import { userfaultfdChecks } from './userfaultfd-checks.ts';

/**
 * What `--kernel linux` cannot do without: what uffd/linux/probe.ts looks at, in its order. Everything else is for
 * some mode, or for somebody, and may be missing.
 */
const NEEDED: ReadonlySet<string> = new Set(['platform', 'FFI', 'userfaultfd', 'UFFD_FEATURE_MINOR_SHMEM']);

export function isNeeded(check: Check): boolean {
  return NEEDED.has(check.name);
}

export function checksOf(facts: HostFacts): readonly CheckGroup[] {
  return [
    { title: 'Host', checks: [platform(facts), node(facts), view(facts), ffi(facts)] },
    { title: 'Ways to a userfaultfd', checks: userfaultfdChecks(facts) },
    { title: 'Features', checks: featureChecks(facts) },
    {
      title:
        'Memory that can be registered, and the ioctls by which the kernel says it can be served (MOVE: private memory alone)',
      checks: registrationChecks(facts),
    },
    { title: 'Resources', checks: [hugePages(facts), memory(facts), processors(facts)] },
  ];
}

function platform({ platform, release, arch }: HostFacts): Check {
  const ok = platform === 'linux';
  return {
    name: 'platform',
    ok,
    found: `${platform} ${release}, ${arch}`,
    why: ok ? 'userfaultfd is a system call of Linux' : 'userfaultfd is Linux’s alone',
    remedy: ok ? null : 'use --kernel sim, which needs nothing',
  };
}

function node({ node }: HostFacts): Check {
  return { name: 'Node', ok: true, found: node, why: 'decides how long a view may be', remedy: null };
}

function view({ view }: HostFacts): Check {
  return {
    name: 'largest view',
    ok: true,
    found: `${formatBytes(view.ours)}; buffer.constants.MAX_LENGTH is ${formatBytes(view.node)}`,
    why: 'a heap is one view: a larger one is refused',
    remedy: null,
  };
}

function ffi({ probes, platform, whyNoProbes }: HostFacts): Check {
  const name = 'FFI';
  const why = 'system calls from Node go through it';
  if (probes !== null) return { name, ok: true, found: probes.ffi, why, remedy: null };
  if (platform !== 'linux') return { name, why, ...UNKNOWN };
  return { name, ok: false, found: 'none', why: whyNoProbes, remedy: 'npm install koffi' };
}

function hugePages({ hugePages: pool, platform }: HostFacts): Check {
  const name = 'huge pages';
  const why = 'hugetlb memory is made of them';
  if (platform !== 'linux') return { name, why, ...UNKNOWN };
  if (pool === null) {
    const remedy = 'boot a kernel with CONFIG_HUGETLBFS';
    return { name, ok: false, found: 'none', why: 'this kernel has no huge pages', remedy };
  }
  const found = `${pool.total} of ${formatBytes(pool.pageBytes)} reserved, ${pool.free} free`;
  if (pool.free > 0) return { name, ok: true, found, why, remedy: null };
  const count = pool.total + Math.max(1, Math.ceil(HUGE_HEAP_BYTES / pool.pageBytes));
  return {
    name,
    ok: false,
    found,
    why: pool.total === 0 ? 'none is reserved' : 'all that are reserved are in use',
    remedy: `as root: sysctl vm.nr_hugepages=${count}`,
  };
}

/** What the remedy reserves: the two files of a heap of the default 64 MiB. */
const HUGE_HEAP_BYTES = 2 * 64 * 2 ** 20;

function memory({ memory: { total, available } }: HostFacts): Check {
  return {
    name: 'physical memory',
    ok: true,
    found: `${formatBytes(total)}${available === null ? '' : `, ${formatBytes(available)} available`}`,
    why: 'every page of a heap is real: in some modes twice over, during a collection',
    remedy: null,
  };
}

function processors({ cpus, cpuCount }: HostFacts): Check {
  const count = cpus?.length ?? cpuCount;
  const ok = count > 1;
  return {
    name: 'processors',
    ok,
    found: cpus === null ? String(count) : `${count}: ${cpus.join(', ')}`,
    why: ok
      ? 'mutators and collector run side by side'
      : 'on one processor, mutators and collector take turns: what is concurrent cannot be seen',
    remedy: ok ? null : 'give the process more (taskset, docker --cpuset-cpus), or the machine',
  };
}
