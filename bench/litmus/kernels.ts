/**
 * Programs on one kernel or two, in a process of their own, so that what ends a process is a finding and not the end. A
 * program that does so is told with the kernel that it was on, and the next one gets a new process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Program } from './program.ts';
import type { Trace } from './stage.ts';

export interface Request {
  readonly program: Program;
  /** The first one is asked first; what it says would end a process is not done on the second. */
  readonly kernels: readonly ('sim' | 'linux')[];
}

export type Reply = { readonly traces: readonly Trace[] };
type Note = Reply | { readonly running: string } | { readonly failed: string };

/** How a program ended in its process. */
export type Outcome = Reply | { readonly died: string };

export interface Kernels {
  readonly run: (program: Program) => Promise<Outcome>;
  readonly close: () => void;
}

const SILENCE_MS = 30_000;

export function openKernels(kernels: Request['kernels']): Kernels {
  let child: ChildProcess | null = null;
  return {
    async run(program) {
      child ??= fork(new URL('./kernels-main.js', import.meta.url), {
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      });
      const outcome = await exchange(child, { program, kernels });
      if ('died' in outcome) {
        child.kill('SIGKILL');
        child = null;
      }
      return outcome;
    },
    close() {
      child?.kill('SIGKILL');
      child = null;
    },
  };
}

function exchange(child: ChildProcess, request: Request): Promise<Outcome> {
  return new Promise<Outcome>((resolve) => {
    let running = 'neither kernel';
    let told = '';
    const end = (outcome: Outcome): void => {
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
