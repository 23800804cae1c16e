/**
 * A line for each collection (`--log`), after ART's and Go's: for people, as name=value, or as a JSON object. Printed when the
 * run is over, so that it costs the collections nothing.
 */
import { formatBytes } from '../heap/errors.ts';
import { UsageError } from './errors.ts';
import type { Cycle, Run } from './results.ts';
import { suggestion } from './suggest.ts';

/** What is told of a collection, a line each. */
const TAGS = ['gc', 'phases', 'fault'] as const;
/** How lines are written, if not for people. */
const FORMS = ['nvp', 'json'] as const;

type Tag = (typeof TAGS)[number];
type Form = (typeof FORMS)[number];

export interface LogChoice {
  readonly tags: readonly Tag[];
  /** Null: for people. */
  readonly form: Form | null;
}

export const LOG_SCHEMA = 'minorfault/log/1';

/** @throws UsageError for what is no tag and no form */
export function parseLog(text: string): LogChoice {
  const words = text.split(',').map((word) => word.trim());
  const known: readonly string[] = [...TAGS, ...FORMS];
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined) {
    throw new UsageError(
      `--log ${text}: ${unknown === '' ? 'an empty word' : unknown} is no part of a log${suggestion(unknown, known)}; use ${TAGS.join(', ')}, and nvp or json`,
    );
  }
  const forms = FORMS.filter((form) => words.includes(form));
  if (forms.length > 1) throw new UsageError(`--log ${text}: is nvp and json at once; use one of them`);
  const tags = TAGS.filter((tag) => words.includes(tag));
  return { tags: tags.length === 0 ? ['gc'] : tags, form: forms[0] ?? null };
}

/** The lines of a run's collections, in order. */
export function logLines(run: Run, { tags, form }: LogChoice): readonly string[] {
  return run.cycles.flatMap((cycle) =>
    tags.map((tag) => {
      const facts = FACTS[tag](cycle, run);
      if (form === null) return HUMAN[tag](cycle, run);
      if (form === 'json') return JSON.stringify({ schema: LOG_SCHEMA, tag, ...facts });
      return [tag, ...Object.entries(facts).map(([name, value]) => `${name}=${value}`)].join(' ');
    }),
  );
}

type Facts = Readonly<Record<string, string | number>>;

/** What each line says, by names that stay. Times in ms, sizes in bytes. */
const FACTS: Readonly<Record<Tag, (cycle: Cycle, run: Run) => Facts>> = {
  gc: (cycle, run) => ({
    ...whichOf(cycle, run),
    ...{ trigger: cycle.trigger, freed: cycle.freedBytes, live: cycle.liveBytes, heap: run.memory.heapBytes },
    ...Object.fromEntries(cycle.pauses.map(({ name, ms }) => [`pause.${name}`, round(ms)])),
    ttsp: round(longestToSafepoint(cycle)),
    ...{ missing: cycle.faults.missing, minor: cycle.faults.minor, total: round(cycle.totalMs) },
  }),
  phases: (cycle, run) => ({
    ...whichOf(cycle, run),
    ...Object.fromEntries(Object.entries(cycle.phasesMs).map(([name, ms]) => [name, round(ms)])),
  }),
  fault: (cycle, run) => ({
    ...whichOf(cycle, run),
    ...{ missing: cycle.faults.missing, minor: cycle.faults.minor },
    ...{ byCollector: cycle.pages.publishedByCollector, byFault: cycle.pages.publishedByFault },
    untouched: cycle.pages.untouched,
    ...Object.fromEntries(Object.entries(cycle.ioctls).map(([name, { calls }]) => [name, calls])),
  }),
};

function whichOf({ number, beganMs }: Cycle, { mode, kernel, invocation }: Run): Facts {
  return { gc: number, at: round(beganMs), mode, kernel, invocation };
}

/** Three places: to the µs. */
const round = (ms: number): number => Math.round(ms * 1000) / 1000;

function longestToSafepoint({ pauses }: Cycle): number {
  return Math.max(0, ...pauses.map(({ timeToSafepointMs }) => timeToSafepointMs));
}

const HUMAN: Readonly<Record<Tag, (cycle: Cycle, run: Run) => string>> = {
  gc(cycle, { mode, kernel, memory }) {
    const { number, trigger, freedBytes, liveBytes, pauses, faults, pages, totalMs } = cycle;
    const paused = pauses.map(({ ms }) => ms.toFixed(2)).join('+');
    const published = pages.publishedByCollector + pages.publishedByFault;
    const part =
      published === 0 ? '' : `; ${((100 * pages.publishedByCollector) / published).toFixed(0)}% by gc`;
    const total = faults.missing + faults.minor;
    return (
      `gc ${number} cause=${trigger} ${kernel}/${mode} freed ${formatBytes(freedBytes)} live ${formatBytes(liveBytes)} ` +
      `heap ${formatBytes(memory.heapBytes)} paused ${paused}ms (ttsp ${longestToSafepoint(cycle).toFixed(2)}ms) ` +
      `faults ${total} (miss ${faults.missing}, minor ${faults.minor}${part}) total ${totalMs.toFixed(1)}ms`
    );
  },
  phases({ number, phasesMs }) {
    const times = Object.entries(phasesMs).map(([name, ms]) => `${name} ${ms.toFixed(2)}ms`);
    return `gc ${number} phases: ${times.join(', ')}`;
  },
  fault({ number, faults, pages, ioctls }) {
    const calls = Object.entries(ioctls).map(
      ([name, { calls, pages }]) => `${name} ${calls} (${pages} pages)`,
    );
    return (
      `gc ${number} faults: ${faults.missing} missing, ${faults.minor} minor; pages published by gc ${pages.publishedByCollector}, ` +
      `by faults ${pages.publishedByFault}, untouched ${pages.untouched}; ${calls.length === 0 ? 'no call' : calls.join(', ')}`
    );
  },
};
