/** Everything that `doctor` judges by, gathered: facts alone, so that hosts which are not this one can be judged too. */
import { constants } from 'node:buffer';
import { availableParallelism, release, totalmem } from 'node:os';
import { MAX_VIEW_BYTES } from '../../uffd/index.ts';
import {
  availableMemory,
  type HugePages,
  hugePages,
  type Privileges,
  type Probes,
  privileges,
  probeAll,
} from '../../uffd/linux/doctor.ts';
import { probeLinux } from '../../uffd/linux/probe.ts';
import { allowedCpus } from '../../uffd/linux/scheduling.ts';
import type { Missing } from '../../uffd/unavailable.ts';

export interface HostFacts {
  readonly platform: string;
  readonly arch: string;
  readonly release: string;
  readonly node: string;
  /** The longest view this package makes, and the longest that Node would, in bytes. */
  readonly view: { readonly ours: number; readonly node: number };
  /** What keeps `--kernel linux` from running here; null if nothing does. */
  readonly missing: Missing | null;
  /** null where nothing could be tried; `whyNoProbes` then says why. */
  readonly probes: Probes | null;
  readonly whyNoProbes: string | null;
  readonly privileges: Privileges;
  readonly hugePages: HugePages | null;
  readonly memory: { readonly total: number; readonly available: number | null };
  /** By number; null where only the count is known. */
  readonly cpus: readonly number[] | null;
  readonly cpuCount: number;
}

export function gatherFacts(): HostFacts {
  const linux = process.platform === 'linux';
  const { probes, why } = linux ? probeAll() : { why: 'this is not Linux' };
  return {
    platform: process.platform,
    arch: process.arch,
    release: release(),
    node: process.version,
    view: { ours: MAX_VIEW_BYTES, node: constants.MAX_LENGTH },
    missing: probeLinux().missing ?? null,
    probes: probes ?? null,
    whyNoProbes: why ?? null,
    privileges: privileges(),
    hugePages: hugePages(),
    memory: { total: totalmem(), available: availableMemory() },
    cpus: allowedCpus(),
    cpuCount: availableParallelism(),
  };
}
