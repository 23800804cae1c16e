/**
 * The entry point `minorfault/workload`: what a workload is written against, to be run as `minorfault run ./my-workload.js`.
 * A module exports it as `workload`; its `module` is the URL of one whose default export is the mutators' program, which may
 * be the same. What mutators can do is in `minorfault` (`Mutator`, `shape`).
 */

export {
  type DriverData,
  type DriverResult,
  driverData,
  type Program,
  type ProgramContext,
  workloadMutator,
} from './driver.ts';
export { dropLitter, type Litter } from './litter.ts';
export { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
export {
  mismatch,
  PayloadError,
  payloadMismatch,
  payloadWord,
  writePayload,
  wrongWord,
} from './payload.ts';
export { createRandom, hash32, mix32, type Random, shuffle } from './random.ts';
export { buildRoom, heapForRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
export { allocateTable, setTableRef, tableBytes, tableRef } from './table.ts';
export {
  type ParameterSpec,
  type Parameters,
  type ParameterValue,
  type PreparedWorkload,
  UsageError,
  type Workload,
  type WorkloadRequest,
} from './workload.ts';
