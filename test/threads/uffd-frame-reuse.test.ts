/**
 * A frame is not used again while a thread may still hold a translation to it: on a machine with hardly a frame to
 * spare, a mutator keeps translations from one quiescent point to the next, while others drop pages and make them
 * anew. It may see a page's old contents, never another page's.
 */
import { expect, it } from 'vitest';
import { mapAnon, openMachine, P } from '../uffd/machine.js';
import { startJob, within } from './stress.js';

const PAGES = 4;

it('a held translation never shows another page', async () => {
  const seed = Date.now() & 0xffff;
  const k = openMachine({ memoryBytes: (2 * PAGES + 2) * P, addressBytes: 256 * P });
  const [mine, other] = [mapAnon(k, PAGES), mapAnon(k, PAGES)];
  const recyclers = [
    startJob(k, 'recycle', { addr: mine, pages: PAGES, tag: 100, seed }),
    startJob(k, 'recycle', { addr: other, pages: PAGES, tag: 200, seed: seed + 1 }),
  ];
  const hold = startJob(k, 'hold', { addr: mine, pages: PAGES, wanted: 100, tag: 100, seed });
  const stale = await within(40_000, `seed ${seed}`, Promise.race([hold, ...recyclers]));
  expect(stale).toBe(100);
  k.dispose();
  expect(await Promise.all(recyclers)).toEqual(['gone', 'gone']);
});
