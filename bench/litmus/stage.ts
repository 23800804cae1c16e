/**
 * A kernel and three threads on which programs run, one after the other, in lock step: each step is made when every thread
 * has answered or sleeps in a fault, and is followed by a look at everything. Two kernels that agree say the same
 * after each step.
 *
 * All is quiet when as many sleep (waiting.ts) as have not answered.
 */
import * as u from '../../uffd/index.ts';
import { type Actor, startActor } from './actor.ts';
import { cleanUp, REACHED_BYTES } from './clean-up.ts';
import { claimHugePool } from './huge-pool.ts';
import { look, openScratch } from './look.ts';
import type { Answer, Names } from './perform.ts';
import {
  CHILD,
  HUGE,
  HUGE_POOL,
  hasHugePages,
  type Program,
  type Step,
  THREADS,
  type ThreadName,
  threadOf,
} from './program.ts';
import { type Machine, type Running, settled } from './running.ts';
import { begin, mayWakeTwo, probe } from './step.ts';
import { watchSleep } from './waiting.ts';

/** What one step came to, as far as threads say it. */
export interface Effect extends Answer {
  /** Threads that were asleep and have answered now, in the order of their names. */
  readonly woke?: Readonly<Record<string, Answer>>;
  /** It may have woken two threads at once: what they do then, and in which order, is not the kernel's to say. */
  readonly race?: true;
}

/** And what there is now. */
export interface Moment extends Effect {
  /** Of memory, files and userfaultfds (look.ts). */
  readonly state: string;
}

export type Trace = readonly Moment[];

/** What a program with a race came to. */
export interface Raced {
  readonly first: Trace;
  /** What each thread's steps answered, in order; of one that sleeps still: nothing. */
  readonly raced: Readonly<Record<string, readonly Answer[]>>;
  readonly after: Trace;
}

/** What another kernel has said already of accesses that end a process: they are not made, but asked about. */
export interface Foreseen {
  /** Step → signal. */
  readonly signals: ReadonlyMap<number, string>;
  /** The first step in which a sleeping thread would die: the program ends before it. */
  readonly end: number;
  /** Whether a step has come to what was foreseen of it: if not, the program ends after it. */
  readonly isSo?: (step: number, moment: Moment) => boolean;
}

/** Looks on while a program runs in lock step, and must not change anything. */
export interface Observer {
  begin(): void;
  /** Nobody is at anything, but for those who sleep. */
  before(step: Step, names: Names): void;
  after(step: Step, names: Names, effect: Effect): void;
}

export interface Stage {
  /** Of the kernel that it runs on. */
  readonly handle: u.KernelHandle;
  readonly run: (program: Program, foreseen?: Foreseen, observer?: Observer) => Trace;
  /** The same, where nothing but the observer looks on: what takes most of a run's time is left out. */
  readonly watch: (program: Program, observer: Observer) => void;
  /** The same with its race, `turns` saying how far threads are held up at random: what all of it came to. */
  readonly race: (program: Program, turns: () => number) => Raced;
  /** Readies the pool of huge pages: null, or why it cannot be had. */
  readonly claimHugePool: () => Promise<string | null>;
  readonly close: () => Promise<void>;
}

/** Where the area lies; nothing else of the process comes there. */
const BASE = { sim: HUGE * u.PAGE_BYTES, linux: 0x2000_0000_0000 } as const;
/**
 * Small pages of one huge program, at the most: 3,072 of a file, and as many again of each room and of what is copied from, if
 * they are private.
 */
const SMALL_PAGES = 12_288;
/** A machine on which a program that is no longer than ours runs out of nothing but huge pages. */
const SIM = {
  memoryBytes: SMALL_PAGES * u.PAGE_BYTES + HUGE_POOL * u.HUGE_PAGE_BYTES,
  addressBytes: BASE.sim + REACHED_BYTES + 1024 * u.PAGE_BYTES,
  hugePages: HUGE_POOL,
};

/**
 * @param profile which simulated kernel
 * @throws KernelUnavailableError
 */
export async function openStage(kind: 'sim' | 'linux', profile: u.ProfileOptions = {}): Promise<Stage> {
  const kernel = kind === 'sim' ? u.openKernel('sim', { ...SIM, ...profile }) : u.openKernel('linux');
  const actors = new Map<ThreadName, Actor>();
  for (const name of [...THREADS, CHILD] as const) actors.set(name, await startActor(kernel.handle()));
  const janitor = await startActor(kernel.handle());
  const sleepOf = watchSleep(kernel);
  const machine: Machine = { kernel, actors, janitor, sleepOf, scratch: openScratch(kernel) };
  return {
    handle: kernel.handle(),
    run: (program, foreseen, observer) => runProgram(machine, program, foreseen, observer),
    watch: (program, observer) => watchProgram(machine, program, observer),
    race: (program, turns) => raceProgram(machine, program, turns),
    claimHugePool: async () => (kind === 'sim' ? null : claimHugePool(kernel)),
    async close() {
      for (const actor of [...actors.values(), janitor]) await actor.end();
      kernel.dispose();
    },
  };
}

