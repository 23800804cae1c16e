/** Where results go: a file or standard output, checked before anything is measured. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CheckError, UsageError } from './errors.ts';

/** Writes a line, or many, to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Text of a file that somebody else may have written, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '\u{fffd}');
}

/** Readers that go away (`minorfault … | head`) are no error of ours: what is left to say is dropped. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** Colours on a terminal only, and not where NO_COLOR asks for none. */
export function wantsColour(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}

/**
 * Makes sure that a file can be written there.
 * @throws UsageError
 */
export function checkWritable(option: string, file: string): void {
  if (file === '-') return;
  if (file === '')
    throw new UsageError(`${option}: the name of the file is empty; give one, or - for standard output`);
  const folder = dirname(file);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found) throw new UsageError(`${option} ${file}: the folder ${folder} does not exist; make it first`);
  if (!found.isDirectory()) throw new UsageError(`${option} ${file}: ${folder} is not a folder`);
  const target = statSync(file, { throwIfNoEntry: false });
  if (target?.isDirectory()) throw new UsageError(`${option} ${file}: is a folder; name a file in it`);
  if (!isWritable(target ? file : folder))
    throw new UsageError(`${option} ${file}: no permission to write there`);
}

/** Whether what is there can be written to; of a folder, whether files can be made in it. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes a file at once.
 * @throws CheckError if it cannot be written, or not all of it: the message names the file
 */
export function writeWhole(option: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CheckError(`${option} ${file}: could not be written whole: ${(error as Error).message}`);
  }
}

/**
 * Writes JSON to the file, or to standard output for `-`.
 * @throws CheckError if it cannot be written after all
 */
export function writeJson(option: string, file: string, value: unknown): void {
  const text = JSON.stringify(value, null, 2);
  if (file === '-') {
    print(text);
    return;
  }
  writeWhole(option, file, `${text}\n`);
}
