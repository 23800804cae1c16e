/** What `costs` does, from a resolved call to the results on their way out. */
import { EXIT } from '../errors.ts';
import { interruption } from '../interrupt.ts';
import { print, wantsColour, writeJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { measureCosts } from './costs.ts';
import type { CostsCall } from './options.ts';
import { renderCosts } from './table.ts';

/**
 * Measures, prints and writes.
 * @returns the exit code
 * @throws InterruptedError
 */
export async function costsCommand({ config, json, quiet, note }: CostsCall): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, quiet);
  let step = '';
  try {
    if (note !== null) progress.note(note);
    progress.watch(() => step);
    const costs = await measureCosts(config, {
      signal,
      onStep(what) {
        step = what;
      },
      onKernel: progress.finished,
    });
    progress.end();
    if (json !== '-') print(renderCosts(costs, wantsColour(process.stdout)));
    if (json !== null) writeJson('--json', json, costs);
    return EXIT.done;
  } finally {
    progress.end();
  }
}
