/**
 * A kernel and three threads on which programs run, one after the other, in lock step: each step is made when every thread
 * has answered or sleeps in a fault, and is followed by a look at everything. Two kernels that agree say the same
 * after each step.
 *
 * A thread counts as asleep while its userfaultfd counts it (fdinfo: `total`); a thread that is in none of these lists
 * and has not answered is still running. So all is quiet when as many are counted as have not answered.
 */
import * as u from '../../uffd/index.ts';
import { sleepWhile } from '../../uffd/sync.ts';
import { type Actor, startActor } from './actor.ts';
import { look, openScratch, type Scratch } from './look.ts';
import { type Answer, open, perform } from './perform.ts';
import { AREA_PAGES, type Program, type Step, THREADS, type ThreadName, threadOf } from './program.ts';

/** What one step came to. */
export interface Moment extends Answer {
  /** Threads that were asleep and have answered now, in the order of their names. */
  readonly woke?: Readonly<Record<string, Answer>>;
  /** It may have woken two threads at once: what they do then, and in which order, is not the kernel's to say. */
  readonly race?: true;
  /** What there is now (look.ts). */
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
}

export interface Stage {
  readonly run: (program: Program, foreseen?: Foreseen) => Trace;
  /** The same with its race, `turns` saying how far threads are held up at random: what all of it came to. */
  readonly race: (program: Program, turns: () => number) => Raced;
  readonly close: () => Promise<void>;
}

/** Where the area lies; nothing else of the process comes there. */
const BASE = { sim: 64 * u.PAGE_BYTES, linux: 0x2000_0000_0000 } as const;
/** A machine on which a program that is no longer than ours runs out of nothing. */
const SIM = { memoryBytes: 1024 * u.PAGE_BYTES, addressBytes: 256 * u.PAGE_BYTES };
const DEADLINE_MS = 3000;
const PAUSE_MS = 0.02;
const CERTAIN_MS = 30;

/** @throws KernelUnavailableError */
export async function openStage(kind: 'sim' | 'linux'): Promise<Stage> {
  const kernel = kind === 'sim' ? u.openKernel('sim', SIM) : u.openKernel('linux');
  const actors = new Map<ThreadName, Actor>();
  for (const name of THREADS) actors.set(name, await startActor(kernel.handle()));
  const scratch = openScratch(kernel);
  return {
    run: (program, foreseen) => runProgram({ kernel, actors, scratch }, program, foreseen),
    race: (program, turns) => raceProgram({ kernel, actors, scratch }, program, turns),
    async close() {
      for (const actor of actors.values()) await actor.end();
      kernel.dispose();
    },
  };
}

interface Machine {
  readonly kernel: u.Kernel;
  readonly actors: ReadonlyMap<ThreadName, Actor>;
  readonly scratch: Scratch;
}

/** A program under way. */
interface Running extends Machine {
  readonly names: {
    readonly base: number;
    readonly files: Record<string, number>;
    readonly uffds: Record<string, number>;
    readonly threads: Record<string, number>;
  };
  /** Userfaultfds whose `read` blocks. */
  readonly blocking: Set<string>;
  /** Whether pages can be write-protected. */
  readonly marks: boolean;
  /** Threads at a call. */
  readonly busy: Map<ThreadName, Step>;
}

const NONE: Foreseen = { signals: new Map(), end: Infinity };

function runProgram(machine: Machine, program: Program, { signals, end }: Foreseen = NONE): Trace {
  return onCleanStage(machine, program, (running) => {
    const steps = program.steps.slice(0, end);
    return steps.map((step, i) => moment(running, step, signals.get(i)));
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
    for (const [thread, answers] of settle(running, CERTAIN_MS)) raced[thread] = answers;
    const after = (program.after ?? []).map((step) => moment(running, step, undefined));
    return { first, raced, after };
  });
}

