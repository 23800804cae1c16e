/** A heap on an older Linux: what its mode needs is there, or it is said which release has it, or another mode runs. */
import { afterAll, describe, expect, it } from 'vitest';
import { type HeapOptions, openHeap } from '../../dist/gc/index.js';
import { expectEveryPageOnce, fixture, KERNEL, MIB, recordsOf, rejection, withHeap } from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterAll(() => expect(workersLeft()).toBe(0));

const list = { program: 'list', length: 3000, collections: 3 };
type Asked = Partial<HeapOptions>;

/** The mode that runs, after collections that were verified. */
async function runs(options: Asked): Promise<string> {
  return withHeap({ verify: 'phases', gcThreads: 2, ...options }, async (heap) => {
    expect((await heap.spawn(fixture('programs'), list).done).result).toBe(3000);
    for (const record of await recordsOf(heap)) expectEveryPageOnce(record, heap.mode);
    expect(heap.fellBack?.from).toBe(heap.mode === options.mode ? undefined : options.mode);
    return heap.mode;
  });
}

const opening = (options: Asked) =>
  rejection(openHeap({ kernel: 'sim', heapBytes: MIB, mutators: 1, ...options }));

// These are options of the simulated kernel.
describe.runIf(KERNEL === 'sim')('a simulated kernel', () => {
  it.each<Asked>([
    { linux: '5.7', mode: 'copy' }, // and without UFFD_USER_MODE_ONLY
    { linux: '5.10', mode: 'copy' },
    { linux: '5.14', mode: 'continue' },
    { linux: '6.1', mode: 'continue-warm' },
    { linux: '6.8', mode: 'move' },
    { linux: '5.4-android', mode: 'continue' }, // its number of CONTINUE is another
    { linux: '5.10-android', arch: 'arm64', mode: 'continue' },
    { linux: '4.3', mode: 'stw' },
    { bits: 32, mode: 'copy' },
    { lacks: ['UFFD_FEATURE_THREAD_ID'], mode: 'copy' }, // messages do not say who sleeps
  ])('%o runs', async (options) => expect(await runs(options)).toBe(options.mode));

  it.each<[Asked, string, string]>([
    [{ linux: '5.13', mode: 'continue' }, 'copy', 'userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM'],
    [{ linux: '6.7', mode: 'move' }, 'copy', 'userfaultfd lacks UFFD_FEATURE_MOVE'],
    [{ bits: 32, mode: 'continue' }, 'copy', 'userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM'],
    [{ linux: '5.6', mode: 'copy' }, 'stw', 'mremap lacks MREMAP_DONTUNMAP'],
  ])('%o falls back to %s, since %s', async (options, to, why) => {
    expect(await runs({ ...options, fallback: true })).toBe(to);
    await withHeap({ ...options, fallback: true }, async ({ fellBack }) => {
      expect(fellBack).toEqual({ from: options.mode, to, why });
    });
  });

  it('is what the mode meets, one of the user too', async () => {
    const mode = new URL('../fixtures/modes/user-mode-only.mjs', import.meta.url).href;
    expect((await opening({ mode, linux: '5.10' })).message).toBe('this kernel answers EINVAL');
    await withHeap({ mode, linux: '5.11' }, async (heap) => expect(heap.fellBack).toBeNull());
  });

  const CANNOT = 'the simulated kernel cannot be used: in ';
  const MINOR = 'userfaultfd lacks UFFD_FEATURE_MINOR_SHMEM, which mode continue needs';
  it.each<[Asked, string]>([
    [{ linux: '5.13' }, `Linux 5.13 ${MINOR}; use --linux 5.14 or later, another mode, or --fallback`],
    [{ arch: 'riscv64', linux: '6.4' }, `Linux 6.4 on riscv64 ${MINOR}; use --linux 6.5 or later,`],
    [{ bits: 32 }, `Linux 6.18 on i386 ${MINOR}; use another mode, or --fallback`],
    [{ linux: '6.1', lacks: ['UFFD_FEATURE_MINOR_SHMEM'] }, `Linux 6.1 ${MINOR}; use another mode,`],
    [{ linux: '5.13', kernel: 'auto' }, `Linux 5.13 ${MINOR}`],
    [
      { linux: '5.6', mode: 'copy' },
      'Linux 5.6 mremap lacks MREMAP_DONTUNMAP, which mode copy needs; use --linux 5.7 or later,',
    ],
    [
      { linux: '5.14', lacks: ['userfaultfd'] },
      'Linux 5.14 there is no userfaultfd, which mode continue needs; use another mode, or --fallback',
    ],
  ])('%o, unasked: no heap', async (options, says) => {
    const error = await opening({ mode: 'continue', ...options });
    expect(error).toMatchObject({
      code: 'KERNEL_UNAVAILABLE',
      message: expect.stringContaining(CANNOT + says),
    });
    expect(error.message).not.toContain('\n');
  });

  it.each<[Asked, RegExp]>([
    [{ linux: '4.2' }, /^linux: 4\.2 is unknown; the versions are from 4\.3 to /],
    [{ arch: 'vax' }, /^arch: vax is unknown/],
    [{ linux: '5.14', kernel: 'linux' }, /^linux, bits, arch: they are of the simulated kernel/],
    [
      { bits: 32, mode: 'copy', heapBytes: 2 ** 31 },
      /^a heap of 2 GiB takes 4\S* GiB of addresses in mode copy, and a 32-bit kernel has 3 GiB for a program; use a heap of at most 1\.\d+ GiB$/,
    ],
  ])('%o is no heap', async (options, says) => {
    const error = await opening(options);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(says);
  });
});
