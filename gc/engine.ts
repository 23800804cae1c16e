/**
 * V8's own collections: each thread has a heap of V8's beside ours, and stands still while that is collected. They are told as
 * events when the thread ends, since V8 tells of them to an idle thread only.
 */
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { EVENT, type EventWriter } from './events.ts';

/** What a thread's own collections are called, by V8's number of them (perf_hooks: performanceEntry.detail.kind). */
export const ENGINE_KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'minor'],
  [4, 'major'],
  [8, 'incremental'],
  [16, 'weakcb'],
]);

/** Turns of a thread's event loop until all is told: Node queues each collection, and then what observers are told. */
const TURNS = 3;

/** Notes this thread's own collections from now on; what it answers tells them, before the thread ends. */
export function watchEngine(events: EventWriter): () => Promise<void> {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { startTime, duration, detail } = entry as PerformanceEntry & {
        readonly detail: { kind: number };
      };
      events.emitAt(startTime + duration, EVENT.engine, duration * 1000, 0, detail.kind);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return async () => {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
    observer.disconnect();
  };
}
