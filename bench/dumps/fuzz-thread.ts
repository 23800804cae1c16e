/** Reads one mutated dump after the other, and says which of them a reader did not answer for. Spawned by fuzz.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SharedWords, storeRelease } from '../../uffd/sync.ts';
import { createDumpMemory } from '../workloads/dump-memory.ts';
import type { HeapGraph } from '../workloads/heap-graph.ts';
import { UsageError } from '../workloads/workload.ts';
import { type Inputs, inputOf } from './inputs.ts';
import { faultOf, type Kind, MOST_MEMORY, read } from './kinds.ts';

export interface FuzzSetup extends Inputs {
  /** Word 0: the number of the input that is being read. */
  readonly words: SharedWords;
  /** A module whose `read` is tried instead of ours. */
  readonly reader?: string;
}

export interface Finding {
  readonly number: number;
  readonly what: string;
}

export interface FuzzOutcome {
  readonly graphs: number;
  readonly refusals: number;
  readonly findings: readonly Finding[];
  /** The most bytes of arrays that a reader asked for, beyond MOST_MEMORY.plus, for each byte of its input. */
  readonly mostMemory: number;
  readonly slowestMs: number;
}

const MOST_FINDINGS = 20;

/** One input: a graph or a refusal is an answer, all else is found fault with. */
async function tryOne(kind: Kind, chunks: readonly Uint8Array[], reader: typeof read) {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const memory = createDumpMemory('the input');
  const began = performance.now();
  const { graph, fault } = await answerOf(() => reader(kind, chunks, memory));
  const ms = performance.now() - began;
  const most = MOST_MEMORY.times * length + MOST_MEMORY.plus;
  const tooMuch = `asked for ${memory.asked} bytes of memory for ${length} of a file, not at most ${most}`;
  const what = fault ?? (memory.asked > most ? tooMuch : null);
  return { graph, what, ms, memory: Math.max(0, memory.asked - MOST_MEMORY.plus) / Math.max(1, length) };
}

async function answerOf(
  answer: () => Promise<HeapGraph>,
): Promise<{ graph?: HeapGraph; fault: string | null }> {
  try {
    const graph = await answer();
    const fault = faultOf(graph);
    return { graph, fault: fault === null ? null : `a graph with ${fault}` };
  } catch (error) {
    if (!(error instanceof UsageError))
      return { fault: `threw ${error instanceof Error ? error.stack : error}` };
    return {
      fault: /\n/.test(error.message) ? `more than one line: ${JSON.stringify(error.message)}` : null,
    };
  }
}

async function fuzz({ kind, seed, from, to, words, reader }: FuzzSetup): Promise<FuzzOutcome> {
  const { read: readOne }: { read: typeof read } = reader === undefined ? { read } : await import(reader);
  const findings: Finding[] = [];
  let [graphs, refusals, mostMemory, slowestMs] = [0, 0, 0, 0];
  for (let number = from; number < to && findings.length < MOST_FINDINGS; number++) {
    storeRelease(words, 0, number);
    const { graph, what, ms, memory } = await tryOne(kind, inputOf({ kind, seed }, number), readOne);
    if (what !== null) findings.push({ number, what });
    else if (graph) graphs++;
    else refusals++;
    mostMemory = Math.max(mostMemory, memory);
    slowestMs = Math.max(slowestMs, ms);
  }
  return { graphs, refusals, findings, mostMemory, slowestMs };
}

parentPort?.postMessage(await fuzz(workerData as FuzzSetup));
