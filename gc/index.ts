/**
 * The entry point `minorfault`: open a heap, run mutators in it, collect, read what happened, close.
 */
export { formatBytes, HeapOutOfMemoryError, MutatorError, StaleReferenceError } from '../heap/errors.ts';
export { defineMutator, type Mutator, type MutatorDefinition } from '../heap/mutator.ts';
export type { Ref } from '../heap/object.ts';
export { type Field, type Shape, shape } from '../heap/shape.ts';
export { HeapCorruptError } from '../heap/verify.ts';
export { KernelUnavailableError } from '../uffd/open.ts';
export type { FellBack } from './fallback.ts';
export { type Heap, type MutatorHandle, type MutatorOutcome, openHeap } from './heap.ts';
export { INVARIANTS, InvariantError, type InvariantName } from './invariants/named.ts';
export { HeapTooLargeError } from './machine-size.ts';
export { MODES, type ModeName } from './modes/index.ts';
export type { HeapOptions, PageSize } from './options.ts';
export type { ThreadRecording } from './recording.ts';
export type { CycleRecord, PauseRecord } from './records.ts';
export { RefusedError } from './refusals.ts';
export type { RefusableCall, Refusal } from './refuse.ts';
export type { Stall } from './stalls.ts';
export { HeapClosedError, ThreadDiedError } from './threads.ts';
export type { CpuTime } from './told.ts';
