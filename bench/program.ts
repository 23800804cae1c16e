/** The command line: commands and options, and from what it finds wrong to one line. Measures nothing itself. */
import { Command, CommanderError } from 'commander';
import { COSTS_OPTIONS, type RawCostsOptions } from './costs/options.ts';
import { UsageError } from './errors.ts';
import { FUZZ_OPTIONS, type RawFuzzOptions } from './fuzz/options.ts';
import { LITMUS_OPTIONS, type RawLitmusOptions } from './litmus/options.ts';
import { MERGE_OPTIONS, type RawMergeOptions } from './merge/options.ts';
import {
  type CommandName,
  DEFAULT_WORKLOAD,
  MIN_HEAP_OPTIONS,
  OPTIONS,
  type RawOptions,
  VERIFY_HEAP,
} from './option-table.ts';
import { packageVersion } from './package-version.ts';
import type { RawReportOptions } from './report/command.ts';
import { type RawSweepOptions, SWEEP_OPTIONS } from './sweep/options.ts';

/** What the commands do; each answers the exit code. */
export interface Commands {
  measure(command: CommandName, workload: string | undefined, options: RawOptions): Promise<number>;
  report(file: string, options: RawReportOptions): Promise<number>;
  minHeap(workload: string | undefined, options: RawOptions): Promise<number>;
  merge(files: readonly string[], options: RawMergeOptions): Promise<number>;
  sweep(file: string | undefined, options: RawSweepOptions): Promise<number>;
  listWorkloads(modules: readonly string[], options: { readonly json?: string | true }): Promise<number>;
  doctor(options: { readonly json?: string | true }): Promise<number>;
  costs(options: RawCostsOptions): Promise<number>;
  litmus(files: readonly string[], options: RawLitmusOptions): Promise<number>;
  fuzz(options: RawFuzzOptions): Promise<number>;
}

const MEASURING: readonly (readonly [CommandName, string])[] = [
  ['compare', 'the same workload under each mode, side by side'],
  ['run', 'one configuration'],
];

type Options = readonly (readonly [flags: string, help: string])[];

/** What a command takes. */
interface Form {
  readonly argument?: readonly [name: string, help: string];
  readonly options: Options;
}

const WORKLOAD = [
  '[workload]',
  `which workload, see minorfault workloads, or a module of yours, as ./my-workload.js (default: ${DEFAULT_WORKLOAD})`,
] as const;
const LIST_OPTIONS: Options = [['--json [file]', 'as JSON, to a file or standard output']];
const REPORT_OPTIONS: Options = [
  ['--report <file>', 'where to write it (default: beside the results, as .html)'],
  ['--force', 'overwrite what is there, also if it is no report'],
];

/**
 * Parses the arguments (without node and script) and carries the command out.
 * @returns the exit code
 * @throws UsageError for a call that is wrong, and whatever the command throws
 */
export async function runProgram(args: readonly string[], commands: Commands): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(commands, (code) => {
    exitCode = code;
  });
  if (args.length === 0) throw new UsageError(`no command; ${commandNames(program)}; see minorfault --help`);
  try {
    // A value only as --verify=…: what follows a bare --verify may be the workload.
    const unambiguous = args.map((arg) => (arg === '--verify' ? `--verify=${VERIFY_HEAP}` : arg));
    await program.parseAsync(unambiguous, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new UsageError(oneLine(error, program));
  }
  return exitCode;
}

function buildProgram(commands: Commands, exit: (code: number) => void): Command {
  const program = new Command('minorfault')
    .description('A concurrent mark-compact collector driven by userfaults: CONTINUE beside COPY')
    .configureOutput({ outputError: () => {} }) // errors are told once, by whoever catches them
    .exitOverride()
    .version(packageVersion(), '--version', 'show the version');
  const define = (name: string, summary: string, { argument, options }: Form): Command => {
    const command = program.command(name).description(summary);
    command.version(packageVersion(), '--version', 'show the version');
    if (argument !== undefined) command.argument(...argument);
    for (const [flags, help] of options) addOption(command, flags, help);
    return command;
  };
  /** What takes nothing but options. */
  const plain = <Given>(act: (options: Given) => Promise<number>) => {
    return async (options: Given): Promise<void> => exit(await act(options));
  };
  /** What takes something to work on, too. */
  const on = <Argument, Given>(act: (argument: Argument, options: Given) => Promise<number>) => {
    return async (argument: Argument, options: Given): Promise<void> => exit(await act(argument, options));
  };
  for (const [name, summary] of MEASURING)
    define(name, summary, { argument: WORKLOAD, options: OPTIONS }).action(
      on((workload: string | undefined, options: RawOptions) => commands.measure(name, workload, options)),
    );
  define('workloads', 'the workloads, their parameters and defaults', {
    argument: ['[modules...]', 'workloads of yours to list with them, as ./my-workload.js'],
    options: LIST_OPTIONS,
  }).action(on(commands.listWorkloads));
  define('doctor', 'what this host offers --kernel linux, and what to do about what is missing', {
    options: LIST_OPTIONS,
  }).action(plain(commands.doctor));
  define('costs', 'what a page costs by each userfaultfd operation, and the round trip of a fault', {
    options: COSTS_OPTIONS,
  }).action(plain(commands.costs));
  define(
    'litmus',
    'small userfaultfd programs, each of which shows a fact, on the simulated kernel and the real one',
    {
      argument: ['[files...]', 'litmus files (default: the programs that come with the package)'],
      options: LITMUS_OPTIONS,
    },
  ).action(on(commands.litmus));
  define('fuzz', 'random userfaultfd programs on both kernels, up to the first that tells them apart', {
    options: FUZZ_OPTIONS,
  }).action(plain(commands.fuzz));
  define('minheap', 'the smallest heap of each mode that a workload, sized for --heap, fits into', {
    argument: WORKLOAD,
    options: MIN_HEAP_OPTIONS,
  }).action(on(commands.minHeap));
  define('sweep', 'a comparison for each cell of a matrix of options; what has been measured is not again', {
    argument: ['[sweep]', 'a sweep file, see --schema'],
    options: SWEEP_OPTIONS,
  }).action(on(commands.sweep));
  define('merge', 'results of several calls, or of all cells of a sweep, beside each other', {
    argument: ['<results...>', 'files that --json or sweep wrote'],
    options: MERGE_OPTIONS,
  }).action(on(commands.merge));
  define('report', 'a report from a file of results, without a run', {
    argument: ['<results>', 'a file that --json wrote'],
    options: REPORT_OPTIONS,
  }).action(on(commands.report));
  return program;
}

function addOption(command: Command, flags: string, help: string): void {
  if (flags.startsWith('--set ')) {
    command.option(flags, help, (value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      value,
    ]);
  } else {
    command.option(flags, help);
  }
}

function commandNames(program: Command): string {
  return `the commands are ${program.commands.map((command) => command.name()).join(', ')}`;
}

/** commander's message without its prefix and line breaks, and with what to do. */
function oneLine(error: CommanderError, program: Command): string {
  const message = error.message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  const remedy = error.code === 'commander.unknownCommand' ? commandNames(program) : 'see minorfault --help';
  return `${message}; ${remedy}`;
}
