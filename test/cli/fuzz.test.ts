/** `fuzz`: both kernels say the same of what is random, and a difference is made small and saved. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { chooseKernel } from '../../dist/uffd/open.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { kernel, why } = chooseKernel('auto');
const here = kernel === 'linux' ? '' : ` (skipped: ${why})`;

it.skipIf(kernel !== 'linux')(`500 programs, and those of the past, tell no difference${here}`, async () => {
  const args = ['fuzz', '--programs', '500', '--seed', '3', '--quiet', '--save', join(folder, 'found.json')];
  const { code, stdout, stderr } = await minorfault(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/500 programs of up to 40 steps \(seed 3\), \d+ a second: no difference/);
  for (const call of ['copy', 'continue', 'move', 'poison', 'writeprotect', 'zeropage'])
    expect(stdout).toMatch(new RegExp(`^ ${call} +.*\\d`, 'm'));
});
