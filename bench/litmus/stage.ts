/**
 * A kernel and three threads on which programs run, one after the other, in lock step: each step is made when every thread
 * has answered or sleeps in a fault, and is followed by a look at everything. Two kernels that agree say the same
 * after each step.
 *
 * All is quiet when as many sleep (waiting.ts) as have not answered.
 */
import * as u from '../../uffd/index.ts';
import { type Actor, startActor } from './actor.ts';
import { claimHugePool } from './huge-pool.ts';
import { look, openScratch } from './look.ts';
import type { Answer, Names } from './perform.ts';
import {
  CHILD,
  HUGE,
  HUGE_POOL,
  HUGE_ROOM,
  hasHugePages,
  type Program,
  type Step,
  THREADS,
  type ThreadName,
  threadOf,
} from './program.ts';
import { type Machine, type Running, settle, sleepersOf } from './running.ts';
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
/** From the area on, as far as the calls of a program may reach. */
const REACHED_BYTES = (1 + HUGE_ROOM + 4) * u.HUGE_PAGE_BYTES;
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

/** All is quiet, and a process that was forked has its thread. */
function settled(running: Running): [ThreadName, readonly Answer[]][] {
  return settle(running).map(([thread, answers]) => [
    thread,
    answers.map((each) => adopt(running, thread, each)),
  ]);
}

/** Answers what kernels are compared by. */
function adopt(running: Running, parent: ThreadName, { handle, ...answer }: Answer): Answer {
  if (handle === undefined) return answer;
  const actor = running.actors.get(CHILD) as Actor;
  actor.moveTo(handle);
  running.actors.get(parent)?.moveTo(null); // from now on it is CHILD's alone, and ends with that
  running.names.threads[CHILD] = actor.tid();
  running.hasChild = true;
  return answer;
}

/** What the forked process has in the area; null if there is none, or it sleeps and cannot look. */
function stateOfChild({ hasChild, busy, actors, names, scratch }: Running): string | null {
  return hasChild && !busy.has(CHILD) ? (actors.get(CHILD) as Actor).look(names.base, scratch) : null;
}

/** Whoever sleeps is woken and finds plain memory; then nothing is left of the program. */
function cleanUp(running: Running): void {
  const { kernel, names } = running;
  const area = REACHED_BYTES;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE;
  if (running.hasEvents) unmapTelling(running);
  kernel.munmap(names.base, area);
  kernel.mmap(names.base, area, u.PROT_READ | u.PROT_WRITE, flags, -1, 0);
  for (const [key, fd] of Object.entries(names.uffds)) {
    kernel.ioctl(fd, u.UFFDIO_WAKE, u.uffdioRange.encode({ start: names.base, len: area }));
    settled(running); // before it is closed: a call may be using it
    kernel.close(fd);
    delete names.uffds[key];
  }
  for (const fd of Object.values(names.files)) kernel.close(fd);
  kernel.munmap(names.base, area);
  if (running.hasChild) (running.actors.get(CHILD) as Actor).moveTo(null);
}

/** A FORK that nobody has read brings a userfaultfd that nobody has a name for. */
function closeBrought(kernel: u.Kernel, into: Uint8Array, bytes: number): void {
  for (let at = 0; at < bytes; at += u.uffdMsg.size) {
    const message = u.uffdMsg.decode(into.subarray(at));
    if (message.event === u.UFFD_EVENT_FORK) kernel.close(message.ufd);
  }
}

/**
 * What is unmapped may have to be told, which who unmaps it cannot read itself. Others wait for theirs to be read, too: then they
 * are done, and map nothing any more.
 */
function unmapTelling(running: Running): void {
  const { kernel, names, janitor } = running;
  const into = new Uint8Array(16 * u.uffdMsg.size);
  const readAll = (): void => {
    for (const fd of Object.values(names.uffds))
      for (let bytes = kernel.read(fd, into); bytes > 0; bytes = kernel.read(fd, into))
        closeBrought(kernel, into, bytes);
  };
  for (const fd of Object.values(names.uffds)) kernel.fcntl(fd, u.F_SETFL, u.O_NONBLOCK);
  janitor.ask([{ call: 'munmap', at: 0, pages: REACHED_BYTES / u.PAGE_BYTES }], names);
  while (janitor.answers() === null) readAll();
  do {
    readAll();
    settled(running);
  } while (sleepersOf(running).includes('event'));
}