const NONE: Foreseen = { signals: new Map(), end: Infinity };

function runProgram(
  machine: Machine,
  program: Program,
  { signals, end, isSo = () => true }: Foreseen = NONE,
  observer?: Observer,
): Trace {
  observer?.begin();
  return onCleanStage(machine, program, (running) => {
    const trace: Moment[] = [];
    for (const [i, step] of program.steps.slice(0, end).entries()) {
      observer?.before(step, running.names);
      const found = moment(running, step, signals.get(i));
      observer?.after(step, running.names, found);
      trace.push(found);
      if (!isSo(i, found)) break;
    }
    return trace;
  });
}

function watchProgram(machine: Machine, program: Program, observer: Observer): void {
  observer.begin();
  onCleanStage(machine, program, (running) => {
    for (const step of program.steps) {
      observer.before(step, running.names);
      observer.after(step, running.names, effect(running, step, undefined));
    }
  });
}

function raceProgram(machine: Machine, program: Program, turns: () => number): Raced {
  return onCleanStage(machine, program, (running) => {
    const first = program.steps.map((step) => moment(running, step, undefined));
    const raced: Record<string, readonly Answer[]> = {};
    for (const [thread, steps = []] of Object.entries(program.race ?? {})) {
      raced[thread] = [];
      running.busy.set(thread as ThreadName, steps[0] as Step);
      const actor = running.actors.get(thread as ThreadName) as Actor;
      actor.ask(steps, running.names, steps.map(turns));
    }
    for (const [thread, answers] of settled(running)) raced[thread] = answers;
    const after = (program.after ?? []).map((step) => moment(running, step, undefined));
    return { first, raced, after };
  });
}

/** Runs `body` where no program has left anything, and leaves nothing of this one. */
function onCleanStage<Result>(
  machine: Machine,
  program: Program,
  body: (running: Running) => Result,
): Result {
  const { kernel, actors } = machine;
  const threads = Object.fromEntries([...actors].map(([name, { tid }]) => [name, tid()]));
  const names = { base: BASE[kernel.kind], files: {}, hugeFiles: {}, uffds: {}, threads };
  const text = JSON.stringify(program);
  const has = {
    marks: text.includes('"WP"'),
    huge: hasHugePages(program),
    hasEvents: text.includes('"EVENT_'),
  };
  const running: Running = {
    ...machine,
    names,
    ...has,
    hasChild: false,
    blocking: new Set(),
    busy: new Map(),
  };
  try {
    return body(running);
  } finally {
    cleanUp(running);
  }
}

function moment(running: Running, step: Step, signal: string | undefined): Moment {
  const { kernel, names, scratch } = running;
  const found = effect(running, step, signal);
  const child = stateOfChild(running);
  const state = look(kernel, scratch, names, running) + (child === null ? '' : ` | child ${child}`);
  return { ...found, state };
}

function effect(running: Running, step: Step, signal: string | undefined): Effect {
  const { kernel, busy } = running;
  const asking = threadOf(step, running.hasEvents);
  const wasBusy = new Set(busy.keys());
  const races = mayWakeTwo(busy, step);
  let answer = signal === undefined ? begin(running, step) : probe(running, step, signal);
  const woke: Record<string, Answer> = {};
  for (const [thread, answers] of settled(running)) {
    const answered = answers.at(-1) as Answer;
    if (thread === asking && !wasBusy.has(thread)) answer = answered;
    else woke[thread] = answered;
  }
  if ([...busy.values()].some(({ call }) => call === 'madvise')) forgetTranslations(kernel);
  return {
    ...answer,
    ...(Object.keys(woke).length === 0 ? {} : { woke }),
    ...(races ? { race: true } : {}),
  };
}

/** More than Linux forgets translations of one by one: of so many it has every processor forget all. */
const MANY_PAGES = 64;

/**
 * A call of madvise sleeps until its REMOVE is read, and may have dropped pages of a mapping before that one. Since Linux 6.16
 * it has processors forget their translations only when it ends: until then a thread that has read such a page goes on to read
 * what was there, even when the page has been filled anew; or it does not, as its processor likes. Here nobody does.
 */
function forgetTranslations(kernel: u.Kernel): void {
  if (kernel.kind !== 'linux') return;
  const bytes = MANY_PAGES * u.PAGE_BYTES;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
  const addr = kernel.mmap(0, bytes, u.PROT_READ | u.PROT_WRITE, flags, -1, 0);
  for (const page of [0, MANY_PAGES - 1]) kernel.store32(addr + page * u.PAGE_BYTES, 1);
  kernel.munmap(addr, bytes);
}

/** What the forked process has in the area; null if there is none, or it sleeps and cannot look. */
function stateOfChild({ hasChild, busy, actors, names, scratch }: Running): string | null {
  return hasChild && !busy.has(CHILD) ? (actors.get(CHILD) as Actor).look(names.base, scratch) : null;
}
