/** The real kernel behind the seam: what it answers, and what it refuses before C sees it. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import * as u from '../../dist/uffd/index.js';

const P = u.PAGE_BYTES;
const RW = u.PROT_READ | u.PROT_WRITE;
const PRIVATE = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
const { kernel: available, why } = u.chooseKernel('auto', u.UFFD_FEATURE_MOVE);
if (available === 'sim') console.warn(`SKIPPED: tests of the real kernel: ${why}`);

beforeEach((context) => context.skip(available === 'sim', why));

function openLinux(): u.Kernel {
  const kernel = u.openKernel('linux');
  onTestFinished(() => {
    kernel.dispose();
    kernel.dispose();
  });
  return kernel;
}

function mapFile(k: u.Kernel, pages: number): { fd: number; heap: number; alias: number } {
  const fd = k.memfd_create('test', 0);
  k.ftruncate(fd, pages * P);
  const [heap, alias] = [0, 1].map(() => k.mmap(0, pages * P, RW, u.MAP_SHARED, fd, 0));
  return { fd, heap: heap as number, alias: alias as number };
}

/** Runs a function's source in a thread that has the kernel as `k`; what it answers, or the name of its error. */
function inThread(k: u.Kernel, source: string, data: object): Promise<unknown> {
  const entry = new URL('../../dist/uffd/index.js', import.meta.url).href;
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(entry)}).then((u) => {
      const k = u.openKernel(workerData.handle);
      try { parentPort.postMessage((${source})(k, u, workerData)); }
      catch (error) { parentPort.postMessage(error.name); }
    });`;
  const worker = new Worker(code, { eval: true, workerData: { handle: k.handle(), ...data } });
  onTestFinished(async () => {
    await worker.terminate();
  });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

const asleep = async (k: u.Kernel, fd: number): Promise<void> => {
  while ((k.fdinfo(fd) as u.UffdInfo).total === 0) await new Promise((resolve) => setImmediate(resolve));
};

it('a thread faults in a bare load, and goes on after CONTINUE; the stall is told at the next safepoint, or the end', async () => {
  const k = openLinux();
  const uffd = u.openUserfaultfd(k, { flags: u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY });
  const { heap, alias } = mapFile(k, 4);
  uffd.register(heap, 4 * P, u.UFFDIO_REGISTER_MODE_MINOR);
  k.store32(alias + P, 77);
  const stalls = `(k, u, { heap }) => {
    const told = [];
    const view = k.mutatorView(heap, 4 * 4096);
    view.onStall = (address, began, ended) => told.push(ended - began > 10);
    view.enter();
    const first = view.load(1024);
    view.quiesce();
    view.quiesce();
    told.push('safepoints');
    const second = view.load(2048);
    view.leave();
    told.push('left');
    view.enter();
    view.load(2048);
    view.leave();
    return [first, second, ...told];
  }`;
  const done = inThread(k, stalls, { heap });
  k.store32(alias + 2 * P, 78);
  for (const page of [1, 2]) {
    await asleep(k, uffd.fd);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(k.poll(uffd.fd, u.POLLIN, -1)).toBe(u.POLLIN);
    expect(uffd.read()).toMatchObject({ address: heap + page * P, flags: u.UFFD_PAGEFAULT_FLAG_MINOR });
    expect(uffd.continue(heap + page * P, P)).toEqual({ done: P, errno: 0 });
  }
  expect(await done).toEqual([77, 78, true, 'safepoints', true, 'left']);
  expect(k.pagemap(heap + P)).toEqual({ present: true, writeProtected: false, file: true });
});

it('presence tells of more pages than it reads at a time', () => {
  const k = openLinux();
  const addr = k.mmap(0, 9000 * P, RW, PRIVATE, -1, 0);
  const there = [0, 1, 4095, 4096, 8999];
  for (const page of there) k.store32(addr + page * P, 1);
  const all = k.presence(addr, 9000);
  expect([...all.keys()].filter((page) => all[page] !== 0)).toEqual(there);
  expect(there.every((page) => k.pagemap(addr + page * P).present)).toBe(true);
  expect(k.presence(addr + 4096 * P + 8, 2)).toEqual(Uint8Array.of(1, 0));
});

it('the end of the machine ends a poll and wakes who sleeps in a fault', async () => {
  const k = openLinux();
  const uffd = u.openUserfaultfd(k, { flags: u.O_NONBLOCK });
  const addr = k.mmap(0, P, RW, PRIVATE, -1, 0);
  uffd.register(addr, P, u.UFFDIO_REGISTER_MODE_MISSING);
  const quiet = k.userfaultfd(u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY);
  k.ioctl(quiet, u.UFFDIO_API, u.uffdioApi.encode({ api: u.UFFD_API, features: 0n }));
  const poll = inThread(k, '(k, u, { fd }) => k.poll(fd, u.POLLIN, -1)', { fd: quiet });
  const load = inThread(k, '(k, u, { addr }) => k.load32(addr)', { addr });
  await asleep(k, uffd.fd);
  k.dispose();
  expect(await Promise.all([poll, load])).toEqual(['MachineGoneError', 0]);
  expect(() => k.gettid() && k.fdinfo(0)).toThrow(u.MachineGoneError);
});

it('a move takes along what is the machine’s, over holes, and nothing that is not', () => {
  const [k, other] = [openLinux(), openLinux()];
  const addr = k.mmap(0, 4 * P, RW, PRIVATE, -1, 0);
  const target = k.mmap(0, 4 * P, RW, PRIVATE, -1, 0);
  for (const page of [0, 3]) k.store32(addr + page * P, page + 1);
  k.munmap(addr + P, 2 * P);
  const there = other.mmap(addr + P, P, RW, PRIVATE | u.MAP_FIXED_NOREPLACE, -1, 0);
  expect(there).toBe(addr + P);
  const moved = u.MREMAP_MAYMOVE | u.MREMAP_FIXED;
  expect(k.mremap(addr, 4 * P, 4 * P, moved, target)).toBe(-u.EFAULT);
  other.munmap(there, P);
  expect(k.mremap(addr, 4 * P, 4 * P, moved, target)).toBe(target);
  expect([0, 3].map((page) => k.load32(target + page * P))).toEqual([1, 4]);
  expect(() => k.load32(addr)).toThrow(u.AccessError);
});

it('an address that the machine has not mapped is refused, not touched', () => {
  const k = openLinux();
  const addr = k.mmap(0, 2 * P, RW, PRIVATE, -1, 0);
  const fd = k.memfd_create('test', 0);
  k.ftruncate(fd, P); // at the end of a file memory is not asked for
  for (const foreign of [P, addr - 16 * P, addr + 2 * P, 2 ** 46]) {
    expect(() => k.load32(foreign), `${foreign}`).toThrow(u.AccessError);
    expect(() => k.copyIn(foreign, new Uint8Array(8))).toThrow(u.AccessError);
    expect(() => k.pageView(foreign - (foreign % P), P)).toThrow(RangeError);
    expect(k.pread(fd, foreign, 8, 0)).toBe(-u.EFAULT);
    expect(k.madvise(foreign, P, u.MADV_DONTNEED)).toBe(-u.ENOMEM);
    expect(k.mprotect(foreign, P, u.PROT_NONE)).toBe(-u.ENOMEM);
    expect(k.mremap(foreign, P, 2 * P, u.MREMAP_MAYMOVE, 0)).toBe(-u.EFAULT);
    expect(k.mmap(foreign, P, RW, PRIVATE | u.MAP_FIXED, -1, 0)).toBe(-u.EINVAL);
    expect(k.munmap(foreign - (foreign % P), P)).toBe(0);
  }
  expect(() => k.load32(addr + 2 * P - 2)).toThrow(RangeError);
  expect(() => k.mutatorView(addr, 2 ** 33)).toThrow(/more than Node .* allows/);
  k.store32(addr + P, 9);
  expect(k.load32(addr + P)).toBe(9);
});

it('a view outlives its mapping: what it shows then is empty memory', () => {
  const k = openLinux();
  const addr = k.mmap(0, 4 * P, RW, PRIVATE, -1, 0);
  const { words } = k.pageView(addr, 4 * P);
  words.fill(7);
  expect(k.munmap(addr + P, P)).toBe(0);
  expect([words[0], words[1024], words[2048]]).toEqual([7, 0, 7]);
  expect(() => k.load32(addr + P)).toThrow(u.AccessError);
  k.dispose();
  expect([words[0], words[2048]]).toEqual([0, 0]);
});

it('addresses that only other threads had views of are given back in the end; those of an own view are not', async () => {
  const k = openLinux();
  const [own, other] = [0, 1].map(() => k.mmap(0, 4 * P, RW, PRIVATE, -1, 0)) as [number, number];
  const { words } = k.pageView(own, 4 * P);
  words.fill(7);
  const seen = await inThread(k, '(k, u, { other }) => k.pageView(other, 4096).words[0]', { other });
  expect(seen).toBe(0);
  const mapped = (addr: number) =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .map((line) => line.split(/[- ]/, 2).map((hex) => Number.parseInt(hex, 16)))
      .some(([start = 0, end = 0]) => start <= addr && addr < end);
  k.dispose();
  expect([mapped(own), mapped(other)]).toEqual([true, true]);
  k.dispose();
  expect([mapped(own), mapped(other)]).toEqual([true, false]);
  expect([words[0], words[2048]]).toEqual([0, 0]);
});

it('pages that are being moved are not counted twice in the peak', async () => {
  const k = openLinux();
  const pages = 4096;
  const [from, to] = [0, 1].map(() => k.mmap(0, pages * P, RW, PRIVATE, -1, 0)) as [number, number];
  for (let page = 0; page < pages; page++) k.store32(from + page * P, 1);
  const moves = `(k, u, { from, to, length }) => {
    const flags = u.MREMAP_MAYMOVE | u.MREMAP_FIXED | u.MREMAP_DONTUNMAP;
    for (let i = 0; i < 2000; i++) k.mremap(i % 2 ? to : from, length, length, flags, i % 2 ? from : to);
    return 'moved';
  }`;
  let moved = false;
  const done = inThread(k, moves, { from, to, length: pages * P }).finally(() => {
    moved = true;
  });
  while (!moved) {
    k.memory();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await done).toBe('moved');
  expect(k.memory()).toEqual({ bytes: pages * P, peakBytes: pages * P });
});

it('memory is what the files and private mappings hold, and its peak', () => {
  const k = openLinux();
  const { fd, alias } = mapFile(k, 8);
  const addr = k.mmap(0, 8 * P, RW, PRIVATE, -1, 0);
  for (let page = 0; page < 3; page++) k.store32(alias + page * P, 1);
  for (let page = 0; page < 5; page++) k.store32(addr + page * P, 1);
  expect(k.memory()).toEqual({ bytes: 8 * P, peakBytes: 8 * P });
  k.fallocate(fd, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, 0, 2 * P);
  k.madvise(addr, 4 * P, u.MADV_DONTNEED);
  expect(k.memory()).toEqual({ bytes: 2 * P, peakBytes: 8 * P });
});

it('an ioctl finds its argument where it is, also when V8 has moved it', () => {
  const k = openLinux();
  const fd = k.userfaultfd(u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const small = u.uffdioApi.encode({ api: u.UFFD_API, features: 0n });
  expect(k.ioctl(fd, u.UFFDIO_API, small)).toBe(0);
  const wakes = Array.from({ length: 20 }, () => {
    const arg = new Uint8Array(16); // small enough to lie in V8's own heap
    arg.set(u.uffdioRange.encode({ start: 4096, len: 4096 }));
    const first = k.ioctl(fd, u.UFFDIO_WAKE, arg);
    collectGarbage();
    const again = k.ioctl(fd, u.UFFDIO_WAKE, arg);
    arg[8] = 1; // a length that is no whole page
    return [first, again, k.ioctl(fd, u.UFFDIO_WAKE, arg)];
  });
  expect(wakes).toEqual(wakes.map(() => [0, 0, -u.EINVAL]));
});

describe('linear memory', () => {
  const opened = () => {
    const k = u.openKernel('linux', { linear: true });
    onTestFinished(() => k.dispose());
    return { k, linear: k.linear as NonNullable<u.Kernel['linear']> };
  };
  const map = (k: u.Kernel, addr: number, length: number) =>
    k.mmap(addr, length, RW, PRIVATE | u.MAP_FIXED, -1, 0);

  it('is there when it was asked for', () => {
    expect(openLinux().linear).toBeNull();
    expect(u.openKernel('sim').linear).toBeNull();
  });

  it('shows what is mapped over it, in every thread', async () => {
    const { k, linear } = opened();
    const fd = k.memfd_create('test', 0);
    k.ftruncate(fd, 4 * P);
    const addr = linear.place(4 * P);
    expect(k.mmap(addr, 4 * P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0)).toBe(addr);
    const view = k.pageView(addr, 4 * P);
    view.words[1024] = 7;
    const whole = new Int32Array(linear.memory.buffer);
    expect(whole[(view.linear as number) / 4 + 1024]).toBe(7);
    const elsewhere = k.mmap(0, 4 * P, RW, u.MAP_SHARED, fd, 0);
    expect(k.pageView(elsewhere, 4 * P).linear).toBeUndefined();
    expect(k.load32(elsewhere + P)).toBe(7);
    const look =
      '(k, u, { addr }) => { const v = k.pageView(addr, 4 * 4096); return [v.linear, v.words[1024]]; }';
    expect(await inThread(k, look, { addr })).toEqual([view.linear, 7]);
  });

  it('has words beside the mappings, all zero, which can be posted and are no memory of the machine', async () => {
    const { k, linear } = opened();
    const words = linear.allocate(64 << 20) as Int32Array;
    expect(words.length).toBe(16 << 20);
    expect(words.every((word) => word === 0)).toBe(true);
    words.fill(3);
    expect(k.memory().bytes).toBe(0);
    expect(await inThread(k, '(k, u, { words }) => words[5]', { words })).toBe(3);
    const addr = linear.place(P);
    map(k, addr, P);
    k.store32(addr, 1);
    expect(k.memory().bytes).toBe(P);
    expect(words[0]).toBe(3);
  });

  it('is given out once, aligned for mremap, until there is no room', () => {
    const { linear } = opened();
    const GIB = 2 ** 30;
    const starts = [0, 1, 2, 3, 4].map(() => linear.place(GIB, GIB));
    expect(starts.filter((start) => start > 0).length).toBe(3);
    expect(starts.every((start) => start % GIB === 0)).toBe(true);
    expect(new Set(starts).size).toBe(4); // the three, and 0
    expect(linear.allocate(2 * GIB)).toBeNull();
    expect(linear.allocate(P)).not.toBeNull();
  });

  it('what is unmapped there reads as zero, and is given out again', () => {
    const { k, linear } = opened();
    const first = linear.place(3 * 2 ** 30);
    map(k, first, 3 * 2 ** 30);
    k.store32(first + P, 5);
    const { words } = k.pageView(first, P * 2);
    expect(k.munmap(first, 3 * 2 ** 30)).toBe(0);
    expect(words[1024]).toBe(0);
    expect(linear.place(3 * 2 ** 30)).toBe(first);
  });

  it('stays when the machine has ended: it is not ours to unmap', () => {
    const { k, linear } = opened();
    const addr = linear.place(P);
    map(k, addr, P);
    const { words } = k.pageView(addr, P);
    words[0] = 9;
    k.dispose();
    k.dispose();
    expect(words[0]).toBe(0);
    words[0] = 4;
    const whole = new Int32Array(linear.memory.buffer);
    expect(whole[words.byteOffset / 4]).toBe(4);
    whole[whole.length - 1] = 1; // or the process ends here
  });
});

it('a short argument is EFAULT, in the order in which the kernel finds it', () => {
  const k = openLinux();
  const fd = k.userfaultfd(u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY);
  expect(k.ioctl(fd, u.UFFDIO_COPY, new Uint8Array(8))).toBe(-u.EINVAL); // before the handshake
  expect(k.ioctl(fd, u.UFFDIO_API, new Uint8Array(8))).toBe(-u.EFAULT);
  k.ioctl(fd, u.UFFDIO_API, u.uffdioApi.encode({ api: u.UFFD_API, features: 0n }));
  expect(k.ioctl(fd, u.UFFDIO_COPY, new Uint8Array(8))).toBe(-u.EFAULT);
  expect(k.ioctl(fd, u.UFFDIO_COPY, null)).toBe(-u.EFAULT);
});

it.each([2 ** 21, 2 ** 30])('memory of %i bytes lies where one entry of a page table covers it', (bytes) => {
  const k = openLinux();
  const fd = k.memfd_create('test', 0);
  k.ftruncate(fd, bytes);
  for (const addr of [k.mmap(0, bytes, RW, PRIVATE, -1, 0), k.mmap(0, bytes, RW, u.MAP_SHARED, fd, 0)]) {
    expect(addr).toBeGreaterThan(0);
    expect(addr % bytes).toBe(0);
  }
});
