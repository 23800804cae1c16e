/** The simulated kernel: the `Kernel` interface over a machine, for the thread that attached with it. */
import {
  type Kernel,
  MachineGoneError,
  type MemoryUse,
  type OpenHandle,
  PAGE_BYTES,
  type PageState,
} from '../kernel.ts';
import { storeRelease } from '../sync.ts';
import { copyIn, copyOut, load32, store32 } from './access.ts';
import { announceAll } from './context.ts';
import * as descriptors from './descriptors.ts';
import * as fileIo from './file-io.ts';
import { endProcess, fork } from './fork.ts';
import { frameUse } from './frames.ts';
import { attachMachine, checkAlive, type Machine, STATE } from './machine.ts';
import { madvise } from './madvise.ts';
import * as mappings from './mappings.ts';
import * as memfd from './memfd.ts';
import { sharing } from './mm-lock.ts';
import { mremap } from './mremap.ts';
import { frameOf, isAnon, isPresent, isProtected, loadPte, NO_PTE } from './page-table.ts';
import { pageOf } from './ranges.ts';
import { countThread, inSpace, isAlive } from './spaces.ts';
import {
  enterTranslating,
  freeTask,
  isTranslating,
  leaveTranslating,
  takeTask,
  threadId,
  wakeAllTasks,
} from './tasks.ts';
import * as uffd from './uffd-file.ts';
import * as views from './views.ts';
import { findVma, vmasIn } from './vmas.ts';

/** A method of the kernel. */
type Method = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A) => R;

/** How the calling thread comes in: `requireMachine` throws once the machine is gone or the thread has detached. */
function entrances(m: Machine, task: number, requireMachine: () => void) {
  /** A system call may wait for frames that nobody sees any more: the thread must not be one that might. */
  const systemCall: Method = (call) => {
    return (...args) => {
      requireMachine();
      if (!isTranslating(m, task)) return call(...args);
      leaveTranslating(m, task);
      try {
        return call(...args);
      } finally {
        enterTranslating(m, task);
      }
    };
  };

  /** An access holds a translation while it lasts. */
  const access: Method = (call) => {
    return (...args) => {
      requireMachine();
      if (isTranslating(m, task)) return call(...args);
      enterTranslating(m, task);
      try {
        return call(...args);
      } finally {
        leaveTranslating(m, task);
      }
    };
  };

  return { systemCall, access };
}

function pagemaps(m: Machine, addr: number, pages: number): PageState[] {
  const first = pageOf(addr);
  return sharing(m, () => Array.from({ length: pages }, (_, i) => pageState(m, first + i)));
}

function pageState(m: Machine, page: number): PageState {
  const vma = findVma(m, page);
  const pte = vma === null ? NO_PTE : loadPte(m, page);
  const present = isPresent(pte);
  const file = present && vma !== null && vma.file >= 0 && !isAnon(pte) && frameOf(pte) !== 0;
  return { present, writeProtected: isProtected(pte), file };
}

function presence(m: Machine, addr: number, pages: number): Uint8Array {
  const first = pageOf(addr);
  const all = new Uint8Array(pages);
  sharing(m, () => {
    for (const { start, end } of vmasIn(m, first, first + pages))
      for (let page = Math.max(start, first); page < Math.min(end, first + pages); page++)
        all[page - first] = Number(isPresent(loadPte(m, page)));
  });
  return all;
}

function memory(m: Machine): MemoryUse {
  const { used, peak } = frameUse(m);
  return { bytes: used * PAGE_BYTES, peakBytes: peak * PAGE_BYTES };
}

/** @throws TypeError if it is no handle of a simulated machine */
export function attachSim({ machine, process }: OpenHandle): Kernel {
  return simKernel(attachMachine(machine, process), false);
}

