/** What Linux tells of itself in files: /proc and /sys. Where there is none, or not for us, an answer is empty or null. */
import { readdirSync, readFileSync } from 'node:fs';

/** The text of such a file. */
export function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not there, or not for us
  }
}

/** The names in such a folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function wholeNumber(text: string): number | null {
  return /^\d+\s*$/.test(text) ? Number(text) : null;
}

/** proc_meminfo(5): a number as it stands there, in KiB if it is a size. */
export function memoryFigure(name: string): number | null {
  return wholeNumber(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(contents('/proc/meminfo'))?.[1] ?? '');
}
