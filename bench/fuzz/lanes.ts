/** Programs side by side: each lane has both kernels in a process of its own. */
import { type Kernels, openKernels } from '../litmus/kernels.ts';
import type { Program } from '../litmus/program.ts';

export interface Lanes {
  /** Of the first lane: those that have the huge pages, of which one process has all. */
  readonly first: Kernels;
  /** Runs the program as soon as a lane is free: settles once it has begun. Rejects if one that ran before it has thrown. */
  readonly run: (program: Program) => Promise<void>;
  /** Settles once none is running. Rejects if one has thrown. */
  readonly idle: () => Promise<void>;
  /** What a program has thrown, or null. */
  readonly failure: () => unknown;
  readonly close: () => void;
}

/** @param body what is done with each program, which are numbered from 0; after it has thrown no more of them are run */
export function openLanes(
  count: number,
  body: (kernels: Kernels, program: Program, number: number) => Promise<void>,
): Lanes {
  const lanes = Array.from({ length: count }, () => ({ kernels: openKernels(), turn: Promise.resolve() }));
  const [first] = lanes as [(typeof lanes)[number]];
  let begun = 0;
  let failure: { readonly error: unknown } | null = null;

  function check(): void {
    if (failure !== null) throw failure.error;
  }

  async function begin(lane: typeof first, program: Program): Promise<void> {
    const number = begun++;
    await lane.turn;
    check();
    lane.turn = body(lane.kernels, program, number).catch((error) => {
      failure ??= { error };
    });
  }

  return {
    first: first.kernels,
    async run(program) {
      const free = await Promise.race(lanes.map((lane) => lane.turn.then(() => lane)));
      return begin(free, program);
    },
    async idle() {
      await Promise.all(lanes.map((lane) => lane.turn));
      check();
    },
    failure: () => failure?.error ?? null,
    close() {
      for (const { kernels } of lanes) kernels.close();
    },
  };
}
