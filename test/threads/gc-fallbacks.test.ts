/** A heap on a kernel that lacks what its mode needs: an error; or, if that was asked for, another mode, which is said. */
import { readdirSync, readlinkSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openHeap } from '../../dist/gc/index.js';
import {
  expectEveryPageOnce,
  fixture,
  KERNEL,
  MIB,
  MODE_NAMES,
  recordsOf,
  rejection,
  withHeap,
} from './gc-heaps.ts';
import { workerNamed, workersLeft } from './worker-watch.ts';

afterAll(() => expect(workersLeft()).toBe(0));

const MINOR = 'UFFD_FEATURE_MINOR_SHMEM';
const MOVE = 'UFFD_FEATURE_MOVE';
const FALLBACKS = [
  ['continue', MINOR, 'copy', `userfaultfd lacks ${MINOR}`],
  ['continue-warm', MINOR, 'copy', `userfaultfd lacks ${MINOR}`],
  ['move', MOVE, 'copy', `userfaultfd lacks ${MOVE}`],
  ...MODE_NAMES.filter((mode) => mode !== 'stw').map(
    (mode) => [mode, 'userfaultfd', 'stw', 'there is no userfaultfd'] as const,
  ),
] as const;

const list = { program: 'list', length: 3000, collections: 3 };

// The real kernel cannot be made to lack something: test/cli/fallback.test.ts stands in for that.
describe.runIf(KERNEL === 'sim')('a simulated kernel', () => {
  it.each(FALLBACKS)('%s without %s: %s runs, and says it', async (from, lacking, to, why) => {
    const options = { mode: from, lacks: [lacking], fallback: true, verify: 'phases', gcThreads: 2 } as const;
    await withHeap(options, async (heap) => {
      expect([heap.kernel, heap.mode, heap.fellBack]).toEqual(['sim', to, { from, to, why }]);
      expect((await heap.spawn(fixture('programs'), list).done).result).toBe(3000);
      for (const record of await recordsOf(heap)) expectEveryPageOnce(record, to);
    });
  });

  it.each(FALLBACKS)('%s without %s, unasked: no heap', async (mode, lacking) => {
    const error = await rejection(
      openHeap({ kernel: 'sim', heapBytes: MIB, mutators: 1, mode, lacks: [lacking] }),
    );
    expect(error.message).toMatch(lacking === 'userfaultfd' ? /^userfaultfd: ENOSYS/ : /^UFFDIO_API: EINVAL/);
  });

  it('a mode that the kernel can run does not fall back', async () => {
    await withHeap({ mode: 'continue', lacks: [MOVE], fallback: true }, async (heap) => {
      expect([heap.mode, heap.fellBack]).toEqual(['continue', null]);
    });
  });
});

it('stw opens no userfaultfd, and starts no thread to serve faults', async () => {
  const isUserfaultfd = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('userfaultfd');
    } catch {
      return false;
    }
  };
  expect(workersLeft()).toBe(0); // and forgets those of other tests
  await withHeap({ mode: 'stw', faultThreads: 2, verify: 'phases' }, async (heap) => {
    expect((await heap.spawn(fixture('programs'), list).done).result).toBe(3000);
    expect(() => workerNamed('fault 0')).toThrow('no worker');
    if (process.platform === 'linux') expect(readdirSync('/proc/self/fd').filter(isUserfaultfd)).toEqual([]);
  });
});
