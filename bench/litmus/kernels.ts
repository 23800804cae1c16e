/**
 * Programs on the kernels, in a process of their own, so that what ends a process is a finding and not the end. A program
 * that does so is told with the kernel that it was on, and the next one gets a new process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { GivenProfile } from '../profile.ts';
import type { Ending } from './foresee.ts';
import type { Program } from './program.ts';
import { type Repeated, together } from './repeat.ts';
import type { Trace } from './stage.ts';

export type KernelName = 'sim' | 'linux';

export type Request =
  | { readonly what: 'claim huge pages' }
  | ({ readonly program: Program } & (
      | { readonly what: 'compare' }
      | { readonly what: 'foresee' }
      | { readonly what: 'end' }
      | {
          readonly what: 'repeat';
          readonly kernel: KernelName;
          readonly runs: number;
          readonly seed: number;
        }
    ));

/** Why a program was not run: the kernel has not what it needs. */
export interface Skipped {
  readonly skipped: string;
}

/** A program in lock step on both kernels. */
export interface Compared {
  readonly traces: readonly [sim: Trace, linux: Trace];
  /** The cells of the coverage that each step has hit (fuzz/observer.ts). */
  readonly cells: readonly (readonly string[])[];
}

export type Reply =
  | Compared
  | Pick<Compared, 'cells'>
  | { readonly repeated: Repeated }
  | { readonly ending: Ending | null }
  | { readonly claimed: string | null }
  | Skipped;
type Note = Reply | { readonly running: KernelName } | { readonly failed: string };

/** How a program ended that did not come to its end. */
export interface Died {
  readonly died: string;
  /** That ended the process. */
  readonly signal: string | null;
  /** It was silent for too long. */
  readonly hung: boolean;
}

/** One request at a time: others wait for their turn. */
export interface Kernels {
  /** In lock step on both, without its race. */
  readonly compare: (program: Program) => Promise<Compared | Skipped | Died>;
  /** On the simulated kernel alone. */
  readonly foresee: (program: Program) => Promise<Pick<Compared, 'cells'> | Died>;
  readonly repeat: (
    program: Program,
    kernel: KernelName,
    options: { readonly runs: number; readonly seed: number },
  ) => Promise<{ readonly repeated: Repeated } | Skipped | Died>;
  /** On linux, in a process that is given up for it: the signal that the program ends it with, or what else became of it. */
  readonly end: (program: Program) => Promise<string>;
  /** null if programs can have huge pages on linux, or why not. */
  readonly claimHugePages: () => Promise<{ readonly claimed: string | null } | Died>;
  readonly close: () => void;
}

/** A process says nothing while it repeats a program: so it is asked for some runs at a time. */
const RUNS_AT_ONCE = 100;
/** Longer than these take: with huge pages a tenth of a second each, several times that on a busy machine. */
const SILENCE_MS = 120_000;
/** Longer than one takes, and than a process to start: a program that hangs is made smaller by hanging again and again. */
const COMPARE_SILENCE_MS = 20_000;

/** @param profile which simulated kernel */
export function openKernels(profile: GivenProfile = {}): Kernels {
  let child: ChildProcess | null = null;
  let isOpen = true;
  let turn: Promise<unknown> = Promise.resolve();
  function ask(request: Request): Promise<Reply | Died> {
    const reply = turn.then(async () => {
      if (!isOpen) return { died: 'closed', signal: null, hung: false };
      child ??= startChild(profile);
      const reply = await exchange(child, request);
      if ('died' in reply) end();
      return reply;
    });
    turn = reply.catch(() => {}); // told to whoever asked
    return reply;
  }
  /** The next request gets a new process. */
  function end(): void {
    child?.kill('SIGKILL'); // a thread of it may be asleep in a fault for good
    child = null;
  }
  return {
    compare: (program) => ask({ what: 'compare', program }) as ReturnType<Kernels['compare']>,
    foresee: (program) => ask({ what: 'foresee', program }) as ReturnType<Kernels['foresee']>,
    async repeat(program, kernel, { runs, seed }) {
      const parts: Repeated[] = [];
      for (let done = 0; done < runs; done += RUNS_AT_ONCE) {
        const some = { runs: Math.min(RUNS_AT_ONCE, runs - done), seed: seed + done };
        const reply = (await ask({ what: 'repeat', program, kernel, ...some })) as Awaited<
          ReturnType<Kernels['repeat']>
        >;
        if (!('repeated' in reply)) return reply;
        parts.push(reply.repeated);
      }
      return { repeated: together(parts) };
    },
    async end(program) {
      const doomed = startChild(profile);
      const reply = await exchange(doomed, { what: 'end', program });
      doomed.kill('SIGKILL');
      if ('died' in reply) return reply.signal ?? reply.died;
      // Our kernel makes no access outside what it has mapped: it says what would come of it.
      return ('ending' in reply && reply.ending?.signal) || 'nothing: it survives';
    },
    claimHugePages: () => ask({ what: 'claim huge pages' }) as ReturnType<Kernels['claimHugePages']>,
    close() {
      isOpen = false;
      end();
    },
  };
}

function startChild(profile: GivenProfile): ChildProcess {
  return fork(new URL('./kernels-main.js', import.meta.url), [JSON.stringify(profile)], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
}

/** The functions of Linux in which the threads of a process are that has hung, as proc(5) has them: `0` is none. */
function whereThreadsAre(pid: number | undefined): string {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const places = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/wchan`, 'utf8'));
    return `its threads in ${places.join(', ')}`;
  } catch {
    return 'its threads not seen';
  }
}

function exchange(child: ChildProcess, request: Request): Promise<Reply | Died> {
  return new Promise((resolve) => {
    let running = 'neither kernel';
    let told = '';
    const end = (outcome: Reply | Died): void => {
      clearTimeout(timer);
      child.removeAllListeners('message').removeAllListeners('exit');
      child.stderr?.removeAllListeners('data');
      resolve(outcome);
    };
    const dead = (how: string, signal: string | null = null, hung = false): void =>
      end({ died: `${running}: ${how} ${told.trim()}`.trim(), signal, hung });
    const isOneRun = request.what === 'compare' || request.what === 'foresee';
    const silenceMs = isOneRun ? COMPARE_SILENCE_MS : SILENCE_MS;
    const silence = `silent for ${silenceMs / 1000} s`;
    const timer = setTimeout(() => dead(`${silence}, ${whereThreadsAre(child.pid)}`, null, true), silenceMs);
    child.on('message', (note: Note) => {
      if ('running' in note) running = note.running;
      else if ('failed' in note) dead(note.failed);
      else end(note);
    });
    child.on('exit', (code, signal) => dead(`the process ended with ${signal ?? code}`, signal));
    child.stderr?.on('data', (text: Buffer) => {
      told += text;
    });
    child.send(request);
  });
}
