/** Facts of the machine a result was measured on, and of what measured it: all that may be needed to measure it again. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname, loadavg, release, totalmem, type, uptime } from 'node:os';
import { fileURLToPath } from 'node:url';
import { hugePages, privileges } from '../uffd/linux/doctor.ts';
import { memoryFigure } from '../uffd/linux/system-files.ts';
import { hostSettings } from './host-settings.ts';
import { packageVersion } from './package-version.ts';
import type { Host } from './results.ts';

/** The host's own page in bytes (Node has no call for it): Linux tells in smaps. null elsewhere. */
function pageBytes(): number | null {
  try {
    const [, kib] = /^KernelPageSize: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? [];
    return kib ? Number(kib) * 1024 : null;
  } catch {
    return null;
  }
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Which commit this was built from, if it is run from a checkout: `-dirty` where files differ from it. null elsewhere. */
function commit(): string | null {
  // An installed package may lie in somebody else's checkout.
  if (!existsSync(`${ROOT}.git`)) return null;
  try {
    const args = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: [...stdio] }).trim();
  } catch {
    return null;
  }
}

/** By its own number, or else its name, which nobody needs to know. */
function machine(): string {
  const own = ['/etc/machine-id', '/var/lib/dbus/machine-id'].find((file) => existsSync(file));
  const text = `${own === undefined ? '' : readFileSync(own, 'utf8').trim()} ${hostname()}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** null where Linux does not tell. */
function swap(): NonNullable<Host['swap']> | null {
  const kib = memoryFigure('SwapTotal');
  if (kib === null) return null;
  return { totalBytes: kib * 1024, freeBytes: (memoryFigure('SwapFree') ?? 0) * 1024 };
}

export function describeHost(): Host {
  const { limits, ...settings } = hostSettings();
  return {
    kernel: `${type()} ${release()}`,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    node: process.version,
    v8: process.versions.v8,
    nodeFlags: process.execArgv,
    nodeOptions: process.env.NODE_OPTIONS ?? null,
    minorfault: packageVersion(),
    commit: commit(),
    platform: `${process.platform}-${process.arch}`,
    memoryBytes: totalmem(),
    pageBytes: pageBytes(),
    loadAverage: loadavg(),
    uptimeSeconds: Math.round(uptime()),
    machine: machine(),
    ...settings,
    limits: { ...limits, memoryBytes: memoryLimit() },
    hugePages: hugePages(),
    swap: swap(),
    unprivilegedUserfaultfd: privileges().unprivileged,
  };
}

/** Of control groups and the like; Node answers 0, or more than there is, where there is none. */
function memoryLimit(): number | 'none' {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? bytes : 'none';
}
