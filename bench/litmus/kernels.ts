/**
 * Programs on the kernels, in a process of their own, so that what ends a process is a finding and not the end. A program
 * that does so is told with the kernel that it was on, and the next one gets a new process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Program } from './program.ts';
import type { Repeated } from './repeat.ts';
import type { Trace } from './stage.ts';

export type KernelName = 'sim' | 'linux';

export type Request = { readonly program: Program } & (
  | { readonly what: 'compare' }
  | { readonly what: 'repeat'; readonly kernel: KernelName; readonly runs: number; readonly seed: number }
);

/** A program in lock step on both kernels. */
export interface Compared {
  readonly traces: readonly [sim: Trace, linux: Trace];
  /** The cells of the coverage that each step has hit (fuzz/observer.ts). */
  readonly cells: readonly (readonly string[])[];
}

export type Reply = Compared | { readonly repeated: Repeated };
type Note = Reply | { readonly running: KernelName } | { readonly failed: string };

/** How a program ended that did not come to its end. */
export interface Died {
  readonly died: string;
}

export interface Kernels {
  /** In lock step on both, without its race. */
  readonly compare: (program: Program) => Promise<Compared | Died>;
  readonly repeat: (
    program: Program,
    kernel: KernelName,
    options: { readonly runs: number; readonly seed: number },
  ) => Promise<{ readonly repeated: Repeated } | Died>;
  readonly close: () => void;
}

/** Longer than a thousand runs take. */
const SILENCE_MS = 120_000;

export function openKernels(): Kernels {
  let child: ChildProcess | null = null;
  async function ask(request: Request): Promise<Reply | Died> {
    child ??= fork(new URL('./kernels-main.js', import.meta.url), {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const reply = await exchange(child, request);
    if ('died' in reply) close();
    return reply;
  }
  function close(): void {
    child?.kill('SIGKILL'); // a thread of it may be asleep in a fault for good
    child = null;
  }
  return {
    compare: (program) => ask({ what: 'compare', program }) as ReturnType<Kernels['compare']>,
    repeat: (program, kernel, { runs, seed }) =>
      ask({ what: 'repeat', program, kernel, runs, seed }) as ReturnType<Kernels['repeat']>,
    close,
  };
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
    const dead = (how: string): void => end({ died: `${running}: ${how} ${told.trim()}`.trim() });
    const timer = setTimeout(() => dead(`silent for ${SILENCE_MS / 1000} s`), SILENCE_MS);
    child.on('message', (note: Note) => {
      if ('running' in note) running = note.running;
      else if ('failed' in note) dead(note.failed);
      else end(note);
    });
    child.on('exit', (code, signal) => dead(`the process ended with ${signal ?? code}`));
    child.stderr?.on('data', (text: Buffer) => {
      told += text;
    });
    child.send(request);
  });
}
