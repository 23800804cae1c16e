/** `minorfault minheap`: the smallest heap of each mode that a workload, sized for --heap, fits into. */
import Table from 'cli-table3';
import { formatBytes } from '../../heap/errors.ts';
import { EXIT, UsageError } from '../errors.ts';
import { describeHost } from '../host.ts';
import { interruption } from '../interrupt.ts';
import { prepareCall } from '../measure-call.ts';
import { NO_BOX } from '../no-box.ts';
import type { Call } from '../options.ts';
import { print, writeJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { findSmallestHeaps, type ModesHeap } from './find.ts';
import type { MinHeaps } from './schema.ts';

/**
 * Searches, prints and writes.
 * @returns the exit code
 * @throws UsageError, CheckError where a run fails for another reason than too small a heap, InterruptedError
 */
export async function minHeapCommand(call: Call): Promise<number> {
  const { pages } = call.config;
  if (pages.length > 1) throw new UsageError('--page: minheap searches on pages of one size; name one');
  const surroundings = { signal: interruption(), progress: createProgress(process.stderr, call.quiet) };
  const host = describeHost();
  try {
    const ready = await prepareCall(call, surroundings);
    const { config, prepared } = ready;
    const { parameters, liveBytes } = prepared;
    const found = await findSmallestHeaps(ready, surroundings);
    surroundings.progress.end();
    if (call.json !== '-') print(render(found, liveBytes));
    const results: MinHeaps = {
      schema: 'minorfault/minheap/1',
      host: host as MinHeaps['host'],
      config: { ...config, parameters, liveBytes } as MinHeaps['config'],
      modes: found as MinHeaps['modes'],
    };
    if (call.json !== null) writeJson('--json', call.json, results);
    return EXIT.done;
  } finally {
    surroundings.progress.end();
  }
}

function render(found: readonly ModesHeap[], liveBytes: number): string {
  const table = new Table({
    chars: NO_BOX,
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(['', 'smallest heap', 'of what is live', 'too small']);
  for (const { mode, bytes, failedBytes } of found)
    table.push([mode, formatBytes(bytes), `${(bytes / liveBytes).toFixed(2)} x`, formatBytes(failedBytes)]);
  return table.toString().replaceAll(/ +$/gm, '');
}
