/** A program that tells the kernels apart, made smaller still: fast-check takes away phrases, this single steps. */
import type { Program } from '../litmus/program.ts';

/**
 * Takes away each step without which `fails` still holds, from the last one on, until none is left to take.
 * @param fails whether the program tells what it is to tell
 */
export async function reduce(
  program: Program,
  fails: (smaller: Program) => Promise<boolean>,
): Promise<Program> {
  let smallest = program;
  for (let before = Infinity; smallest.steps.length < before; ) {
    before = smallest.steps.length;
    for (let i = before - 1; i >= 0 && smallest.steps.length > 1; i--) {
      const smaller = { ...smallest, steps: smallest.steps.filter((_, at) => at !== i) };
      if (await fails(smaller)) smallest = smaller;
    }
  }
  return smallest;
}
