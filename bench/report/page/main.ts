/** What draws the report, in the browser: from the results in the page itself, and nothing else. */
import type { Merged } from '../../merge/schema.ts';
import type { Results } from '../../results.ts';
import { plotMemory } from './memory.ts';
import { drawMerged } from './merged.ts';
import { drawPageMaps } from './page-map.ts';
import { plotPauses } from './pauses.ts';
import { plotPhases } from './phases.ts';
import { type Figure, put } from './plot.ts';
import { plotRatios } from './ratios.ts';
import { plotRequests, plotStalls } from './stalls.ts';
import { plotUtilization } from './utilization.ts';

/** Each figure, by the id of its place in the page (html.ts). */
const FIGURES: Readonly<Record<string, (results: Results) => Figure>> = {
  ratios: plotRatios,
  pauses: plotPauses,
  stalls: plotStalls,
  requests: plotRequests,
  utilization: plotUtilization,
  phases: plotPhases,
  memory: plotMemory,
};

function drawResults(results: Results): void {
  for (const [id, figure] of Object.entries(FIGURES)) {
    const place = document.getElementById(id);
    if (place !== null) put(place, figure(results));
  }
  drawPageMaps(placeOf('page-maps'), results);
}

const placeOf = (id: string) => document.getElementById(id) as HTMLElement;
const data: Results | Merged = JSON.parse(placeOf('results').textContent ?? '');
if (data.schema === 'minorfault/merged/1') drawMerged(data);
else drawResults(data);
// On paper nothing can be opened.
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
document.documentElement.dataset.drawn = 'true';
