/** Options become a configuration; what they leave out has the defaults of the contract. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawOptions } from '../../dist/bench/option-table.js';
import { resolveOptions } from '../../dist/bench/options.js';
import { MODES } from '../../dist/gc/modes/index.js';
import { canBatch } from '../../dist/uffd/linux/scheduling.js';
import { chooseKernel } from '../../dist/uffd/open.js';

describe('defaults', () => {
  it('of compare', () => {
    const { kernel, why } = chooseKernel('auto', MODES.continue.features);
    expect(resolveOptions('compare', undefined, {})).toEqual({
      config: {
        command: 'compare',
        workload: 'snapshot',
        kernel,
        modes: ['stw', 'copy', 'continue'],
        fellBack: [],
        heap: 64 * 1024 ** 2,
        live: 0.5,
        mutators: 1,
        gcThreads: 1,
        faultThreads: 1,
        collect: 'rounds',
        cycles: 5,
        invocations: 3,
        batch: 64,
        utilization: null,
        minFree: 2 * 1024 ** 2,
        maxFree: 64 * 1024 ** 2,
        period: null,
        page: 4096,
        pages: [4096],
        order: 'down',
        densePrefix: 0.95,
        loops: 'auto',
        pin: null,
        v8Threads: canBatch() ? 'batch' : 'normal',
        seed: 1,
        verify: false,
      },
      settings: new Map(),
      json: null,
      minHeaps: null,
      ...{ log: null, report: null, force: false, trace: null, hdr: null, control: false, quiet: false },
      notes: [`kernel: ${kernel}, since ${why}`],
    });
  });

  it('of run', () => {
    const { config } = resolveOptions('run', 'churn', {});
    expect(config).toMatchObject({ workload: 'churn', modes: ['continue'], invocations: 1 });
  });
});

it('a kernel that was named needs no note', () => {
  expect(resolveOptions('run', undefined, { kernel: 'sim' }).notes).toEqual([]);
});

it('modes keep the order they are given in', () => {
  expect(resolveOptions('compare', undefined, { modes: 'copy, stw' }).config.modes).toEqual(['copy', 'stw']);
});

it('what follows the first = is the value of a parameter', () => {
  const { settings } = resolveOptions('run', undefined, { set: ['file=a=b', 'depth='] });
  expect([...settings]).toEqual([
    ['file', 'a=b'],
    ['depth', ''],
  ]);
});

const COUNTS = ['mutators', 'gcThreads', 'faultThreads', 'cycles', 'invocations', 'batch', 'seed'] as const;

it('a count is a whole number from its least, and nothing else', () => {
  const text = fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String));
  fc.assert(
    fc.property(fc.constantFrom(...COUNTS), text, (name, value) => {
      const raw: RawOptions = { [name]: value };
      const least = name === 'batch' || name === 'seed' ? 0 : 1;
      let resolved: number | null = null;
      try {
        resolved = resolveOptions('run', undefined, raw).config[name];
      } catch (error) {
        expect(error).toMatchObject({ code: 'USAGE' });
      }
      if (resolved !== null) expect(resolved).toBe(Number(value));
      else if (/^\d{1,2}$/.test(value)) expect(Number(value) < least || Number(value) > 64).toBe(true);
    }),
  );
});

it('how dense a prefix must be: a fraction, or off', () => {
  const resolved = (densePrefix: string) =>
    resolveOptions('run', undefined, { densePrefix }).config.densePrefix;
  expect(['off', '0.5', '0.95', '1'].map(resolved)).toEqual([null, 0.5, 0.95, 1]);
  for (const text of ['on', '0.4', '1.1', '95%', ''])
    expect(() => resolved(text)).toThrow(
      /^--dense-prefix .*: must be a fraction from 0.5 to 1, as 0.95, or off$/,
    );
});

it('any text for any option is a configuration or a UsageError of one line', () => {
  const names = [
    'kernel',
    'mode',
    'modes',
    'heap',
    'live',
    'page',
    'utilization',
    'period',
    'densePrefix',
    ...COUNTS,
  ] as const;
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.string(), (name, value) => {
      if (name === 'kernel' && value === 'linux') return;
      try {
        resolveOptions('compare', undefined, { [name]: value });
      } catch (error) {
        expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(`--${dashed(name)}`) });
      }
    }),
  );
});

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
