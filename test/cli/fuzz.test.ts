/** `fuzz`: both kernels say the same of what is random, and it tells what of the kernel that has reached. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { chooseKernel } from '../../dist/uffd/open.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { kernel, why } = chooseKernel('auto');
const here = kernel === 'linux' ? '' : ` (skipped: ${why})`;
const save = ['--quiet', '--save', join(folder, 'found.json')];

it.skipIf(kernel !== 'linux')(
  `150 programs, and those of the past, tell no difference${here}`,
  async () => {
    const json = join(folder, 'coverage.json');
    const args = ['fuzz', '--programs', '150', '--seed', '3', '--json', json, ...save];
    const { code, stdout, stderr } = await minorfault(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/150 programs of up to 40 steps \(seed 3\), \d+ a second: no difference/);
    for (const call of ['copy', 'continue', 'move', 'poison', 'writeprotect', 'zeropage'])
      expect(stdout).toMatch(new RegExp(`^${call} +anonymous +.*\\d+/\\d+`, 'm'));
    const told = JSON.parse(readFileSync(json, 'utf8'));
    expect(told).toMatchObject({ schema: 'minorfault/fuzz/1', programs: 150, seed: 3, unreachable: [] });
    expect(told.cells).toHaveLength(told.reachable);
    expect(told.cells.filter(({ hits }: { hits: number }) => hits > 0)).toHaveLength(told.hit);
    expect(stdout).toContain(`${told.hit} of ${told.reachable} cells were hit`);
    expect(told.hit / told.reachable).toBeGreaterThan(0.4);
  },
  180_000,
);

const cellsHit = ({ cells }: { cells: { hits: number }[] }) =>
  cells.filter(({ hits }) => hits > 0).map(({ hits, ...cell }) => JSON.stringify(cell));

it.skipIf(kernel !== 'linux')(
  `--gaps-only hits what all of them hit, with a part of them on linux; --json - writes that alone${here}`,
  async () => {
    const args = [
      'fuzz',
      '--programs',
      '60',
      '--steps',
      '2',
      '--huge',
      '0',
      '--seed',
      '5',
      '--jobs',
      '1',
      '--json',
      '-',
      ...save,
    ];
    const [all, some] = [await minorfault(args), await minorfault([...args, '--gaps-only'])];
    const told = [all, some].map(({ stdout }) => JSON.parse(stdout));
    expect(told).toMatchObject([{ programs: 60, onLinux: 60 }, { programs: 60 }]);
    expect(told[1].onLinux).toBeGreaterThan(1);
    expect(told[1].onLinux).toBeLessThan(60);
    expect(cellsHit(told[1]).sort()).toEqual(cellsHit(told[0]).sort());
    expect([all.code, some.code]).toEqual([0, 0]);
  },
  180_000,
);
