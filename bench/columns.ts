/** What is compared side by side: a mode, on pages of a size. */
import { formatBytes } from '../heap/errors.ts';
import type { Run } from './results.ts';

export interface Column {
  readonly mode: string;
  /** Bytes of a page. */
  readonly page: number;
}

/** What is compared: the modes, and the sizes of pages. */
export interface Compared {
  readonly modes: readonly string[];
  readonly pages: readonly number[];
}

/** Each mode on pages of each size. */
export function columnsOf({ modes, pages }: Compared): readonly Column[] {
  return modes.flatMap((mode) => pages.map((page) => ({ mode, page })));
}

/** The mode's name, and the size of its pages where several are compared. */
export function nameOf({ mode, page }: Column, { pages }: Pick<Compared, 'pages'>): string {
  return pages.length === 1 ? mode : `${mode}, ${formatBytes(page)}`;
}

/**
 * What a column's figures are shown as ratios to: COPY; or, where sizes of pages are compared, the same mode on pages of the
 * first size. null if they are not.
 */
export function referenceOf({ mode, page }: Column, { modes, pages }: Compared): Column | null {
  const [first = page] = pages;
  if (pages.length > 1) return page === first ? null : { mode, page: first };
  return mode === 'copy' || !modes.includes('copy') ? null : { mode: 'copy', page };
}

/** The runs of a column. */
export function runsIn(runs: readonly Run[], { mode, page }: Column): readonly Run[] {
  return runs.filter((run) => run.mode === mode && run.page === page);
}

/** Whether the run got to its end: figures of one that did not are in the file, and in no median. */
export function isComplete(run: Run): boolean {
  return run.mutators.length > 0;
}
