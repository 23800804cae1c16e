/** The simulated kernel: the `Kernel` interface over a machine, for the thread that attached with it. */
import { EBADF, EINVAL, ENODEV } from '../errno.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MAP_TYPE } from '../abi.ts';
import { type Kernel, PAGE_BYTES, type PageState } from '../kernel.ts';
import { storeRelease, wake } from '../sync.ts';
import * as access from './access.ts';
import { announceAll } from './context.ts';
import * as descriptors from './descriptors.ts';
import { frameUse } from './frames.ts';
import { checkAlive, type Machine, MAX_TASKS, NO_PTE, pageOf, STATE } from './machine.ts';
import * as mappings from './mappings.ts';
import * as memfd from './memfd.ts';
import { isAnon, isPresent, loadPte } from './page-table.ts';
import { freeTask, TASK, takeTask, taskWord, threadId } from './tasks.ts';
import * as uffd from './uffd-file.ts';
import * as views from './views.ts';
import { findVma } from './vmas.ts';

/** The calling thread's kernel on `m`. `opener` tells whether dispose ends the machine or detaches the thread. */
export function simKernel(m: Machine, opener: boolean): Kernel {
  checkAlive(m);
  const task = takeTask(m);
  let attached = true;

  /** Each call begins here: the machine must still be there. */
  function entered<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      checkAlive(m);
      return call(...args);
    };
  }

  function mmap(addr: number, length: number, prot: number, flags: number, fd: number, offset: number): number {
    const type = flags & MAP_TYPE;
    if (type !== MAP_SHARED && type !== MAP_PRIVATE) return -EINVAL;
    if ((flags & MAP_ANONYMOUS) !== 0) return mappings.mmap(m, task, { addr, length, prot, flags, file: null, offset: 0 });
    if (!descriptors.isOpen(m, fd)) return -EBADF;
    const file = descriptors.objectOf(m, fd, descriptors.KIND.memfd);
    if (file < 0) return -ENODEV;
    return mappings.mmap(m, task, { addr, length, prot, flags, file, offset });
  }

  function pagemap(addr: number): PageState {
    const page = pageOf(addr);
    const pte = page < m.addressPages ? loadPte(m, page) : NO_PTE;
    const present = isPresent(pte);
    const file = present && !isAnon(pte) && (findVma(m, page)?.file ?? -1) >= 0;
    return { present, writeProtected: false, file };
  }

  function dispose(): void {
    if (!attached) return;
    attached = false;
    freeTask(m, task);
    if (opener) endMachine(m);
  }

  return {
    kind: 'sim',
    userfaultfd: entered((flags) => uffd.userfaultfd(m, flags)),
    ioctl: entered((fd, request, arg) => uffd.ioctl(m, task, fd, request, arg)),
    read: entered((fd, into) => uffd.read(m, fd, into)),
    poll: entered((fd, events, timeoutMs) => uffd.poll(m, fd, events, timeoutMs)),
    close: entered((fd) => descriptors.close(m, fd)),
    dup: entered((fd) => descriptors.dup(m, fd)),
    fcntl: entered((fd, command, value) => descriptors.fcntl(m, fd, command, value)),
    memfd_create: entered((_name, flags) => memfd.memfdCreate(m, flags)),
    ftruncate: entered((fd, length) => memfd.ftruncate(m, fd, length)),
    fallocate: entered((fd, mode, offset, length) => memfd.fallocate(m, fd, mode, offset, length)),
    pread: entered((fd, addr, length, offset) => memfd.pread(m, task, fd, addr, length, offset)),
    pwrite: entered((fd, addr, length, offset) => memfd.pwrite(m, task, fd, addr, length, offset)),
    mmap: entered(mmap),
    munmap: entered((addr, length) => mappings.munmap(m, addr, length)),
    mremap: entered((old, oldLength, newLength, flags, newAddr) =>
      mappings.mremap(m, old, oldLength, newLength, flags, newAddr),
    ),
    mprotect: entered((addr, length, prot) => mappings.mprotect(m, addr, length, prot)),
    madvise: entered((addr, length, advice) => mappings.madvise(m, task, addr, length, advice)),
    load32: entered((addr) => access.load32(m, task, addr)),
    store32: entered((addr, value) => access.store32(m, task, addr, value)),
    copyIn: entered((addr, bytes) => access.copyIn(m, task, addr, bytes)),
    copyOut: entered((addr, bytes) => access.copyOut(m, task, addr, bytes)),
    pagemap: entered(pagemap),
    fdinfo: entered((fd) => uffd.fdinfo(m, fd)),
    gettid: entered(() => threadId(task)),
    mutatorView: entered((addr, length) => views.mutatorView(m, task, addr, length)),
    pageView: entered((addr, length) => views.pageView(m, task, addr, length)),
    memory: () => {
      const { used, peak } = frameUse(m);
      return { bytes: used * PAGE_BYTES, peakBytes: peak * PAGE_BYTES };
    },
    handle: () => ({ minorfault: 'sim', machine: m.shared }),
    dispose,
  };
}

/** Marks the machine as gone and wakes everything that sleeps in it, to find that out. */
function endMachine(m: Machine): void {
  storeRelease(m.state, STATE.disposed, 1);
  for (let task = 0; task < MAX_TASKS; task++) wake(m.tasks, taskWord(task, TASK.awake));
  announceAll(m);
  wake(m.state, STATE.graceTicks);
}

