/** The checks as a table that a person reads. */
import { styleText } from 'node:util';
import Table from 'cli-table3';
import { NO_BOX } from '../no-box.ts';
import { isNeeded } from './checks.ts';
import type { Check, CheckGroup } from './report.ts';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';
type Paint = (style: Style, text: string) => string;

/** How a check stands: `missing` keeps `--kernel linux` from running, `optional` is not here and need not be. */
type Standing = 'ok' | 'missing' | 'optional' | 'unknown';

const STYLES: Readonly<Record<Standing, Style>> = {
  ok: 'green',
  missing: 'red',
  optional: 'yellow',
  unknown: 'dim',
};

const LEGEND = '* needed by --kernel linux; optional: not here, and --kernel linux can do without';

function standingOf(check: Check): Standing {
  if (check.ok) return 'ok';
  if (check.found === null) return 'unknown';
  return isNeeded(check) ? 'missing' : 'optional';
}

const LEAST_WIDTH = 100;
const USUAL_WIDTH = 120;

/** Every group with its title, and what the marks mean; `columns` is the width of the terminal, if it is one. */
export function renderChecks(
  groups: readonly CheckGroup[],
  colour: boolean,
  columns: number | undefined,
): string {
  const paint: Paint = colour
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text;
  const width = Math.max(LEAST_WIDTH, columns ?? USUAL_WIDTH);
  const parts = groups.map(
    ({ title, checks }) => `${paint('bold', title)}\n${renderGroup(checks, width, paint)}`,
  );
  return [...parts, LEGEND].join('\n\n').replaceAll(/ +$/gm, '');
}

const NAME_WIDTH = 36; // the longest: * userfaultfd(UFFD_USER_MODE_ONLY)
const STANDING_WIDTH = 10;

function renderGroup(checks: readonly Check[], width: number, paint: Paint): string {
  const rest = width - NAME_WIDTH - STANDING_WIDTH;
  const foundWidth = Math.floor(rest * 0.4);
  const table = new Table({
    chars: NO_BOX,
    colWidths: [NAME_WIDTH, STANDING_WIDTH, foundWidth, rest - foundWidth],
    wordWrap: true,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const check of checks) {
    const standing = standingOf(check);
    table.push([
      `${isNeeded(check) ? '*' : ' '} ${check.name}`,
      paint(STYLES[standing], standing),
      check.found ?? '–',
      [check.why, check.remedy === null ? null : `→ ${check.remedy}`]
        .filter((text) => text !== null)
        .join('\n'),
    ]);
  }
  return table.toString();
}
