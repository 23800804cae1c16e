/**
 * The timeline file, read by somebody else: the engine of Chrome DevTools' performance panel makes threads, trees of slices and
 * flows of it, and what it has understood is what the results say. (It knows no counters but a page's own.)
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Handlers, TraceModel, type Types } from '@paulirish/trace_engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../../dist/bench/results.js';
import type { Trace } from '../../dist/bench/trace/schema.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-devtools-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { missing } = probeLinux();
if (missing) console.warn(`SKIPPED: the timeline of --kernel linux in DevTools: ${missing.why}`);

const MODES = ['stw', 'copy', 'continue'];

describe.each(['sim', 'linux'])('--kernel %s', (kernel) => {
  describe.skipIf(kernel === 'linux' && missing !== undefined)('in the engine of DevTools', () => {
    let results: Results;
    let file: Trace;
    let understood: Handlers.Types.HandlerData;

    beforeAll(async () => {
      const [json, trace] = [join(folder, `${kernel}.results.json`), join(folder, `${kernel}.json`)];
      const args = ['compare', 'random-graph', '--kernel', kernel, '--heap', '4MiB', '--cycles', '1'];
      const threads = ['--invocations', '1', '--mutators', '2', '--gc-threads', '2'];
      const { code } = await minorfault([...args, ...threads, '--json', json, '--trace', trace, '--quiet']);
      expect(code).toBe(0);
      results = JSON.parse(readFileSync(json, 'utf8'));
      file = JSON.parse(readFileSync(trace, 'utf8'));
      const model = TraceModel.Model.createWithAllHandlers();
      await model.parse(structuredClone(file.traceEvents) as unknown as Types.Events.Event[]);
      const parsed = model.parsedTrace();
      if (parsed === null) throw new Error('the engine has understood nothing');
      understood = parsed.data;
    }, 120_000);

    const processNamed = (mode: string) => {
      const found = [...understood.Meta.processNames].find(([, { args }]) =>
        args.name?.startsWith(`${mode},`),
      );
      return understood.Renderer.processes.get(found?.[0] ?? (0 as Types.Events.ProcessID));
    };
    const threadsOf = (mode: string) => [...(processNamed(mode)?.threads.values() ?? [])];
    /** What is around a slice, from the inside out. */
    const around = (event: Types.Events.Event): readonly string[] => {
      const outer = understood.Renderer.entryToNode.get(event)?.parent?.entry;
      return outer ? [outer.name, ...around(outer)] : [];
    };
    const threadOf = ({ pid, tid }: Types.Events.Event) =>
      understood.Renderer.processes.get(pid)?.threads.get(tid)?.name ?? '';

    it('a process for each mode, and its threads by their names', () => {
      for (const mode of MODES) {
        const served = ['collector', 'compactor 1', 'fault 0', 'mutator 0', 'mutator 1'];
        const names = threadsOf(mode).map(({ name }) => name);
        expect(names).toEqual(served.filter((name) => mode !== 'stw' || name !== 'fault 0'));
      }
    });

    it('every slice has its place in a tree: none ends after what is around it', () => {
      const slices = file.traceEvents.filter(({ ph }) => ph === 'X');
      expect(slices.length).toBeGreaterThan(100);
      const placed = [...understood.Renderer.entryToNode.keys()].filter(({ ph }) => ph === 'X');
      expect(placed.length).toBe(slices.length);
    });

    it.each(MODES)('%s: the pauses of the results, each in its collection', (mode) => {
      const [run] = results.runs.filter((one) => one.mode === mode);
      const [collector] = threadsOf(mode).filter(({ name }) => name === 'collector');
      for (const { number, pauses } of run?.cycles ?? []) {
        const inCollection = collector?.entries.filter(
          (event) => around(event).at(-1) === `collection ${number}`,
        );
        const found = inCollection?.filter(({ name }) => name.startsWith('pause: ')) ?? [];
        expect(found.map(({ name }) => name)).toEqual(pauses.map(({ name }) => `pause: ${name}`));
        for (const [i, { ms }] of pauses.entries()) expect(found[i]?.dur).toBeCloseTo(ms * 1000, 0);
      }
      expect(run?.cycles.length).toBe(1);
    });

    it('flows lead from a mutator asleep to who served it', () => {
      const begun = file.traceEvents.filter(({ ph }) => ph === 's');
      const { flows } = understood.Flows;
      // Nearly each message has one, though several sleep at once: some may be read when their sleeper has been woken.
      const served = file.traceEvents.filter(({ ph, name }) => ph === 'X' && name === 'serve fault');
      expect(begun.length).toBeGreaterThan(0.7 * served.length);
      expect(begun.length).toBeGreaterThan(2);
      // A stop on a call that had begun before the stall is not at its begin: DevTools does not see it.
      expect(flows.length).toBeGreaterThan(0.5 * begun.length);
      for (const flow of flows) {
        const [stall, ...others] = flow.toSorted((a, b) => Number(isMutators(b)) - Number(isMutators(a)));
        expect(stall?.name).toMatch(/^fault( on page \d+)?$/);
        for (const event of others) {
          expect(threadOf(event)).toMatch(/^(fault|collector|compactor)/);
          expect(event.name).toMatch(/^(serve fault|UFFDIO_\w+)$/);
        }
      }
    });
    const isMutators = (event: Types.Events.Event) => threadOf(event).startsWith('mutator');
  });
});
