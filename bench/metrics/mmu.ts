/**
 * Minimum mutator utilization: of all windows of a given length, the one in which the mutator ran for the smallest part
 * (Cheng and Blelloch, A parallel, real-time garbage collector, PLDI 2001). It need not grow with the window; the bounded one
 * does: the least of any window at least so long (Sachindran, Moss and Berger, MC², OOPSLA 2004).
 */

/** From `begin` to `end`, in ms of one clock. */
export interface Interval {
  readonly begin: number;
  readonly end: number;
}

/** The utilization of windows of one length. */
export interface Utilization {
  readonly windowMs: number;
  readonly utilization: number;
  /** Of windows of that length or longer: the least of those asked for and of eight to each doubling in between. */
  readonly bounded: number;
}

/** The windows that results give, in ms. */
export const WINDOWS_MS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Stops within the span, in order, those that touch or overlap as one. */
export function joined(stops: readonly Interval[], span: Interval): readonly Interval[] {
  const within = stops
    .map(({ begin, end }) => ({ begin: Math.max(begin, span.begin), end: Math.min(end, span.end) }))
    .filter(({ begin, end }) => begin < end)
    .sort((a, b) => a.begin - b.begin);
  const apart: { begin: number; end: number }[] = [];
  for (const stop of within) {
    const last = apart.at(-1);
    if (last !== undefined && stop.begin <= last.end) last.end = Math.max(last.end, stop.end);
    else apart.push(stop);
  }
  return apart;
}

/**
 * The least part of any window of `windowMs` within the span that is in none of the stops.
 * @param stops in order and apart, as {@link joined} gives them
 * @returns null if the span is shorter than the window
 */
export function minimumUtilization(
  stops: readonly Interval[],
  span: Interval,
  windowMs: number,
): number | null {
  if (!(windowMs > 0)) throw new RangeError(`windowMs ${windowMs}: must be more than 0`);
  const last = span.end - windowMs;
  if (last < span.begin) return null;
  // A window that begins between stops is no better than the one that begins with the next of them: it leaves nothing behind.
  // One that begins within a stop is no better than the one that begins with it: what it leaves at its end it gains there.
  const [atBegin, atEnd] = [stoppedBefore(stops), stoppedBefore(stops)];
  let worst = 0;
  for (const begin of [span.begin, ...stops.map((stop) => stop.begin).filter((begin) => begin < last), last])
    worst = Math.max(worst, atEnd(begin + windowMs) - atBegin(begin));
  return Math.min(1, Math.max(0, 1 - worst / windowMs));
}

/** How much of the time before a moment is in stops; to be asked for one moment after another, in order. */
function stoppedBefore(stops: readonly Interval[]): (moment: number) => number {
  let [passed, stopped] = [0, 0]; // stops that have ended, and what they took
  return (moment) => {
    for (let stop = stops[passed]; stop !== undefined && stop.end <= moment; stop = stops[++passed])
      stopped += stop.end - stop.begin;
    const open = stops[passed];
    return stopped + (open === undefined ? 0 : Math.max(0, moment - open.begin));
  };
}

/** Windows for the bounded curve between those that are asked for: so many to each doubling. */
const STEPS_TO_DOUBLE = 8;

/** Both curves at the windows that the span has room for. Of the bounded one, windows in between are looked at too. */
export function utilizations(
  stops: readonly Interval[],
  span: Interval,
  windowsMs: readonly number[] = WINDOWS_MS,
): readonly Utilization[] {
  const apart = joined(stops, span);
  const length = span.end - span.begin;
  const asked = windowsMs.filter((windowMs) => windowMs <= length);
  const lengths = [...new Set([...asked, ...between(Math.min(...asked), length), length])].sort(
    (a, b) => b - a,
  );
  const found = new Map<number, Utilization>();
  let bounded = 1;
  for (const windowMs of lengths) {
    const utilization = minimumUtilization(apart, span, windowMs);
    if (utilization === null) continue;
    bounded = Math.min(bounded, utilization);
    found.set(windowMs, { windowMs, utilization, bounded });
  }
  return asked.flatMap((windowMs) => found.get(windowMs) ?? []);
}

function between(first: number, last: number): number[] {
  const steps = Number.isFinite(first) ? Math.floor(Math.log2(last / first) * STEPS_TO_DOUBLE) : 0;
  return Array.from({ length: Math.max(0, steps) }, (_, i) => first * 2 ** (i / STEPS_TO_DOUBLE));
}
