/** Whether the real kernel can be had here, and if not what is missing and what to do about it. */
import {
  O_CLOEXEC,
  UFFD_API,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  uffdioApi,
} from '../abi.ts';
import { ENOSYS, EPERM, errnoName } from '../errno.ts';
import type { Missing } from '../unavailable.ts';
import { type Libc, loadLibc } from './libc.ts';
import { openUserfaultfdFile } from './open-userfaultfd.ts';

/** What there is of the real kernel. */
export interface LinuxProbe {
  /** The C library, if the FFI is here. */
  readonly libc?: Libc;
  /** What userfaultfd offers (UFFD_FEATURE_*), if we may have one. */
  readonly features?: bigint;
  /** Why one of these is not here; or, if both are, minor faults. */
  readonly missing?: Missing;
}

const NO_MINOR_FAULTS: Missing = {
  why: 'this kernel has no minor faults on shared memory (UFFD_FEATURE_MINOR_SHMEM)',
  remedy: 'boot Linux 5.14 or later, or use --kernel sim, which needs nothing',
};

const USE_SIM = 'use --kernel sim, which needs nothing';

let probed: LinuxProbe | undefined;

/** Probes once for each thread. */
export function probeLinux(): LinuxProbe {
  probed ??= probe();
  return probed;
}

function probe(): LinuxProbe {
  if (process.platform !== 'linux') {
    return { missing: { why: `this is ${process.platform}, and userfaultfd is Linux's`, remedy: USE_SIM } };
  }
  const { libc, why } = loadLibc();
  if (libc === undefined) return { missing: { why, remedy: `npm install koffi, or ${USE_SIM}` } };
  const features = availableFeatures(libc);
  if (typeof features !== 'bigint') return { libc, missing: features };
  if ((features & UFFD_FEATURE_MINOR_SHMEM) === 0n) return { libc, features, missing: NO_MINOR_FAULTS };
  return { libc, features };
}

/** What the handshake on a throw-away userfaultfd reports. */
function availableFeatures(libc: Libc): bigint | Missing {
  const fd = openUserfaultfdFile(libc, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (fd < 0) return refusal(fd);
  const arg = uffdioApi.encode({ api: UFFD_API, features: 0n });
  const answer = libc.ioctl(fd, UFFDIO_API, arg);
  libc.close(fd);
  if (answer < 0) {
    return { why: `the UFFDIO_API handshake fails: ${errnoName(answer)}`, remedy: USE_SIM };
  }
  return uffdioApi.take(arg, 'features');
}

function refusal(errno: number): Missing {
  if (errno === -EPERM) {
    return {
      why: 'userfaultfd is not permitted here (EPERM)',
      remedy: `run as root, or with seccomp allowing it, or sysctl vm.unprivileged_userfaultfd=1; or ${USE_SIM}`,
    };
  }
  if (errno === -ENOSYS) {
    return {
      why: `this kernel, or this sandbox, has no userfaultfd on ${process.arch} (ENOSYS)`,
      remedy: `boot a kernel with CONFIG_USERFAULTFD, or ${USE_SIM}`,
    };
  }
  return { why: `userfaultfd answers ${errnoName(errno)}`, remedy: USE_SIM };
}
