/** What all figures of the report have in common: their width, their colours, and how they are put in their places. */
import * as Plot from '@observablehq/plot';
import { columnsOf, isComplete, nameOf, runsIn } from '../../columns.ts';
import type { Results, Run } from '../../results.ts';

const WIDTH = 760;
/** Okabe and Ito's colours, which people who see fewer colours tell apart; those that are too pale for white are left out. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f'];

/** A column of the comparison, and its runs to their end. */
export interface Shown {
  readonly name: string;
  readonly runs: readonly Run[];
}

export function shownOf({ config, runs }: Results): readonly Shown[] {
  return columnsOf(config).map((column) => ({
    name: nameOf(column, config),
    runs: runsIn(runs, column).filter(isComplete),
  }));
}

/** One colour a name, the same in all figures. */
export function colourScale(names: readonly string[]): Plot.ScaleOptions {
  return { domain: names, range: COLOURS, legend: true };
}

/** A logarithmic scale whose ticks are written out: 0.01, 0.1, 1, 10, 1,000. */
export function logScale(label: string): Plot.ScaleOptions {
  return { type: 'log', label, grid: true, tickFormat: (value: number) => value.toLocaleString('en-US') };
}

/** What a figure shows, or why there is nothing to see. */
export type Figure = Plot.PlotOptions | string;

/** Puts it in its place. What it shows is said by the figure's caption, and in its table. */
export function put(place: HTMLElement, figure: Figure): void {
  if (typeof figure === 'string') {
    place.append(Object.assign(document.createElement('p'), { textContent: figure }));
    return;
  }
  const plot = Plot.plot({ width: WIDTH, marginLeft: 150, marginBottom: 42, ...figure });
  const svg = plot.tagName === 'FIGURE' ? plot.querySelector(':scope > svg:last-of-type') : plot;
  const caption = place.closest('figure')?.querySelector('figcaption');
  svg?.setAttribute('role', 'img');
  if (caption) svg?.setAttribute('aria-labelledby', caption.id);
  place.append(plot);
}
