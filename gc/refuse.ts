/**
 * Refusals on purpose: a kernel that answers an errno where it was told to, to see what a collection does about it. The
 * calls are counted over all threads that make pages, the collector among them. Without rules there is no such kernel.
 */
import { _IOC_SIZE } from '../uffd/abi/ioctl.ts';
import { loadU64, store64 } from '../uffd/abi/layout.ts';
import {
  requestName,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  uffdioCopy,
  uffdioRange,
} from '../uffd/abi.ts';
import { EAGAIN } from '../uffd/errno.ts';
import { AccessError, type Kernel, PAGE_BYTES, type PageView } from '../uffd/kernel.ts';
import { fetchAdd, loadAcquire, type SharedWords, storeRelease } from '../uffd/sync.ts';

/** What can be refused: a system call, an ioctl by its name, or the memory for a page that is about to be made. */
export type RefusableCall =
  | 'mmap'
  | 'mremap'
  | 'fallocate'
  | 'madvise'
  | 'populate'
  | `UFFDIO_${'REGISTER' | 'UNREGISTER' | 'CONTINUE' | 'COPY' | 'MOVE'}`;

export interface Refusal {
  readonly call: RefusableCall;
  /** As a positive number. */
  readonly errno: number;
  /** So many of the calls are let through first (default 0). */
  readonly after?: number;
  /** So many are refused then (default: all). */
  readonly times?: number;
  /** With EAGAIN, of a call for more: so many pages take effect, and the rest does not. */
  readonly pages?: number;
}

/** Rules, how many calls each has seen, and whether they are in force yet: structured-cloneable. */
export interface Refusals {
  readonly rules: readonly Refusal[];
  readonly seen: SharedWords;
  readonly inForce: SharedWords;
}

export function makeRefusals(rules: readonly Refusal[]): Refusals {
  const words = (count: number): SharedWords => new Int32Array(new SharedArrayBuffer(4 * count));
  return { rules, seen: words(rules.length), inForce: words(1) };
}

/** From now on: what the collector does before its first collection is neither refused nor counted. */
export function beginRefusing({ inForce }: Refusals): void {
  storeRelease(inForce, 0, 1);
}

/** The kernel, but for what the rules say; itself if there are none. */
export function refusing(kernel: Kernel, { rules, seen, inForce }: Refusals): Kernel {
  if (rules.length === 0) return kernel;

  /** The rule that refuses this call; undefined if none does. Each counts it. */
  function ruleFor(call: string): Refusal | undefined {
    if (loadAcquire(inForce, 0) === 0) return undefined;
    let found: Refusal | undefined;
    for (const [i, rule] of rules.entries()) {
      if (rule.call !== call) continue;
      const number = fetchAdd(seen, i, 1) - (rule.after ?? 0);
      if (number >= 0 && number < (rule.times ?? Infinity)) found ??= rule;
    }
    return found;
  }

  type Call = (...args: number[]) => number;
  const unlessRuled = <C extends Call>(name: RefusableCall, call: C): C =>
    ((...args) => {
      const rule = ruleFor(name);
      return rule === undefined ? call(...args) : -rule.errno;
    }) as C;

  return {
    ...kernel,
    mmap: unlessRuled('mmap', kernel.mmap),
    mremap: unlessRuled('mremap', kernel.mremap),
    fallocate: unlessRuled('fallocate', kernel.fallocate),
    madvise: unlessRuled('madvise', kernel.madvise),
    ioctl(fd, request, arg) {
      const rule = arg === null ? undefined : ruleFor(requestName(request >>> 0));
      if (rule === undefined || arg === null) return kernel.ioctl(fd, request, arg);
      return refuseRequest(kernel, fd, request, arg, rule);
    },
    pageView: (addr, length) =>
      viewThat(kernel.pageView(addr, length), addr, () => ruleFor('populate') !== undefined),
  };
}

/** A publishing ioctl that is refused answers −errno in its last field too; or some pages, if the rule lets these through. */
function refuseRequest(kernel: Kernel, fd: number, request: number, arg: Uint8Array, rule: Refusal): number {
  const number = request >>> 0;
  const isTransfer = number === UFFDIO_COPY || number === UFFDIO_MOVE;
  const lengthAt = (isTransfer ? uffdioCopy.fields.len : uffdioRange.fields.len).at;
  const length = loadU64(arg, lengthAt);
  const part = (rule.pages ?? 0) * PAGE_BYTES;
  if (part >= length) return kernel.ioctl(fd, request, arg);
  if (part > 0) {
    store64(arg, lengthAt, part);
    const answer = kernel.ioctl(fd, request, arg);
    store64(arg, lengthAt, length);
    return answer === 0 ? -EAGAIN : answer;
  }
  if (number !== UFFDIO_REGISTER && number !== UFFDIO_UNREGISTER)
    store64(arg, _IOC_SIZE(number) - 8, -rule.errno);
  return -rule.errno;
}

function viewThat(view: PageView, addr: number, isRefused: () => boolean): PageView {
  const unlessItIs = (at: (page: number) => number) => (page: number) => {
    if (isRefused()) throw new AccessError('SIGBUS', addr + page * PAGE_BYTES, 'refused on purpose', true);
    return at(page);
  };
  return { ...view, writable: unlessItIs(view.writable), updatable: unlessItIs(view.updatable) };
}
