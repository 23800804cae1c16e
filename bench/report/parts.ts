/** What reports are made of: text as HTML, tables, places that the page draws into, and the page around them. */
import { readFileSync } from 'node:fs';

/** By this a report of ours is known, however old it is. */
export const GENERATOR = '<meta name="generator" content="minorfault';

/** Text as HTML. */
export function asHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Data inside a script element: nothing in it may look like its end. */
function asScript(text: string): string {
  return text.replaceAll('<', '\\u003c');
}

const resource = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** What a page says, and the data that it draws itself from. */
export interface PageContents {
  readonly title: string;
  /** Which minorfault has written it. */
  readonly version: string;
  /** HTML. */
  readonly body: string;
  /** As JSON in the page. */
  readonly data: unknown;
}

/** One file with all that it needs, which opens from disk. */
export function renderPage({ title, version, body, data }: PageContents): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${GENERATOR} ${asHtml(version)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${asHtml(title)}</title>
<style>${resource('./style.css')}</style>
</head>
<body>
<main>
${body}
</main>
<script type="application/json" id="results">${asScript(JSON.stringify(data))}</script>
<script>${resource('./page.js').replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

/** A place that the page draws into, what is to be seen there, and the same in numbers. */
export function figure(id: string, caption: string, table = ''): string {
  const numbers = table === '' ? '' : `<details><summary>In numbers</summary>${table}</details>`;
  return `<figure><figcaption id="${id}-caption">${asHtml(caption)}</figcaption><div class="plot" id="${id}"></div>${numbers}</figure>`;
}

/** A row begins with its label; other cells are HTML. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const headCells = head.map((text) => `<th scope="col">${asHtml(text)}</th>`).join('');
  const body = rows.map(([label = '', ...cells]) => {
    const part = label.startsWith(' ') ? ' class="part"' : '';
    return `<tr><th scope="row"${part}>${asHtml(label.trim())}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${headCells}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

/** What is made of several facts, each as `processors.smt`. */
function named([name, value]: readonly [string, unknown]): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).map(([part, of]) => [`${name}.${part}`, of]);
}

/** What is what, as a list. */
export function definitions(facts: object): string {
  const entries = Object.entries(facts)
    .flatMap(named)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return `<dt>${asHtml(name)}</dt><dd>${asHtml(text)}</dd>`;
    });
  return `<dl>${entries.join('\n')}</dl>`;
}
