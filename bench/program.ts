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
  for (const [name, summary] of MEASURING) {
    const command = program
      .command(name)
      .description(summary)
      .argument(
        '[workload]',
        `which workload, see minorfault workloads, or a module of yours, as ./my-workload.js (default: ${DEFAULT_WORKLOAD})`,
      )
      .version(packageVersion(), '--version', 'show the version')
      .action(async (workload: string | undefined, options: RawOptions) =>
        exit(await commands.measure(name, workload, options)),
      );
    for (const [flags, help] of OPTIONS) addOption(command, flags, help);
  }
  program
    .command('workloads')
    .description('the workloads, their parameters and defaults')
    .argument('[modules...]', 'workloads of yours to list with them, as ./my-workload.js')
    .option('--json [file]', 'as JSON, to a file or standard output')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (modules: readonly string[], options: { json?: string | true }) =>
      exit(await commands.listWorkloads(modules, options)),
    );
  program
    .command('doctor')
    .description('what this host offers --kernel linux, and what to do about what is missing')
    .option('--json [file]', 'as JSON, to a file or standard output')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (options: { json?: string | true }) => exit(await commands.doctor(options)));
  const costs = program
    .command('costs')
    .description('what a page costs by each userfaultfd operation, and the round trip of a fault')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (options: RawCostsOptions) => exit(await commands.costs(options)));
  for (const [flags, help] of COSTS_OPTIONS) addOption(costs, flags, help);
  const litmus = program
    .command('litmus')
    .description(
      'small userfaultfd programs, each of which shows a fact, on the simulated kernel and the real one',
    )
    .argument('[files...]', 'litmus files (default: the programs that come with the package)')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (files: readonly string[], options: RawLitmusOptions) =>
      exit(await commands.litmus(files, options)),
    );
  for (const [flags, help] of LITMUS_OPTIONS) addOption(litmus, flags, help);
  const fuzz = program
    .command('fuzz')
    .description('random userfaultfd programs on both kernels, up to the first that tells them apart')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (options: RawFuzzOptions) => exit(await commands.fuzz(options)));
  for (const [flags, help] of FUZZ_OPTIONS) addOption(fuzz, flags, help);
  const minHeap = program
    .command('minheap')
    .description('the smallest heap of each mode that a workload, sized for --heap, fits into')
    .argument('[workload]', `which workload, see minorfault workloads (default: ${DEFAULT_WORKLOAD})`)
    .version(packageVersion(), '--version', 'show the version')
    .action(async (workload: string | undefined, options: RawOptions) =>
      exit(await commands.minHeap(workload, options)),
    );
  for (const [flags, help] of MIN_HEAP_OPTIONS) addOption(minHeap, flags, help);
  const sweep = program
    .command('sweep')
    .description('a comparison for each cell of a matrix of options; what has been measured is not again')
    .argument('[sweep]', 'a sweep file, see --schema')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (file: string | undefined, options: RawSweepOptions) =>
      exit(await commands.sweep(file, options)),
    );
  for (const [flags, help] of SWEEP_OPTIONS) addOption(sweep, flags, help);
  const merge = program
    .command('merge')
    .description('results of several calls, or of all cells of a sweep, beside each other')
    .argument('<results...>', 'files that --json or sweep wrote')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (files: readonly string[], options: RawMergeOptions) =>
      exit(await commands.merge(files, options)),
    );
  for (const [flags, help] of MERGE_OPTIONS) addOption(merge, flags, help);
  program
    .command('report')
    .description('a report from a file of results, without a run')
    .argument('<results>', 'a file that --json wrote')
    .option('--report <file>', 'where to write it (default: beside the results, as .html)')
    .option('--force', 'overwrite what is there, also if it is no report')
    .version(packageVersion(), '--version', 'show the version')
    .action(async (file: string, options: RawReportOptions) => exit(await commands.report(file, options)));
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
