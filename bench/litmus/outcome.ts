/** What a run of a program came to, as a line of text: what litmus tables are made of. */
import type { Answer } from './perform.ts';
import { type Expectation, type Program, THREADS } from './program.ts';
import type { Raced, Trace } from './stage.ts';

/** What went as it must: all steps in lock step. */
export const EXPECTED = 'as expected';

/**
 * Where a trace breaks what its steps expect, or says {@link EXPECTED}. The trace may be shorter than the program.
 */
export function verdictOf(steps: Program['steps'], trace: Trace): string {
  for (const [i, moment] of trace.entries()) {
    const wrong = mismatch(steps[i]?.expect ?? {}, moment);
    if (wrong !== null) return `step ${i} (${steps[i]?.call}): ${wrong}`;
  }
  return EXPECTED;
}

/** `T0: ok 7, EEXIST 0 | T1: asleep`: what each thread's steps answered. */
export function outcomeOf(program: Program, { first, raced, after }: Raced): string {
  const before = verdictOf(program.steps, first);
  if (before !== EXPECTED) return before;
  const threads = THREADS.filter((name) => raced[name] !== undefined).map((name) => {
    const answers = raced[name] as readonly Answer[];
    return `${name}: ${answers.length === 0 ? 'asleep' : answers.map(brief).join(', ')}`;
  });
  const then = after.map((answer) => brief(answer));
  return [...threads, ...(then.length === 0 ? [] : [`after: ${then.join(', ')}`])].join(' | ');
}

/** An answer in a word or two. */
function brief({ is, out, value, messages }: Answer): string {
  const parts = [is, out, value].filter((part) => part !== undefined);
  return [...parts, ...(messages === undefined ? [] : [`${messages.length} messages`])].join(' ');
}

function mismatch(expected: Expectation, answer: Answer & { readonly woke?: unknown }): string | null {
  for (const [field, value] of Object.entries(expected)) {
    const found = (answer as unknown as Record<string, unknown>)[field];
    if (!holds(value, found))
      return `${field === 'is' ? 'the answer' : field} is ${JSON.stringify(found)}, not ${JSON.stringify(value)}`;
  }
  return null;
}

/** Whether what is expected is there: of objects the fields that are named, of lists each in its place and no more. */
function holds(expected: unknown, found: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return expected === found;
  if (typeof found !== 'object' || found === null) return false;
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) return false;
    return expected.every((each, i) => holds(each, found[i]));
  }
  const fields = found as Record<string, unknown>;
  return Object.entries(expected).every(([name, value]) => holds(value, fields[name]));
}
