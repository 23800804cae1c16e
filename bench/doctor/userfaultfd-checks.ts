/** The ways to a userfaultfd, which of them is used, and what decides on them. */
import { EACCES, ENOENT, EPERM, errnoName } from '../../uffd/index.ts';
import type { Privileges, Ways } from '../../uffd/linux/doctor.ts';
import { DEVICE } from '../../uffd/linux/open-userfaultfd.ts';
import type { HostFacts } from './host-facts.ts';
import { type Check, UNKNOWN } from './report.ts';

export function userfaultfdChecks(facts: HostFacts): readonly Check[] {
  return [
    used(facts),
    syscall(facts),
    syscallUserMode(facts),
    device(facts),
    sysctl(facts),
    capability(facts),
  ];
}

function used({ probes, missing }: HostFacts): Check {
  const name = 'userfaultfd';
  const why = 'a mutator sleeps in it until its page is made';
  if (probes === null) return { name, why, ...UNKNOWN };
  const { features, ways } = probes;
  if (features.errno === undefined)
    return { name, ok: true, found: `by ${wayUsed(ways)}`, why, remedy: null };
  return {
    name,
    ok: false,
    found: errnoName(features.errno),
    why: missing?.why ?? null,
    remedy: missing?.remedy ?? null,
  };
}

/** As openUserfaultfdFile (uffd/linux) has it: the device serves where the system call wants a privilege. */
function wayUsed({ syscallUserMode }: Ways): string {
  return syscallUserMode === -EPERM ? DEVICE : 'the system call, UFFD_USER_MODE_ONLY';
}

function syscall({ probes, privileges }: HostFacts): Check {
  const name = 'userfaultfd(0)';
  const why = 'serves faults of the kernel itself too, as of read(2) into a heap; not needed for a collector';
  if (probes === null) return { name, why, ...UNKNOWN };
  const errno = probes.ways.syscall;
  if (errno >= 0) return { name, ok: true, found: 'works', why, remedy: null };
  const allowed = privileges.capSysPtrace === true || privileges.unprivileged === 1;
  const rule = allowed
    ? 'Linux’s own rules allow it here: a security module refuses it'
    : 'it takes CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd=1';
  const privilege = 'run as root, or as root: sysctl vm.unprivileged_userfaultfd=1';
  return {
    name,
    ok: false,
    found: errnoName(errno),
    why: refusal(errno, rule, privileges),
    remedy: allowed || errno !== -EPERM ? callRemedy(privileges) : privilege,
  };
}

function syscallUserMode({ probes, privileges }: HostFacts): Check {
  const name = 'userfaultfd(UFFD_USER_MODE_ONLY)';
  const why = 'needs no privilege: what this package asks for';
  if (probes === null) return { name, why, ...UNKNOWN };
  const errno = probes.ways.syscallUserMode;
  if (errno >= 0) return { name, ok: true, found: 'works', why, remedy: null };
  return {
    name,
    ok: false,
    found: errnoName(errno),
    why: refusal(
      errno,
      'it takes no privilege from Linux 5.11 on: an older kernel, or a security module, refuses it',
      privileges,
    ),
    remedy: callRemedy(privileges),
  };
}

/** What helps where no privilege does. */
function callRemedy({ seccomp }: Privileges): string {
  return seccomp === 2
    ? 'allow userfaultfd in the container’s seccomp profile'
    : 'boot Linux 5.11 or later, with CONFIG_USERFAULTFD';
}

/** Why a system call is refused. A filter's refusal looks like any other: it can only be pointed at. */
function refusal(errno: number, rule: string, { seccomp }: Privileges): string {
  const why = errno === -EPERM ? rule : 'this kernel does not know it, or not the flag';
  return seccomp === 2 ? `${why}; or a seccomp filter is what refuses it: one is on this process` : why;
}

function device({ probes }: HostFacts): Check {
  const name = DEVICE;
  const why = 'for whoever may open it, without a privilege (Linux 6.1)';
  if (probes === null) return { name, why, ...UNKNOWN };
  const errno = probes.ways.device;
  if (errno >= 0) return { name, ok: true, found: 'works', why, remedy: null };
  const refused = errno === -EACCES || errno === -EPERM;
  return {
    name,
    ok: false,
    found: errno === -ENOENT ? 'no such file' : errnoName(errno),
    why: refused
      ? 'its permissions do not let this user open it'
      : 'this kernel, or this container, has no such device',
    remedy: refused
      ? `as root: setfacl -m u:$USER:rw ${DEVICE}`
      : 'boot Linux 6.1 or later, or mount the device',
  };
}

function sysctl({ privileges: { unprivileged, capSysPtrace }, platform }: HostFacts): Check {
  const name = 'vm.unprivileged_userfaultfd';
  if (platform !== 'linux') return { name, why: 'a sysctl of Linux', ...UNKNOWN };
  if (unprivileged === null) {
    return { name, ok: false, found: 'no such sysctl', why: 'it is there from Linux 5.2 on', remedy: null };
  }
  const found = String(unprivileged);
  if (unprivileged !== 0) {
    return { name, ok: true, found, why: 'lets anybody call userfaultfd(0)', remedy: null };
  }
  const why = 'without CAP_SYS_PTRACE only UFFD_USER_MODE_ONLY is allowed';
  if (capSysPtrace) return { name, ok: false, found, why: `${why}, and this process has it`, remedy: null };
  return { name, ok: false, found, why, remedy: 'as root: sysctl vm.unprivileged_userfaultfd=1' };
}

function capability({ privileges: { capSysPtrace }, platform }: HostFacts): Check {
  const name = 'CAP_SYS_PTRACE';
  if (platform !== 'linux' || capSysPtrace === null)
    return { name, why: 'a capability of Linux', ...UNKNOWN };
  return {
    name,
    ok: capSysPtrace,
    found: capSysPtrace ? 'effective' : 'not effective',
    why: capSysPtrace
      ? 'allows userfaultfd(0)'
      : 'this process does not have it: userfaultfd(0) then wants the sysctl',
    remedy: capSysPtrace ? null : 'run as root, or with docker --cap-add SYS_PTRACE',
  };
}
