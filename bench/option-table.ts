/** The options that measuring commands take: their flags and help, and the texts that come of them. */
import { MODES } from '../gc/modes/index.ts';
import { ARCHITECTURE_NAMES, LINUX_KNOWN } from '../uffd/open.ts';

export const MODE_NAMES = Object.keys(MODES);
export const DEFAULT_WORKLOAD = 'snapshot';
/** What a bare --verify means (program.ts). */
export const VERIFY_HEAP = 'heap';

export type CommandName = 'compare' | 'run';

/** Which simulated kernel, as the command line gives it. */
export interface RawProfile {
  readonly linux?: string;
  readonly bits?: string;
  readonly arch?: string;
}

/** Options as the command line gives them: texts by long name. */
export interface RawOptions extends RawProfile {
  readonly kernel?: string;
  readonly mode?: string;
  readonly modes?: string;
  readonly fallback?: boolean;
  readonly heap?: string;
  readonly heapFactor?: string;
  readonly minHeap?: string;
  readonly live?: string;
  readonly mutators?: string;
  readonly gcThreads?: string;
  readonly faultThreads?: string;
  readonly cycles?: string;
  readonly invocations?: string;
  readonly batch?: string;
  readonly utilization?: string;
  readonly minFree?: string;
  readonly maxFree?: string;
  readonly period?: string;
  readonly page?: string;
  readonly pin?: string;
  readonly v8Threads?: string;
  readonly collect?: string;
  readonly control?: boolean;
  readonly loops?: string;
  readonly order?: string;
  readonly densePrefix?: string;
  readonly seed?: string;
  readonly set?: readonly string[];
  readonly json?: string;
  readonly log?: string;
  readonly report?: string;
  readonly force?: boolean;
  readonly trace?: string;
  readonly hdr?: string;
  readonly verify?: string;
  readonly quiet?: boolean;
}

/** Flags and help of the options that say which simulated kernel. */
export const PROFILE_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--linux <version>', `the simulated kernel is of this version: ${LINUX_KNOWN} (default: the newest)`],
  ['--bits <n>', 'its word size: 32 or 64 (default: 64)'],
  ['--arch <name>', `its architecture: ${ARCHITECTURE_NAMES.join(', ')} (default: x86_64)`],
];

/** Flags and help of each option, in the order of the help. */
export const OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--kernel <kernel>', 'sim, linux or auto: linux where it can be had (default: auto)'],
  ...PROFILE_OPTIONS,
  ['--mode <mode>', `one of ${MODE_NAMES.join(', ')}, or a module of yours, as ./my-mode.js`],
  ['--modes <modes>', 'several of them, as copy,continue'],
  [
    '--fallback',
    'where the kernel lacks what a mode needs, run copy, or stw without userfaultfd; the results say so',
  ],
  ['--heap <size>', 'size of the heap, all its spaces together (default: 64MiB)'],
  [
    '--heap-factor <n>',
    'a heap of so many times the smallest one that the work fits into (minorfault minheap); --heap says what the work is sized for',
  ],
  ['--min-heap <size>', 'with --heap-factor, the smallest heap, if it is known (default: it is looked for)'],
  ['--live <fraction>', 'live part of the heap that the workload aims at (default: 0.5)'],
  ['--mutators <n>', 'mutator threads (default: 1)'],
  ['--gc-threads <n>', 'collector threads (default: 1)'],
  ['--fault-threads <n>', 'threads that serve userfaults (default: 1)'],
  ['--cycles <n>', 'rounds of operations, and collections to measure, in each invocation (default: 5)'],
  ['--invocations <n>', 'runs of each mode, each in a process of its own (default: 3 to compare, 1 to run)'],
  ['--batch <n>', 'pages of 4KiB published at once; 0 publishes on demand only (default: 64)'],
  [
    '--collect <when>',
    'rounds: a collection in each round of operations; room: for want of room alone (default: rounds)',
  ],
  [
    '--control',
    'in each invocation run the same without any collection, too, in a heap that is large enough (default: with --report)',
  ],
  [
    '--utilization <fraction>',
    'collect when live objects are this part of what is in use (default: when room gets scarce)',
  ],
  [
    '--min-free <size>',
    'with --utilization, the least the heap grows by above what is live (default: heap / 32)',
  ],
  ['--max-free <size>', 'and the most (default: the heap)'],
  ['--period <ms>', 'collect when no collection has been for so long (default: never)'],
  [
    '--page <size>',
    'size of a page: 4KiB or 2MiB (huge pages: all modes but move); both, to compare them: 4KiB,2MiB (default: 4KiB)',
  ],
  ['--pin <roles>', 'processors of the threads, as mutators=0,collectors=1,faults=0'],
  [
    '--v8-threads <policy>',
    "batch: V8's own threads, as its compiler's, take no processor from ours when they wake; normal (default: batch, on Linux)",
  ],
  ['--order <way>', 'pages are compacted from the top down, or up (default: down; stw: up)'],
  [
    '--dense-prefix <fraction>',
    'pages at the bottom of which so much is live are not moved, only updated; off: all are (default: 0.95)',
  ],
  [
    '--loops <how>',
    "auto: the collector's inner loops compiled (WebAssembly) where its memory is in reach; js: never (default: auto)",
  ],
  ['--seed <n>', 'seed of all that is random (default: 1)'],
  ['--set <name=value>', 'a parameter of the workload, repeatable; see minorfault workloads'],
  ['--json <file>', 'write the results as JSON; - is standard output'],
  [
    '--log <what>',
    'a line for each collection on standard error: gc, phases, fault, as name=value with nvp, or json; as gc,phases,json',
  ],
  ['--report <file>', 'write a report to look at, one HTML file'],
  ['--force', 'overwrite what --report names, also if it is no report'],
  ['--trace <file>', "write what every thread did in each mode's first invocation, for Perfetto's viewer"],
  ['--hdr <file>', "write the stalls of each run's mutators as an HdrHistogram log (.hlog)"],
  [
    '--verify [what]',
    'check the whole heap after every collection; --verify=phases: invariants between its phases, too',
  ],
  ['--quiet', 'no progress on standard error'],
];

/** What `minheap` has no use for: it shows no runs, and says itself how often it tries. */
const NOT_OF_MIN_HEAP = /^--(invocations|heap-factor|min-heap|control|log|report|force|trace|hdr) ?/;
export const MIN_HEAP_OPTIONS = OPTIONS.filter(([flags]) => !NOT_OF_MIN_HEAP.test(flags));
