/** Facts of the machine a result was measured on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Host } from './results.ts';

/** Version of this package, from its package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The host's own page in bytes (Node has no call for it): Linux tells in smaps. null elsewhere. */
function pageBytes(): number | null {
  try {
    const [, kib] = /^KernelPageSize: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? [];
    return kib ? Number(kib) * 1024 : null;
  } catch {
    return null;
  }
}

export function describeHost(): Host {
  return {
    kernel: `${type()} ${release()}`,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    node: process.version,
    minorfault: packageVersion(),
    platform: `${process.platform}-${process.arch}`,
    memoryBytes: totalmem(),
    pageBytes: pageBytes(),
    loadAverage: loadavg(),
  };
}
