#!/usr/bin/env node
/** The `minorfault` command. What measures is loaded only once the arguments are known to be right. */
import { loadMode } from '../gc/modes/index.ts';
import { resolveCostsOptions } from './costs/options.ts';
import { describeError, exitCodeOf, InterruptedError, UsageError } from './errors.ts';
import { resolveFuzzOptions } from './fuzz/options.ts';
import { resolveLitmusOptions } from './litmus/options.ts';
import { modesNamed, resolveOptions } from './options.ts';
import { checkWritable, tolerateClosedPipes } from './output.ts';
import { type Commands, runProgram } from './program.ts';

const commands: Commands = {
  measure: async (command, workload, options) => {
    for (const name of modesNamed(options)) await loadMode(name);
    const call = resolveOptions(command, workload, options);
    if (call.json !== null) checkWritable('--json', call.json);
    if (call.trace !== null) checkWritable('--trace', call.trace);
    if (call.hdr !== null) checkWritable('--hdr', call.hdr);
    if (call.report !== null) (await import('./report/file.ts')).checkReport(call.report, call.force);
    return (await import('./commands.ts')).measureCommand(call);
  },
  report: async (file, options) => (await import('./report/command.ts')).reportCommand(file, options),
  minHeap: async (workload, options) => {
    for (const name of modesNamed(options)) await loadMode(name);
    const call = resolveOptions('compare', workload, options);
    if (call.json !== null) checkWritable('--json', call.json);
    return (await import('./minheap/command.ts')).minHeapCommand(call);
  },
  merge: async (files, options) => (await import('./merge/command.ts')).mergeCommand(files, options),
  sweep: async (file, options) => {
    const { printSweepSchema, sweepCommand } = await import('./sweep/command.ts');
    if (options.schema) return printSweepSchema();
    if (file === undefined)
      throw new UsageError('sweep: no file; name a sweep file, see minorfault sweep --help');
    return sweepCommand(file, options);
  },
  listWorkloads: async (modules, options) =>
    (await import('./workload-list.ts')).listWorkloads(modules, options),
  doctor: async (options) => (await import('./doctor.ts')).doctor(options),
  costs: async (options) => {
    const call = resolveCostsOptions(options);
    if (call.json !== null) checkWritable('--json', call.json);
    return (await import('./costs/command.ts')).costsCommand(call);
  },
  litmus: async (files, options) => {
    if (options.schema) return (await import('./litmus/command.ts')).printSchema();
    const call = resolveLitmusOptions(files, options);
    if (call.json !== null) checkWritable('--json', call.json);
    return (await import('./litmus/command.ts')).litmusCommand(call);
  },
  fuzz: async (options) => {
    const call = resolveFuzzOptions(options);
    checkWritable('--save', call.save);
    if (call.json !== null) checkWritable('--json', call.json);
    return (await import('./fuzz/command.ts')).fuzzCommand(call);
  },
};

async function main(): Promise<number> {
  try {
    return await runProgram(process.argv.slice(2), commands);
  } catch (error) {
    process.stderr.write(`minorfault: ${describeError(error)}\n`);
    // A workload may still be reading its input: nothing awaits it any more.
    if (error instanceof InterruptedError) process.exit(exitCodeOf(error));
    return exitCodeOf(error);
  }
}

tolerateClosedPipes();
process.exitCode = await main();
