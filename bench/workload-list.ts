/** What `workloads` does: every workload with its parameters and their defaults. */
import { EXIT } from './errors.ts';
import { checkWritable, print, writeJson } from './output.ts';
import { type Workload, workloads } from './workloads/workload.ts';

export async function listWorkloads(options: { readonly json?: string | true }): Promise<number> {
  const all = [...workloads.values()];
  if (options.json === undefined) {
    print(all.map(describe).join('\n\n'));
    return EXIT.done;
  }
  const file = options.json === true ? '-' : options.json;
  checkWritable('--json', file);
  const listed = all.map(({ name, summary, parameters }) => ({ name, summary, parameters }));
  writeJson('--json', file, { schema: 'minorfault/workloads/1', workloads: listed });
  return EXIT.done;
}

function describe({ name, summary, parameters }: Workload): string {
  const entries = Object.entries(parameters);
  const width = Math.max(0, ...entries.map(([parameter]) => parameter.length));
  const lines = entries.map(
    ([parameter, spec]) => `  --set ${parameter.padEnd(width)}  ${spec.summary} (default: ${spec.default})`,
  );
  return [`${name}: ${summary}`, ...lines].join('\n');
}
