#!/usr/bin/env node
/** The `minorfault` command. What measures is loaded only once the arguments are known to be right. */
import { describeError, exitCodeOf, InterruptedError } from './errors.ts';
import { tolerateClosedPipes } from './output.ts';
import { type Commands, runProgram } from './program.ts';

const commands: Commands = {
  measure: async (command, workload, options) =>
    (await import('./commands.ts')).measureCommand(command, workload, options),
  listWorkloads: async (options) => (await import('./workload-list.ts')).listWorkloads(options),
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