/** Runs `body` with a program that nothing has been done of, and leaves nothing of it. */
function onCleanStage<Result>(
  machine: Machine,
  program: Program,
  body: (running: Running) => Result,
): Result {
  const { kernel, actors } = machine;
  const threads = Object.fromEntries([...actors].map(([name, { tid }]) => [name, tid]));
  const names = { base: BASE[kernel.kind], files: {}, uffds: {}, threads };
  const marks = JSON.stringify(program).includes('"WP"');
  const running: Running = { ...machine, names, marks, blocking: new Set(), busy: new Map() };
  try {
    return body(running);
  } finally {
    cleanUp(running);
  }
}

function moment(running: Running, step: Step, signal: string | undefined): Moment {
  const { kernel, names, scratch, busy } = running;
  const asking = threadOf(step);
  const wasBusy = new Set(busy.keys());
  const races = mayWakeTwo(busy, step);
  let answer = signal === undefined ? begin(running, step) : probe(running, step, signal);
  const woke: Record<string, Answer> = {};
  for (const [thread, answers] of settle(running)) {
    const answered = answers.at(-1) as Answer;
    if (thread === asking && !wasBusy.has(thread)) answer = answered;
    else woke[thread] = answered;
  }
  const state = look(kernel, scratch, names, running.marks);
  return {
    ...answer,
    ...(Object.keys(woke).length === 0 ? {} : { woke }),
    ...(races ? { race: true } : {}),
    state,
  };
}

/** Whether two threads may sleep on pages of the step's range; closing a userfaultfd is about all of them. */
function mayWakeTwo(busy: Running['busy'], step: Step): boolean {
  if (step.call === 'close') return busy.size > 1;
  if (!('at' in step)) return false;
  const [first, end] = pagesOf(step);
  const sleepers = [...busy.values()].map((call) =>
    pagesOf('from' in call ? { ...call, at: call.from } : call),
  );
  return sleepers.filter(([from, to]) => from < end && first < to).length > 1;
}

/** The pages that a call is about: [first, end). */
function pagesOf(step: object): [number, number] {
  const { at = 0, pages = 1 } = step as { at?: number; pages?: number };
  return [Math.floor(at), Math.ceil(at + pages)];
}

/** Makes the step, or has its thread begin it. */
function begin(running: Running, step: Step): Answer {
  const { kernel, actors, names, busy, blocking } = running;
  if (isHeldUp(busy, step)) return { is: 'busy' };
  const thread = threadOf(step);
  if (thread !== null) {
    busy.set(thread, step);
    (actors.get(thread) as Actor).ask([step], names);
    return { is: 'asleep' };
  }
  if (step.call === 'memfd_create' || step.call === 'userfaultfd') return name(running, step);
  if (step.call === 'read' && blocking.has(step.uffd) && pendingOf(kernel, names.uffds[step.uffd]) === 0)
    return { is: 'would block' };
  const answer = perform(kernel, step, names);
  if (step.call === 'close') delete names.uffds[step.uffd];
  return answer;
}

/** Calls that change a file, which wait for each other: whoever writes to it has it locked, asleep in a fault or not. */
const CHANGE_A_FILE: ReadonlySet<Step['call']> = new Set(['pwrite', 'fallocate', 'ftruncate']);

/**
 * Whether the step would have to wait for a thread that sleeps: its own; one that keeps the userfaultfd open by its call,
 * so that it could neither be counted nor woken; or one that writes to the file.
 */
function isHeldUp(busy: Running['busy'], step: Step): boolean {
  const thread = threadOf(step);
  if (thread !== null && busy.has(thread)) return true;
  const calls = [...busy.values()];
  if (step.call === 'close') return calls.some((other) => 'uffd' in other && other.uffd === step.uffd);
  const changesFile = CHANGE_A_FILE.has(step.call) || (step.call === 'madvise' && step.advice === 'REMOVE');
  return changesFile && calls.some((other) => other.call === 'pwrite');
}

