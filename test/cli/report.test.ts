/**
 * The report, in a real Chromium: that it draws everything without a word on the console and asks for nothing on any
 * network; that what it says is what the command says; and that it works by keyboard, in the dark and on paper.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Results } from '../../dist/bench/results.js';
import { type Ended, minorfault } from './minorfault.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const hasChromium = existsSync(CHROMIUM);
const why = `no Chromium at ${CHROMIUM}: apt-get install chromium, or name one as CHROMIUM`;
if (!hasChromium) console.warn(`SKIPPED: the report in a browser: ${why}`);

const folder = mkdtempSync(join(tmpdir(), 'minorfault-report-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** Where pictures are put to be looked at. */
const PICTURES = 'coverage/report';

const [json, html] = [join(folder, 'out.results.json'), join(folder, 'out.html')];
let ended: Ended;
beforeAll(async () => {
  const args = [
    'compare',
    'random-graph',
    '--kernel',
    'sim',
    '--heap',
    '8MiB',
    '--cycles',
    '3',
    '--modes',
    'copy,continue',
  ];
  const files = ['--json', json, '--report', html];
  ended = await minorfault([...args, '--invocations', '2', '--mutators', '2', '--quiet', ...files]);
});

it('is written beside the table', () => {
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain('total per collection, ms');
  expect(statSync(html).size).toBeLessThan(5_000_000);
});

describe('in Chromium', () => {
  beforeEach((context) => context.skip(!hasChromium, why));
  let browser: Browser;
  beforeAll(async () => {
    if (!hasChromium) return;
    mkdirSync(PICTURES, { recursive: true });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());

  interface Opened {
    readonly page: Page;
    /** What the console said, and what was thrown. */
    readonly said: string[];
    readonly requests: string[];
  }

  async function open(file: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 900 } });
    const [said, requests]: [string[], string[]] = [[], []];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', ({ message }) => said.push(message));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator('html').getAttribute('data-drawn')).toBe('true');
    return { page, said, requests };
  }

  it('draws every figure, is silent, and asks for nothing but itself', async () => {
    const { page, said, requests } = await open(html);
    expect(said).toEqual([]);
    expect(requests).toEqual([pathToFileURL(html).href]);
    for (const id of ['ratios', 'pauses', 'stalls', 'utilization', 'phases', 'memory']) {
      const plot = page.locator(`#${id} svg[role=img]`);
      expect(await plot.count(), id).toBe(1);
      // Something is in it: lines, bars or dots.
      expect(await plot.locator('path, circle, rect, line').count(), id).toBeGreaterThan(3);
      const caption = await plot.getAttribute('aria-labelledby');
      expect(await page.locator(`#${caption}`).textContent(), id).not.toBe('');
    }
    expect(await page.locator('#page-maps canvas.time').count()).toBe(2);
    await page.screenshot({ path: join(PICTURES, 'light.png'), fullPage: true });
    await page.close();
  });

  it('has the figures of the table, each with its ratio', async () => {
    const { page } = await open(html);
    const rows = await page.locator('table').last().locator('tbody tr').all();
    const shown = await Promise.all(rows.map((row) => row.locator('th, td').allTextContents()));
    const squeezed = ended.stdout.split('\n').map((line) => line.replaceAll(/\s+/g, ''));
    expect(shown.length).toBeGreaterThan(20);
    for (const cells of shown) expect(squeezed).toContain(cells.join('').replaceAll(/\s+/g, ''));
    await page.close();
  });

  it('shows the pages at a moment that the keyboard chooses, and says what they are', async () => {
    const { page } = await open(html);
    const slider = page.getByLabel('continue: moment since the flip');
    await slider.focus();
    await page.keyboard.press('Home');
    const text = () => slider.getAttribute('aria-valuetext');
    const results: Results = JSON.parse(readFileSync(json, 'utf8'));
    const map = results.runs.find(({ mode, pageMap }) => mode === 'continue' && pageMap)?.pageMap;
    const pages = (map?.moving ?? 0) + (map?.nonMoving ?? 0);
    // On a busy machine mutators have faulted before the collector tells that it has flipped.
    const [, ...counts] =
      /^0.00 ms after the flip: (\d+) not made yet, (\d+) being made, (\d+) made, (\d+) .*, (\d+) .*$/
        .exec((await text()) ?? '')
        ?.map(Number) ?? [];
    expect(counts[0]).toBeGreaterThan(pages / 2);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(pages);
    await page.keyboard.press('ArrowRight');
    expect(await text()).not.toMatch(/^0.00 ms/);
    await page.keyboard.press('End');
    const last = results.runs.find((run) => run.pageMap && run.mode === 'continue')?.cycles.at(-1);
    const counted = last?.pages ?? { untouched: NaN, publishedByCollector: NaN, publishedByFault: NaN };
    expect(await text()).toMatch(
      new RegExp(
        `: 0 not made yet, 0 being made, ${counted.untouched} made, ${counted.publishedByCollector} published by the ` +
          `collector, ${counted.publishedByFault} published by a fault$`,
      ),
    );
    // The picture of that moment has that text too.
    expect(await page.locator('canvas.moment').last().getAttribute('aria-label')).toBe(await text());
    await page.close();
  });

  it('is dark where that is liked, and whole on paper', async () => {
    const { page } = await open(html, 'dark');
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await paper()).toBe('rgb(21, 23, 26)');
    await page.screenshot({ path: join(PICTURES, 'dark.png'), fullPage: true });
    expect(await page.locator('details[open]').count()).toBe(0);
    await page.pdf({ path: join(PICTURES, 'paper.pdf') }); // as if printed
    expect(await page.locator('details:not([open])').count()).toBe(0);
    await page.emulateMedia({ media: 'print' });
    expect(await paper()).toBe('rgb(255, 255, 255)');
    await page.close();
  });

  it('without scripts all numbers are there', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(html).href);
    expect(await page.locator('table').count()).toBe(4);
    expect(await page.locator('h1').textContent()).toContain('random-graph');
    await context.close();
  });

  it('names that look like HTML stay text', async () => {
    const results: Results = JSON.parse(readFileSync(json, 'utf8'));
    const evil = '</script><script>console.log("evil")</script><b>&';
    const [file, report] = [join(folder, 'evil.json'), join(folder, 'evil.html')];
    writeFileSync(file, JSON.stringify({ ...results, config: { ...results.config, workload: evil } }));
    expect((await minorfault(['report', file])).code).toBe(0);
    const { page, said } = await open(report);
    expect(said).toEqual([]);
    expect(await page.locator('h1').textContent()).toContain(evil);
    await page.close();
  });
});

