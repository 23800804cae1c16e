/** The option --page: sizes of pages, and what can run on huge ones. */
import { HUGE_MODE_NAMES } from '../gc/modes/index.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../uffd/kernel.ts';
import { UsageError } from './errors.ts';
import type { CommandName } from './option-table.ts';
import { parseSize } from './sizes.ts';

/** The message of the error starts with the text. @throws UsageError */
export function parsePageSizes(command: CommandName, text: string): readonly number[] {
  const pages = text.split(',').map((part) => parsePageSize(part.trim(), text));
  if (new Set(pages).size < pages.length)
    throw new UsageError(`${text}: a size is named twice; name each once`);
  if (command === 'run' && pages.length > 1)
    throw new UsageError(`${text}: run measures one size; use one, or minorfault compare`);
  return pages;
}

function parsePageSize(part: string, text: string): number {
  const bytes = parseSize(part);
  if (bytes === PAGE_BYTES || bytes === HUGE_PAGE_BYTES) return bytes;
  throw new UsageError(`${text}: a page is of 4KiB or of 2MiB`);
}

/** @throws UsageError for a mode that has no pages of these sizes */
export function requirePages(modes: readonly string[], pages: readonly number[]): void {
  if (!pages.includes(HUGE_PAGE_BYTES)) return;
  const small = modes.find((mode) => !HUGE_MODE_NAMES.includes(mode));
  if (small !== undefined)
    throw new UsageError(
      `--page 2MiB: mode ${small} runs on pages of 4KiB alone; ${HUGE_MODE_NAMES.join(', ')} run on both`,
    );
}

/**
 * What a workload wants of a heap of huge pages.
 * @throws UsageError for spaces whose objects do not move
 */
export function requireMoving(pages: readonly number[], fixedBytes: number): void {
  if (fixedBytes === 0 || !pages.includes(HUGE_PAGE_BYTES)) return;
  throw new UsageError(
    '--page 2MiB: all objects of such a heap move: set neither nonmoving nor large, or use --page 4KiB',
  );
}
