/** What `workloads` does: every workload with its parameters and their defaults. */
import { EXIT } from './errors.ts';
import { checkWritable, print, writeJson } from './output.ts';
import { workloads } from './workloads/index.ts';
import type { ParameterSpec, Workload } from './workloads/workload.ts';

export async function listWorkloads(options: { readonly json?: string | true }): Promise<number> {
  const all = [...workloads.values()];
  if (options.json === undefined) {
    print(all.map(describe).join('\n\n'));
    return EXIT.done;
  }
  const file = options.json === true ? '-' : options.json;
  checkWritable('--json', file);
  writeJson('--json', file, { schema: 'minorfault/workloads/1', workloads: all.map(toJson) });
  return EXIT.done;
}

function describe({ name, summary, parameters }: Workload): string {
  const entries = Object.entries(parameters);
  const width = Math.max(0, ...entries.map(([parameter]) => parameter.length));
  const lines = entries.map(
    ([parameter, spec]) =>
      `  --set ${parameter.padEnd(width)}  ${spec.summary} (default: ${defaultInWords(spec)})`,
  );
  return [`${name}: ${summary}`, ...lines].join('\n');
}

/** `default` is null where it follows from other options; `derived` says how. */
function toJson({ name, summary, parameters }: Workload): unknown {
  const listed = Object.entries(parameters).map(([parameter, spec]) => {
    const fixed = typeof spec.default === 'function' ? null : spec.default;
    return [parameter, { ...spec, default: fixed }];
  });
  return { name, summary, parameters: Object.fromEntries(listed) };
}

function defaultInWords({ default: value, derived }: ParameterSpec): string {
  if (value === '') return derived ?? 'none';
  return derived ?? (typeof value === 'function' ? 'follows from the other options' : `${value}`);
}
