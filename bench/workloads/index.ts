/** The workloads, by name. The first is the default. */
import { arrays } from './arrays.ts';
import { churn } from './churn.ts';
import { gcbench } from './gcbench.ts';
import { graphMutator } from './graph-mutator.ts';
import { randomGraph } from './random-graph.ts';
import { requests } from './requests.ts';
import { snapshot } from './snapshot.ts';
import type { Workload } from './workload.ts';

export { resolveParameters } from './parameters.ts';
export { smallestHeap } from './room.ts';
export type {
  ParameterSpec,
  Parameters,
  ParameterValue,
  PreparedWorkload,
  Workload,
  WorkloadRequest,
} from './workload.ts';

export const workloads: ReadonlyMap<string, Workload> = new Map(
  [snapshot, gcbench, churn, randomGraph, graphMutator, arrays, requests].map((workload) => [
    workload.name,
    workload,
  ]),
);
