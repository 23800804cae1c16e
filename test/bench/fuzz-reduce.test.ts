/** A program that fails loses every single step that it fails without. */
import { expect, it } from 'vitest';
import { reduce } from '../../dist/bench/fuzz/reduce.js';
import type { Program } from '../../dist/bench/litmus/program.js';

function polls(...uffds: string[]): Program {
  return { name: 'polls', steps: uffds.map((uffd) => ({ call: 'poll', uffd })) };
}

function namesOf({ steps }: Program): string {
  return steps.map((step) => ('uffd' in step ? step.uffd : '')).join('');
}

it('what is left is what it takes, in order', async () => {
  const needs = async (smaller: Program) => /b.*d/.test(namesOf(smaller));
  expect(namesOf(await reduce(polls(...'xabcxdy'), needs))).toBe('bd');
});

it('a step that is needed only while another is there goes after that one', async () => {
  // c needs a; without both it fails still.
  const fails = async (smaller: Program) => {
    const names = namesOf(smaller);
    return names.includes('b') && (!names.includes('c') || names.includes('a'));
  };
  expect(namesOf(await reduce(polls(...'abc'), fails))).toBe('b');
});

it('one step is left at least', async () => {
  expect(namesOf(await reduce(polls(...'ab'), async () => true))).toHaveLength(1);
});
