/** The folder of a sweep: a file of results for each cell that has been measured, written whole or not at all. */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CheckError, UsageError } from '../errors.ts';
import { readText } from '../json-file.ts';
import { isWritable } from '../output.ts';
import { readResults } from '../read-results.ts';
import type { Results } from '../results.ts';
import type { Cell } from './cells.ts';

/** Why a cell is to be measured; null: it has been. `again`: what was there is of no use. */
export type ToDo = { readonly again: string | null } | null;

const LONGEST_NAME = 150;

/** @throws UsageError if there is something else of that name */
export function openFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`--out ${folder}: cannot be made a folder: ${(error as Error).message}`);
  }
  if (!statSync(folder).isDirectory()) throw new UsageError(`--out ${folder}: is no folder; name one`);
  if (!isWritable(folder)) throw new UsageError(`--out ${folder}: no permission to write there`);
}

/** Where a cell's results are. */
export function fileOf(folder: string, { name }: Cell): string {
  const plain = name.replaceAll(/[^\w.,=-]/g, '_').slice(0, LONGEST_NAME);
  const mark = plain === name ? '' : `-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  return join(folder, `${plain}${mark}.results.json`);
}

/**
 * What is to be done for a cell. A file that ends in the middle, or of a run that failed, is of no use.
 * @throws UsageError for anything else of that name, as results of another configuration: it is not overwritten
 */
export function toDo(file: string, cell: Cell): ToDo {
  if (!existsSync(file)) return { again: null };
  const broken = whyNoJson(file);
  if (broken !== null) return { again: broken };
  const results = readResults(file);
  requireSame(file, cell, results);
  return results.failure === undefined ? null : { again: `${file}: failed: ${results.failure}` };
}

/** Results that are whole; null if there are none. */
export function resultsIn(file: string): Results | null {
  return existsSync(file) && whyNoJson(file) === null ? readResults(file) : null;
}

/** Null if it is. @throws UsageError for what is no file, or cannot be read */
function whyNoJson(file: string): string | null {
  const text = readText(file);
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `${file}: is no JSON, or half of it: ${(error as Error).message}`;
  }
}

function requireSame(file: string, { workload, options }: Cell, { cell }: Results): void {
  if (cell === undefined)
    throw new UsageError(`${file}: is there already and is of no sweep; move it away, or use another --out`);
  const [asked, there] = [
    { workload, ...options },
    { workload: cell.workload, ...cell.options },
  ] as Record<string, unknown>[];
  const names = new Set([...Object.keys(asked ?? {}), ...Object.keys(there ?? {})]);
  const other = [...names].find((name) => !isDeepStrictEqual(asked?.[name], there?.[name]));
  if (other === undefined) return;
  const [was, is] = [there, asked].map((of) => JSON.stringify(of?.[other]) ?? 'the default');
  throw new UsageError(
    `${file}: was measured with ${other} ${was}, and the sweep says ${is}; use another --out, or move the file away`,
  );
}

/**
 * Writes the results beside their place, and puts them there when they are on the disk: whoever is killed meanwhile leaves
 * a `.partial` behind.
 * @throws CheckError if they cannot be written
 */
export function store(file: string, results: Results): void {
  // Nobody else's: another process, or host, may be at the same cell.
  const partial = `${file}.${randomUUID().slice(0, 8)}.partial`;
  try {
    const fd = openSync(partial, 'wx');
    try {
      writeWhole(fd, Buffer.from(`${JSON.stringify(results)}\n`));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(partial, file);
  } catch (error) {
    throw new CheckError(
      `${file}: could not be written: ${(error as Error).message}${existsSync(partial) ? `; ${partial} holds a part of it` : ''}`,
    );
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