/** The calling thread's kernel on `m`. `opener` tells whether dispose ends the machine or detaches the thread. */
export function simKernel(m: Machine, opener: boolean): Kernel {
  checkAlive(m);
  if (!isAlive(m))
    throw new MachineGoneError('the process has ended: the last thread that was attached to it has detached');
  const task = takeTask(m);
  let attached = true;
  countThread(m, 1);
  const { systemCall, access } = entrances(m, task, () => {
    checkAlive(m);
    if (!attached) throw new MachineGoneError('this thread has detached from the machine (dispose)');
  });

  function dispose(): void {
    if (!attached) return;
    attached = false;
    freeTask(m, task);
    const left = countThread(m, -1);
    if (opener) endMachine(m);
    else if (left === 0 && m.space > 0) endProcess(m);
  }

  return {
    kind: 'sim',
    moveUnit: PAGE_BYTES,
    dropsAtOnce: true,
    linear: null,
    userfaultfd: systemCall((flags) => uffd.userfaultfd(m, flags)),
    ioctl: systemCall((fd, request, arg) => uffd.ioctl(m, task, fd, request, arg)),
    read: systemCall((fd, into) => uffd.read(m, fd, into)),
    poll: systemCall((fd, events, timeoutMs) => uffd.poll(m, fd, events, timeoutMs)),
    close: systemCall((fd) => descriptors.close(m, fd)),
    dup: systemCall((fd) => descriptors.dup(m, fd)),
    fcntl: systemCall((fd, command, value) => descriptors.fcntl(m, fd, command, value)),
    memfd_create: systemCall((name, flags) => memfd.memfdCreate(m, name, flags)),
    ftruncate: systemCall((fd, length) => memfd.ftruncate(m, fd, length)),
    fallocate: systemCall((fd, mode, offset, length) => memfd.fallocate(m, fd, mode, offset, length)),
    pread: systemCall((fd, addr, length, offset) => fileIo.pread(m, task, { fd, addr, length, offset })),
    pwrite: systemCall((fd, addr, length, offset) => fileIo.pwrite(m, task, { fd, addr, length, offset })),
    mmap: systemCall((addr, length, prot, flags, fd, offset) =>
      mappings.mmap(m, task, { addr, length, prot, flags, fd, offset }),
    ),
    munmap: systemCall((addr, length) => mappings.munmap(m, task, addr, length)),
    mremap: systemCall((old, oldLength, newLength, flags, newAddr) =>
      mremap(m, task, { old, oldLength, newLength, flags, newAddr }),
    ),
    mprotect: systemCall((addr, length, prot) => mappings.mprotect(m, addr, length, prot)),
    madvise: systemCall((addr, length, advice) => madvise(m, task, addr, length, advice)),
    fork: systemCall(() => {
      const process = fork(m, task);
      return process < 0 ? process : simKernel(inSpace(m, process), false);
    }),
    load32: access((addr) => load32(m, task, addr)),
    store32: access((addr, value) => store32(m, task, addr, value)),
    copyIn: access((addr, bytes) => copyIn(m, task, addr, bytes)),
    copyOut: access((addr, bytes) => copyOut(m, task, addr, bytes)),
    pagemap: systemCall((addr) => pagemaps(m, addr, 1)[0] as PageState),
    pagemaps: systemCall((addr, pages) => pagemaps(m, addr, pages)),
    presence: systemCall((addr, pages) => presence(m, addr, pages)),
    fdinfo: systemCall((fd) => uffd.fdinfo(m, fd)),
    gettid: systemCall(() => threadId(task)),
    mutatorView: systemCall((addr, length) => views.mutatorView(m, task, addr, length)),
    pageView: systemCall((addr, length) => views.pageView(m, task, addr, length)),
    memory: systemCall(() => memory(m)),
    handle: () => ({ minorfault: 'sim', machine: m.shared, process: m.space }),
    dispose,
  };
}

/** Marks the machine as gone and wakes everything that sleeps in it, to find that out. */
function endMachine(m: Machine): void {
  storeRelease(m.state, STATE.disposed, 1);
  wakeAllTasks(m);
  announceAll(m);
}
