/** Slices that meet to the nanosecond stay within one another for who adds begin and duration, as DevTools does. */
import { TraceModel, type Types } from '@paulirish/trace_engine';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { traceEvents } from '../../dist/bench/trace/chrome.js';
import { EVENT } from '../../dist/gc/events.js';
import { makeRecorder } from '../../dist/gc/recording.js';

/** A collection whose phases end when the next one begins, the last one with it; each ends with an ioctl. */
function collection(beginMs: number, phasesUs: readonly number[]) {
  const recorder = makeRecorder('collector');
  let timeMs = beginMs;
  const add = (kind: number, a = 0, b = 0, c = 0) => recorder.add({ timeMs, kind, a, cycle: 1, b, c, d: 0 });
  add(EVENT.cycleBegin);
  for (const [phase, us] of phasesUs.entries()) {
    add(EVENT.phaseBegin, phase);
    timeMs += us / 1000;
    add(EVENT.ioctl, 0, 1, us / 3);
    add(EVENT.phaseEnd, phase);
  }
  add(EVENT.cycleEnd);
  return recorder.recording();
}

it('every slice is in the tree of DevTools, under what is around it', async () => {
  const ms = fc.double({ min: 0, max: 1e6, noNaN: true });
  const phases = fc.array(fc.double({ min: 1, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(ms, ms, phases, async (openedMs, beginMs, phasesUs) => {
      const threads = [collection(beginMs, phasesUs)];
      const model = TraceModel.Model.createWithAllHandlers();
      const events = [...traceEvents([{ name: 'continue', openedMs, threads }])];
      await model.parse(events as unknown as Types.Events.Event[]);
      const nodes = [...(model.parsedTrace()?.data.Renderer.entryToNode.values() ?? [])];
      const shown = nodes.map(({ entry, depth }) => `${depth} ${entry.name.startsWith('collection')}`).sort();
      const phase = ['1 false', '2 false'];
      expect(shown).toEqual(['0 true', ...phasesUs.flatMap(() => phase)].sort());
    }),
    { numRuns: 40, endOnFailure: true }, // to make a trace smaller takes long, and tells no more,
  );
});
