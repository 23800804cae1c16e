/** What `workloads` does: every workload with its parameters and their defaults, and those of modules that are named. */
import { EXIT } from './errors.ts';
import { checkWritable, print, writeJson } from './output.ts';
import type { ListedWorkload, WorkloadList } from './workload-list-schema.ts';
import { workloads } from './workloads/index.ts';
import { findWorkload } from './workloads/load.ts';
import type { ParameterSpec, Workload } from './workloads/workload.ts';

/** @throws UsageError for a module that is none of a workload */
export async function listWorkloads(
  modules: readonly string[],
  options: { readonly json?: string | true },
): Promise<number> {
  const all = [...workloads.values(), ...(await Promise.all(modules.map(findWorkload)))];
  if (options.json === undefined) {
    print(all.map(describe).join('\n\n'));
    return EXIT.done;
  }
  const file = options.json === true ? '-' : options.json;
  checkWritable('--json', file);
  const list: WorkloadList = { schema: 'minorfault/workloads/1', workloads: all.map(toJson) };
  writeJson('--json', file, list);
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
function toJson({ name, summary, parameters }: Workload): ListedWorkload {
  const listed = Object.entries(parameters).map(([parameter, spec]) => {
    const fixed = typeof spec.default === 'function' ? null : spec.default;
    return [parameter, { ...spec, default: fixed }] as const;
  });
  return { name, summary, parameters: Object.fromEntries(listed) };
}

function defaultInWords({ default: value, derived }: ParameterSpec): string {
  if (value === '') return derived ?? 'none';
  return derived ?? (typeof value === 'function' ? 'follows from the other options' : `${value}`);
}