function name(running: Running, step: Step & { call: 'memfd_create' | 'userfaultfd' }): Answer {
  const { kernel, names, blocking } = running;
  const [numbers, key] = step.call === 'memfd_create' ? [names.files, step.file] : [names.uffds, step.uffd];
  if (numbers[key] !== undefined) return { is: 'named already' };
  const fd = open(kernel, step);
  if (fd < 0) return { is: u.errnoName(fd) };
  numbers[key] = fd;
  if (step.call === 'userfaultfd' && !step.flags?.includes('O_NONBLOCK')) blocking.add(key);
  return { is: 'ok' };
}

/**
 * An access that would end the process: by a system call, which answers EFAULT for it. Which signal it would be, this does
 * not tell.
 */
function probe({ kernel, names, scratch, busy }: Running, step: Step, signal: string): Answer {
  if (step.call !== 'load' && step.call !== 'store') return { is: `no access, and yet ${signal}` };
  if (isHeldUp(busy, step)) return { is: 'busy' };
  const address = names.base + Math.round(step.at * u.PAGE_BYTES);
  const answer =
    step.call === 'load' ? kernel.pwrite(scratch.fd, address, 4, 0) : kernel.pread(scratch.fd, address, 4, 0);
  return { is: answer === -u.EFAULT ? signal : `allowed (${answer})` };
}

/**
 * Waits until every thread has answered or sleeps; answers those who have. A thread that has queued its fault looks once more
 * before it sleeps, and may find the page there: beside others that run, that it sleeps is certain only after `certainMs`.
 */
function settle(running: Running, certainMs = 0): [ThreadName, readonly Answer[]][] {
  const { actors, busy } = running;
  const answered: [ThreadName, readonly Answer[]][] = [];
  const until = performance.now() + DEADLINE_MS;
  let quietSince = Infinity;
  for (let looks = 0; ; looks++) {
    const asleep = busy.size === 0 ? 0 : sleepersOf(running); // before the look at who has answered: nobody is both
    for (const thread of busy.keys()) {
      const answers = (actors.get(thread) as Actor).answers();
      if (answers === null) continue;
      busy.delete(thread);
      answered.push([thread, answers]);
    }
    const now = performance.now();
    quietSince = asleep === busy.size ? Math.min(quietSince, now) : Infinity;
    if (busy.size === 0 || now - quietSince >= certainMs) break;
    if (now > until) throw new Error(`${[...busy.keys()].join(', ')}: neither asleep nor done`);
    if (looks > 20) sleepWhile(IDLE, 0, 0, PAUSE_MS);
  }
  return answered.sort(([a], [b]) => (a < b ? -1 : 1));
}

const IDLE = new Int32Array(new SharedArrayBuffer(4));

function sleepersOf({ kernel, names }: Running): number {
  return Object.values(names.uffds).reduce((sum, fd) => sum + totalOf(kernel, fd), 0);
}

function totalOf(kernel: u.Kernel, fd: number): number {
  const info = kernel.fdinfo(fd);
  return typeof info === 'number' ? 0 : info.total;
}

function pendingOf(kernel: u.Kernel, fd: number | undefined): number {
  const info = fd === undefined ? -1 : kernel.fdinfo(fd);
  return typeof info === 'number' ? -1 : info.pending;
}

/** Whoever sleeps is woken and finds plain memory; then nothing is left of the program. */
function cleanUp(running: Running): void {
  const { kernel, names } = running;
  const area = AREA_PAGES * u.PAGE_BYTES;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE;
  kernel.munmap(names.base, area);
  kernel.mmap(names.base, area, u.PROT_READ | u.PROT_WRITE, flags, -1, 0);
  for (const [key, fd] of Object.entries(names.uffds)) {
    kernel.ioctl(fd, u.UFFDIO_WAKE, u.uffdioRange.encode({ start: names.base, len: area }));
    settle(running); // before it is closed: a call may be using it
    kernel.close(fd);
    delete names.uffds[key];
  }
  for (const fd of Object.values(names.files)) kernel.close(fd);
  kernel.munmap(names.base, area);
}