describe('minorfault report', () => {
  it('makes the same report from the file, beside it', async () => {
    const copy = join(folder, 'copy.results.json');
    writeFileSync(copy, readFileSync(json));
    const { code, stdout, stderr } = await minorfault(['report', copy]);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toContain(join(folder, 'copy.html'));
    expect(readFileSync(join(folder, 'copy.html'), 'utf8')).toBe(readFileSync(html, 'utf8'));
  });

  it('overwrites reports, and what else is there only by --force', async () => {
    const precious = join(folder, 'precious.html');
    writeFileSync(precious, '<p>my notes</p>');
    const refused = await minorfault(['report', json, '--report', precious]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      `minorfault: --report ${precious}: is there already and is no report of minorfault; name another file, or add --force to overwrite it\n`,
    ]);
    expect(readFileSync(precious, 'utf8')).toBe('<p>my notes</p>');
    expect((await minorfault(['run', '--report', precious])).code).toBe(2); // before anything is measured
    expect((await minorfault(['report', json, '--report', precious, '--force'])).code).toBe(0);
    expect((await minorfault(['report', json, '--report', precious])).code).toBe(0);
    expect(readFileSync(precious, 'utf8')).toContain('<h1>');
  });

  it.each([
    ['nothing', null, /cannot be read: ENOENT/],
    [
      'half a file',
      '{"schema":"minorfault/results/1","host":',
      /is no JSON, or half of it: .*; use a file that --json wrote/,
    ],
    [
      'another kind',
      '{"schema":"minorfault/costs/1"}',
      /its schema is minorfault\/costs\/1, and this minorfault reads minorfault\/results\/1/,
    ],
    ['none', '[]', /it has no schema, and this minorfault reads minorfault\/results\/1/],
    [
      'a later one',
      '{"schema":"minorfault/results/2"}',
      /its schema is minorfault\/results\/2, .*read it with the minorfault that wrote it/,
    ],
  ])('refuses a file that holds %s', async (_, text, message) => {
    const file = join(folder, 'bad.json');
    rmSync(file, { force: true });
    if (text !== null) writeFileSync(file, text);
    const { code, stderr } = await minorfault(['report', file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(join(folder, 'bad.html'))).toBe(false);
  });

  it('names the place in the file where something else was expected', async () => {
    const results: Results = JSON.parse(readFileSync(json, 'utf8'));
    const file = join(folder, 'bad.json');
    const [first, ...others] = results.runs;
    writeFileSync(file, JSON.stringify({ ...results, runs: [{ ...first, kernel: 'plan9' }, ...others] }));
    expect((await minorfault(['report', file])).stderr).toMatch(/bad\.json: runs\[0\]\.kernel must /);
  });

  it('a full disk is said', async () => {
    const { code, stderr } = await minorfault(['report', json, '--report', '/dev/full']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/--report \/dev\/full: could not be written whole: ENOSPC/),
    ]);
  });
});
