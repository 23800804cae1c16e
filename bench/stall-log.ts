/**
 * The stalls of every mutator as an HdrHistogram log, for the tools of that format: an interval for each run and mutator, whose tag
 * tells them apart. (Log format 1.3, histograms of encoding V2: Gil Tene's HistogramLogWriter.) Values are ns, as those tools
 * expect, kept to 3 significant digits; the longest one of an interval stands beside it in ms.
 */
import { build, HistogramLogWriter } from 'hdr-histogram-js';
import { nameOf } from './columns.ts';
import type { Measurement } from './measure.ts';
import type { Config } from './options.ts';
import { packageVersion } from './package-version.ts';
import type { Run } from './results.ts';

export interface StallLog {
  /** A run that told nothing adds nothing. */
  add(measured: Pick<Measurement, 'run' | 'stalls'>): void;
  /** The file. */
  text(): string;
}

const NS_PER_US = 1000;
const NS_PER_MS = 1e6;
const MS_PER_S = 1000;

export function openStallLog(config: Pick<Config, 'pages'>): StallLog {
  const lines: string[] = [];
  const writer = new HistogramLogWriter((line) => lines.push(line));
  let startsMs: number | null = null;
  return {
    add({ run, stalls }) {
      const span = spanOf(run);
      if (span === null) return;
      startsMs ??= span.beginMs;
      for (const [i, values] of stalls.entries()) {
        const histogram = histogramOf(values);
        histogram.tag = `${tagOf(run, config)}.mutator${i}`;
        writer.outputIntervalHistogram(histogram, span.beginMs / MS_PER_S, span.endMs / MS_PER_S, NS_PER_MS);
      }
    },
    text: () => [...headOf(startsMs ?? Date.now()), ...lines].join(''),
  };
}

/** From the first measured collection's begin to the last one's end, in ms since 1970: null without any. */
function spanOf({ cycles, openedAt = 0 }: Run): { readonly beginMs: number; readonly endMs: number } | null {
  const [first, last] = [cycles[0], cycles.at(-1)];
  if (first === undefined || last === undefined) return null;
  return { beginMs: openedAt + first.beganMs, endMs: openedAt + last.beganMs + last.totalMs };
}

function histogramOf(micros: Float64Array) {
  const histogram = build({ numberOfSignificantValueDigits: 3 });
  for (const us of micros) histogram.recordValue(Math.max(0, Math.round(us * NS_PER_US)));
  return histogram;
}

/** As `continue.1`; a tag has no commas and no spaces. */
function tagOf(run: Run, config: Pick<Config, 'pages'>): string {
  const name = nameOf(run, config).replaceAll(', ', '.').replaceAll(/[\s,]/g, '');
  return `${name}.${run.invocation}`;
}

function headOf(startsMs: number): readonly string[] {
  const head: string[] = [];
  const writer = new HistogramLogWriter((line) => head.push(line));
  writer.outputComment(
    `[Logged with minorfault ${packageVersion()}: stalls of mutators in userfaults, in ns]`,
  );
  writer.outputLogFormatVersion();
  writer.outputComment(
    `[StartTime: ${(startsMs / MS_PER_S).toFixed(3)} (seconds since epoch), ${new Date(startsMs).toISOString()}]`,
  );
  writer.outputLegend();
  return head;
}
