/** Which memory can be watched for which faults, as was tried, and by what it can then be served. */
import {
  _IOC_NR,
  describeErrno,
  EINVAL,
  errnoName,
  requestName,
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_ZEROPAGE,
} from '../../uffd/index.ts';
import {
  MEMORIES,
  type Memory,
  REGISTER_MODES,
  type RegisterMode,
  type Registration,
} from '../../uffd/linux/doctor.ts';
import type { HostFacts } from './host-facts.ts';
import { type Check, UNKNOWN } from './report.ts';

const MEMORY_WORDS: Readonly<Record<Memory, string>> = {
  anonymous: 'private anonymous memory',
  shmem: 'shared memory of a memfd',
  hugetlb: 'shared huge pages of a memfd',
};

const MODE_WORDS: Readonly<Record<RegisterMode, string>> = {
  MISSING: 'faults on pages that are not there',
  WP: 'faults on writes to protected pages',
  MINOR: 'faults on pages made but not mapped',
};

/** What a range can be served with, in the order of their ordinals. */
const RANGE_REQUESTS = [
  UFFDIO_WAKE,
  UFFDIO_COPY,
  UFFDIO_ZEROPAGE,
  UFFDIO_MOVE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_CONTINUE,
  UFFDIO_POISON,
];

export function registrationChecks({ probes }: HostFacts): readonly Check[] {
  // Without a userfaultfd nothing was registered.
  if (probes?.features.value !== undefined) return probes.registrations.map(registration);
  const modes = Object.keys(REGISTER_MODES) as RegisterMode[];
  return MEMORIES.flatMap((memory) => modes.map((mode) => ({ ...described(memory, mode), ...UNKNOWN })));
}

function described(memory: Memory, mode: RegisterMode): { readonly name: string; readonly why: string } {
  return { name: `${memory} ${mode}`, why: `${MEMORY_WORDS[memory]}: ${MODE_WORDS[mode]}` };
}

function registration({ memory, mode, ioctls }: Registration): Check {
  const { name, why } = described(memory, mode);
  if (ioctls.errno === undefined) {
    return { name, ok: true, found: ioctlNames(ioctls.value).join(', '), why, remedy: null };
  }
  const found = errnoName(ioctls.errno);
  if (memory === 'anonymous' && mode === 'MINOR') {
    const never = 'private memory has no page cache, and so no minor faults, on any Linux';
    return { name, ok: false, found, why: never, remedy: null };
  }
  const remedy = ioctls.errno === -EINVAL ? 'see the features above' : null;
  return { name, ok: false, found, why: `${why}; ${describeErrno(ioctls.errno)}`, remedy };
}

/** The ioctls in a mask, without the UFFDIO_ that they all begin with; a bit without a name as `bit 9`. */
export function ioctlNames(mask: bigint): string[] {
  const byOrdinal = new Map(RANGE_REQUESTS.map((request) => [_IOC_NR(request), requestName(request)]));
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (mask & (1n << BigInt(bit))) !== 0n)
    .map((bit) => byOrdinal.get(bit)?.replace('UFFDIO_', '') ?? `bit ${bit}`);
}
