/**
 * What this Linux offers a user of userfaultfd, found out by trying: every way to open one, the features, and which
 * memory can be registered in which mode. Facts alone, no judgement. Whatever is opened or mapped here is closed
 * and unmapped before it returns.
 */
import {
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MFD_CLOEXEC,
  MFD_HUGETLB,
  O_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
  UFFD_API,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  uffdioApi,
  uffdioRegister,
} from '../abi.ts';
import { type Kernel, PAGE_BYTES } from '../kernel.ts';
import { openLinuxMachine } from './kernel.ts';
import { type Libc, loadLibc } from './libc.ts';
import { byDevice, bySyscall } from './open-userfaultfd.ts';
import { contents, memoryFigure, wholeNumber } from './system-files.ts';

/** What was asked for, or −errno. */
export type Answer<T> =
  | { readonly value: T; readonly errno?: never }
  | { readonly value?: never; readonly errno: number };

/** 0, or the −errno with which that way of making a userfaultfd is refused. */
export interface Ways {
  /** userfaultfd(0): faults of the kernel itself are served too. */
  readonly syscall: number;
  readonly syscallUserMode: number;
  readonly device: number;
}

export const MEMORIES = ['anonymous', 'shmem', 'hugetlb'] as const;
export type Memory = (typeof MEMORIES)[number];

export const REGISTER_MODES = {
  MISSING: UFFDIO_REGISTER_MODE_MISSING,
  WP: UFFDIO_REGISTER_MODE_WP,
  MINOR: UFFDIO_REGISTER_MODE_MINOR,
} as const;
export type RegisterMode = keyof typeof REGISTER_MODES;

/** One page of that memory, registered in that mode: the mask of the ioctls that serve it. */
export interface Registration {
  readonly memory: Memory;
  readonly mode: RegisterMode;
  readonly ioctls: Answer<bigint>;
}

/** What only system calls can tell. */
export interface Probes {
  readonly ffi: string;
  readonly ways: Ways;
  readonly features: Answer<bigint>;
  readonly registrations: readonly Registration[];
}

/** Tries everything. Where there is no FFI, nothing can be tried, and `why` says why. */
export function probeAll():
  | { readonly probes: Probes; readonly why?: never }
  | { readonly probes?: never; readonly why: string } {
  const { libc, why } = loadLibc();
  if (libc === undefined) return { why };
  const kernel = openLinuxMachine(libc, false);
  try {
    const registrations = MEMORIES.flatMap((memory) =>
      Object.keys(REGISTER_MODES).map((mode) => register(kernel, memory, mode as RegisterMode)),
    );
    return { probes: { ffi: libc.ffi, ways: tryWays(libc), features: askFeatures(kernel), registrations } };
  } finally {
    kernel.dispose();
  }
}

function tryWays(libc: Libc): Ways {
  const outcome = (fd: number): number => (fd < 0 ? fd : libc.close(fd));
  return {
    syscall: outcome(bySyscall(libc, O_CLOEXEC)),
    syscallUserMode: outcome(bySyscall(libc, O_CLOEXEC | UFFD_USER_MODE_ONLY)),
    device: outcome(byDevice(libc, O_CLOEXEC | UFFD_USER_MODE_ONLY)),
  };
}

function askFeatures(kernel: Kernel): Answer<bigint> {
  return withUserfaultfd(kernel, (_, features) => ({ value: features }));
}

/** Hands `use` a userfaultfd past its handshake, and the features which that reported. */
function withUserfaultfd<T>(kernel: Kernel, use: (fd: number, features: bigint) => Answer<T>): Answer<T> {
  const fd = kernel.userfaultfd(O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (fd < 0) return { errno: fd };
  try {
    const arg = uffdioApi.encode({ api: UFFD_API, features: 0n });
    const errno = kernel.ioctl(fd, UFFDIO_API, arg);
    return errno < 0 ? { errno } : use(fd, uffdioApi.take(arg, 'features'));
  } finally {
    kernel.close(fd);
  }
}

function register(kernel: Kernel, memory: Memory, mode: RegisterMode): Registration {
  const ioctls = withUserfaultfd(kernel, (uffd) =>
    withPage(kernel, memory, (start, len) => {
      const arg = uffdioRegister.encode({ start, len, mode: REGISTER_MODES[mode] });
      const errno = kernel.ioctl(uffd, UFFDIO_REGISTER, arg);
      return errno < 0 ? { errno } : { value: uffdioRegister.take(arg, 'ioctls') };
    }),
  );
  return { memory, mode, ioctls };
}

type UsePage<T> = (start: number, length: number) => Answer<T>;

/** Maps one page of that memory, huge where its pages are. Nothing touches it, so that none need be free. */
function withPage<T>(kernel: Kernel, memory: Memory, use: UsePage<T>): Answer<T> {
  if (memory === 'anonymous') {
    return withMapping(kernel, { length: PAGE_BYTES, flags: MAP_PRIVATE | MAP_ANONYMOUS, fd: -1 }, use);
  }
  const huge = memory === 'hugetlb';
  const fd = kernel.memfd_create('doctor', MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));
  if (fd < 0) return { errno: fd };
  try {
    const length = huge ? (hugePages()?.pageBytes ?? 2 ** 21) : PAGE_BYTES;
    const errno = kernel.ftruncate(fd, length);
    // Without NORESERVE, mapping takes a huge page out of the pool: and so fails where none is reserved.
    return errno < 0
      ? { errno }
      : withMapping(kernel, { length, flags: MAP_SHARED | MAP_NORESERVE, fd }, use);
  } finally {
    kernel.close(fd);
  }
}

interface Wanted {
  readonly length: number;
  readonly flags: number;
  readonly fd: number;
}

function withMapping<T>(kernel: Kernel, { length, flags, fd }: Wanted, use: UsePage<T>): Answer<T> {
  const start = kernel.mmap(0, length, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (start < 0) return { errno: start };
  try {
    return use(start, length);
  } finally {
    kernel.munmap(start, length);
  }
}

/** proc_self_status(5): what decides on privileges. null where /proc does not tell. */
export interface Privileges {
  /** vm.unprivileged_userfaultfd */
  readonly unprivileged: number | null;
  readonly capSysPtrace: boolean | null;
  /** 0: none, 1: strict, 2: a filter, as containers have. */
  readonly seccomp: number | null;
}

const CAP_SYS_PTRACE = 1n << 19n;

export function privileges(): Privileges {
  const status = contents('/proc/self/status');
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return {
    unprivileged: wholeNumber(contents('/proc/sys/vm/unprivileged_userfaultfd')),
    capSysPtrace: effective === undefined ? null : (BigInt(`0x${effective}`) & CAP_SYS_PTRACE) !== 0n,
    seccomp: wholeNumber(/^Seccomp:\s*(\d+)/m.exec(status)?.[1] ?? ''),
  };
}

/** The pool of huge pages of the default size. */
export interface HugePages {
  readonly pageBytes: number;
  readonly total: number;
  readonly free: number;
}

/** null where the kernel has no huge pages. */
export function hugePages(): HugePages | null {
  const kib = memoryFigure('Hugepagesize');
  const total = memoryFigure('HugePages_Total');
  if (kib === null || total === null) return null;
  return { pageBytes: kib * 1024, total, free: memoryFigure('HugePages_Free') ?? 0 };
}

/** Bytes that could be had without swapping; null where /proc does not tell. */
export function availableMemory(): number | null {
  const kib = memoryFigure('MemAvailable');
  return kib === null ? null : kib * 1024;
}
