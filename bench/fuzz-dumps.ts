/**
 * Readers of heap dumps, given damaged ones: .hprof of each version and size of identifiers, and .heapsnapshot. Each input
 * must come to a graph or to a refusal in one line, in time, with memory of at most 6 times its bytes and 1 KiB.
 *
 *     node dist/bench/fuzz-dumps.js [--inputs 1000000] [--seed 1] [--kind hprof|heapsnapshot] [--limit-ms 10000]
 *     node dist/bench/fuzz-dumps.js --kind hprof --seed 1 --only 1234 [--save x.hprof]     # one input, to look into it
 *
 * Exit code 1 if one did not, with the call that gives that input again; 2 for a wrong call.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzzDumps } from './dumps/fuzz.ts';
import type { FuzzOutcome } from './dumps/fuzz-thread.ts';
import { inputOf } from './dumps/inputs.ts';
import { KINDS, type Kind } from './dumps/kinds.ts';
import { describeError, EXIT, exitCodeOf, UsageError } from './errors.ts';
import { integer } from './numbers.ts';
import { createProgress } from './progress.ts';

const MOST = 2 ** 31 - 1;

interface Call {
  readonly kinds: readonly Kind[];
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly limitMs: number;
  readonly save: string | undefined;
}

/** @throws UsageError */
function parseCall(args: readonly string[]): Call {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { inputs: text, seed: text, kind: text, only: text, save: text, 'limit-ms': text },
  });
  const { inputs = '1000000', seed = '1', kind, only, save } = values;
  const kinds = KINDS.filter((name) => kind === undefined || name === kind);
  if (kinds.length === 0)
    throw new UsageError(`--kind ${kind}: no such kind; the kinds are ${KINDS.join(', ')}`);
  if (kind === undefined && only !== undefined) throw new UsageError('--only: of which --kind?');
  if (save !== undefined && only === undefined)
    throw new UsageError('--save: which input? Name it with --only');
  const from = only === undefined ? 0 : integer('--only', only, [0, MOST - 1]);
  return {
    ...{ kinds, from, save },
    seed: integer('--seed', seed, [0, MOST]),
    to: only === undefined ? integer('--inputs', inputs, [1, MOST]) : from + 1,
    limitMs: integer('--limit-ms', values['limit-ms'] ?? '10000', [1, MOST]),
  };
}

function described(kind: Kind, { graphs, refusals, mostMemory, slowestMs }: FuzzOutcome, ms: number): string {
  const inputs = graphs + refusals;
  return (
    `${kind}: ${inputs} inputs, ${graphs} graphs, ${refusals} refusals; ${(inputs / (ms / 1000)).toFixed(0)} a second, ` +
    `the slowest ${slowestMs.toFixed(0)} ms; at most ${mostMemory.toFixed(2)} bytes of memory for each of the file`
  );
}

async function fuzzKind(kind: Kind, { seed, from, to, limitMs, save }: Call): Promise<number> {
  if (save !== undefined) writeFileSync(save, Buffer.concat(inputOf({ kind, seed }, from)));
  const began = performance.now();
  const progress = createProgress(process.stderr, false);
  let at = from;
  progress.watch(() => `${kind}: input ${at} of ${to}`);
  const outcome = await fuzzDumps(
    { kind, seed, from, to },
    {
      limitMs,
      progress: (number) => {
        at = number;
      },
    },
  ).finally(() => progress.end());
  console.log(described(kind, outcome, performance.now() - began));
  for (const { number, what } of outcome.findings)
    console.log(`FOUND ${kind} --seed ${seed} --only ${number}: ${what}`);
  return outcome.findings.length === 0 ? EXIT.done : EXIT.failed;
}

try {
  const call = parseCall(process.argv.slice(2));
  for (const kind of call.kinds)
    process.exitCode = Math.max(Number(process.exitCode ?? 0), await fuzzKind(kind, call));
} catch (error) {
  const wrongCall = error instanceof TypeError && 'code' in error; // of parseArgs
  console.error(`fuzz-dumps: ${wrongCall ? error.message : describeError(error)}`);
  process.exitCode = wrongCall ? EXIT.usage : exitCodeOf(error);
}
