/**
 * What a fault thread does for a page in each of its states, in a mode where anyone publishes and in one where only
 * the owner of a buffer can. The thread is the real one; the messages and the mapping are made up.
 */
import { describe, expect, it } from 'vitest';
import { allocateCycle, CYCLE, openCycle, openWork, workersInside } from '../../dist/gc/cycle.js';
import { EVENT } from '../../dist/gc/events.js';
import { type FaultService, serveFaults } from '../../dist/gc/fault-service.js';
import { PAGE, type PageStateName } from '../../dist/gc/page-state.js';
import { allocateMetadata, openTables } from '../../dist/heap/layout.js';
import { UFFD_EVENT_PAGEFAULT } from '../../dist/uffd/abi.js';

const HEAP = 0x40000;
const TERMINATION = 0x1000;
const USED = 6;

interface Setting {
  readonly states: readonly PageStateName[];
  readonly anyonePublishes?: boolean;
  readonly open?: boolean;
  /** How many pages a publishing call gets done, call by call; all of them unless said. */
  readonly parts?: readonly number[];
}

/** Serves faults on those pages, in order; what it did, as lines. */
function serve(
  pages: readonly number[],
  { states, anyonePublishes = true, open = true, parts = [] }: Setting,
) {
  const did: string[] = [];
  const geometry = { heapBytes: 16 * 4096, mutators: 1, rootSlots: 8, tlabPages: 2 };
  const tables = openTables(allocateMetadata(geometry), geometry);
  for (const [page, state] of states.entries()) tables.pageStates[page] = PAGE[state];
  const cycle = openCycle(allocateCycle());
  if (open) openWork(cycle);
  cycle[CYCLE.usedPages] = USED;
  cycle[CYCLE.faultThreads] = 1;
  const left = [...parts];
  const inside = () => expect(workersInside(cycle)).toBe(1);
  const service = {
    heap: HEAP,
    terminationPage: TERMINATION,
    uffd: {
      read: queue(pages),
      wake: (start: number, length: number) => did.push(`wake ${(start - HEAP) / 4096}+${length / 4096}`),
      zeropage: () => did.push('end'),
    },
    maker: {
      tables,
      cycle,
      role: 1,
      sources: {},
      unit: 1,
      patience: { outlasts: (refused: number) => refused === 0 }, // progress is no refusal
      mode: { name: 'made up', anyonePublishes },
      events: { emit: (kind: number) => kind === EVENT.fault && did.push('fault') },
      fill: (page: number) => {
        inside();
        did.push(`make ${page}`);
      },
      thread: {
        fromSpace: () => ({}),
        target: () => new Int32Array(0),
        slot: () => 0,
        publish: (first: number, count: number) => {
          inside();
          const done = Math.min(count, left.shift() ?? count);
          did.push(`publish ${first}+${done}`);
          return done === count ? { done: 4096 * done, errno: 0 } : { done: 4096 * done, errno: 11 };
        },
      },
    },
  };
  serveFaults(service as unknown as FaultService);
  expect(did.pop()).toBe('end');
  expect(workersInside(cycle)).toBe(0);
  const names = Object.keys(PAGE);
  return { did, states: [...tables.pageStates.slice(0, states.length)].map((state) => names[state]) };
}

function queue(pages: readonly number[]) {
  const addresses = [...pages.map((page) => HEAP + page * 4096), TERMINATION];
  return () => ({ event: UFFD_EVENT_PAGEFAULT, flags: 0, address: addresses.shift() });
}

describe('a page that nobody has', () => {
  it('is made, published, and counted', () => {
    const { did, states } = serve([2], { states: ['processing', 'processing', 'unprocessed'] });
    expect(did).toEqual(['fault', 'make 2', 'publish 2+1']);
    expect(states).toEqual(['processing', 'processing', 'published']);
  });

  it('takes the processed pages above it along, where anyone publishes', () => {
    const { did, states } = serve([0], {
      states: ['unprocessed', 'processed', 'processed', 'processing', 'processed'],
    });
    expect(did).toEqual(['fault', 'make 0', 'publish 0+3']);
    expect(states).toEqual(['published', 'published', 'published', 'processing', 'processed']);
  });

  it('takes nobody else’s page along, where pages are in buffers', () => {
    const { did, states } = serve([0], { states: ['unprocessed', 'processed'], anyonePublishes: false });
    expect(did).toEqual(['fault', 'make 0', 'publish 0+1']);
    expect(states).toEqual(['published', 'processed']);
  });

  it('takes no page along that is not of this collection', () => {
    const states: PageStateName[] = [...Array(USED - 1).fill('published'), 'unprocessed', 'processed'];
    expect(serve([USED - 1], { states }).states).toEqual([...Array(USED).fill('published'), 'processed']);
  });

  it('is published to its end if the ioctl stops half way', () => {
    const states: PageStateName[] = ['unprocessed', 'processed', 'processed', 'processed'];
    const done = serve([0], { states, parts: [1, 0, 2] });
    expect(done.did.slice(2)).toEqual(['publish 0+1', 'publish 1+0', 'publish 1+2', 'publish 3+1']);
    expect(done.states).toEqual(Array(4).fill('published'));
  });
});

describe('a page that a compactor is making', () => {
  it('is asked of it', () => {
    const { did, states } = serve([1], { states: ['processing', 'processing'] });
    expect(did).toEqual(['fault']);
    expect(states).toEqual(['processing', 'wanted']);
  });
});

describe('a page that is made', () => {
  it('is published with those above it, where anyone publishes', () => {
    const { did, states } = serve([1], { states: ['processed', 'processed', 'processed', 'wanted'] });
    expect(did).toEqual(['fault', 'publish 1+2']);
    expect(states).toEqual(['processed', 'published', 'published', 'wanted']);
  });

  it('is asked of its owner, where it is in a buffer', () => {
    const { did, states } = serve([0], { states: ['processed', 'processed'], anyonePublishes: false });
    expect(did).toEqual(['fault']);
    expect(states).toEqual(['wanted', 'processed']);
  });
});

describe('a page that somebody is about to publish', () => {
  it.each(['wanted', 'faultProcessing', 'publishing'] as const)('(%s) is left to them', (state) => {
    const { did, states } = serve([0], { states: [state, 'processed'] });
    expect(did).toEqual(['fault']);
    expect(states).toEqual([state, 'processed']);
  });
});

describe('a message that comes late', () => {
  it('for a page that is mapped by now wakes whoever sleeps on it', () => {
    const { did, states } = serve([1], { states: ['processed', 'published'] });
    expect(did).toEqual(['fault', 'wake 1+1']);
    expect(states).toEqual(['processed', 'published']);
  });

  it('twice for one page makes it once', () => {
    expect(serve([0, 0], { states: ['unprocessed'] }).did.filter((line) => line === 'make 0')).toHaveLength(
      1,
    );
  });

  it('when the compaction is over does nothing: the collector wakes all', () => {
    const { did, states } = serve([0], { states: ['unprocessed'], open: false });
    expect([did, states]).toEqual([[], ['unprocessed']]);
  });

  // States above the pages of this collection are left from an earlier one.
  it.each(['unprocessed', 'processed', 'processing', 'published'] as const)(
    'of an earlier, larger collection (%s) touches no page that is not watched now',
    (state) => {
      const states: PageStateName[] = [...Array(USED).fill('unprocessed'), state];
      const done = serve([USED], { states });
      expect(done.did).toEqual([]);
      expect(done.states).toEqual(states);
    },
  );
});
