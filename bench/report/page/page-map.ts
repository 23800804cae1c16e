/**
 * The pages of one collection over time: a picture of all of it, and below it the pages at a moment that the reader
 * chooses. Both show what each page is then; a page that is published shows by whom.
 */
import { MAP_STATE, type MapMove, movesOf } from '../../metrics/page-map.ts';
import type { PageMap, Results } from '../../results.ts';
import { put, shownOf } from './plot.ts';

/** What a page may be, in the order of its life, and how it is shown. */
const KINDS = [
  { label: 'not made yet', colour: [150, 150, 150] },
  { label: 'being made', colour: [240, 228, 66] },
  { label: 'made', colour: [86, 180, 233] },
  { label: 'published by the collector', colour: [0, 114, 178] },
  { label: 'published by a fault', colour: [213, 94, 0] },
] as const;
const BY_FAULT = 4;

const WIDTH = 760;
const MOST_HEIGHT = 360;
/** Cells of the picture of one moment: so many in a row, and so many at the most. */
const ROW_CELLS = 190;
const CELL = 4;
const MOST_CELLS = ROW_CELLS * 60;

export function drawPageMaps(place: HTMLElement, results: Results): void {
  const maps = shownOf(results).flatMap(({ name, runs }) => {
    const map = runs.find(({ pageMap }) => pageMap !== undefined)?.pageMap;
    return map === undefined ? [] : [{ name, map }];
  });
  if (maps.length === 0) {
    put(place, 'No map was recorded: run with --report or --trace.');
    return;
  }
  place.append(legend());
  for (const { name, map } of maps) place.append(...mapOf(name, map));
}

function legend(): HTMLElement {
  const list = element('ul', { className: 'legend' });
  for (const { label, colour } of KINDS) {
    const swatch = element('span', { className: 'swatch' });
    swatch.style.background = `rgb(${colour.join(' ')})`;
    const item = element('li', {});
    item.append(swatch, label);
    list.append(item);
  }
  return list;
}

/** The kinds of all pages at one moment after another. */
class Replay {
  readonly kinds: Uint8Array;
  private readonly moves: readonly MapMove[];
  private readonly map: PageMap;
  private next = 0;

  constructor(map: PageMap) {
    this.map = map;
    this.moves = movesOf(map);
    this.kinds = new Uint8Array(map.moving + map.nonMoving);
  }

  /** Goes on, or back, to that moment. `told` hears of each page that changes on the way on. */
  goTo(us: number, told: (page: number, from: number, to: number) => void = () => {}): void {
    if (this.next > 0 && (this.moves[this.next - 1] as MapMove).us > us) {
      this.kinds.fill(0);
      this.next = 0;
    }
    for (
      let move = this.moves[this.next];
      move !== undefined && move.us <= us;
      move = this.moves[++this.next]
    )
      this.apply(move, told);
  }

  private apply(
    { first, pages, state, thread }: MapMove,
    told: (page: number, from: number, to: number) => void,
  ) {
    const byFault = state === MAP_STATE.published && (this.map.threads[thread] ?? '').startsWith('fault');
    const kind = byFault ? BY_FAULT : state;
    for (let page = first; page < first + pages && page < this.kinds.length; page++) {
      const from = this.kinds[page] as number;
      if (from >= state) continue;
      this.kinds[page] = kind;
      told(page, from, kind);
    }
  }
}

function mapOf(name: string, map: PageMap): readonly HTMLElement[] {
  const pages = map.moving + map.nonMoving;
  const heading = element('h3', { textContent: `${name}: collection ${map.cycle}, ${pages} pages` });
  const time = element('canvas', { className: 'time' });
  time.setAttribute('role', 'img');
  time.setAttribute('aria-label', `${name}: each page over time, from the flip on; ${summaryOf(map)}`);
  drawTime(time, map);
  const moment = element('canvas', { className: 'moment' });
  moment.setAttribute('role', 'img');
  const said = element('output', {});
  const slider = element('input', { type: 'range', min: '0', max: '1000', value: '500' });
  slider.setAttribute('aria-label', `${name}: moment since the flip`);
  const cursor = element('div', { className: 'cursor' });
  const replay = new Replay(map);
  const show = (): void => {
    const part = Number(slider.value) / 1000;
    replay.goTo(part * map.endUs);
    const text = momentText(part * map.endUs, replay.kinds);
    drawMoment(moment, replay.kinds);
    moment.setAttribute('aria-label', text);
    slider.setAttribute('aria-valuetext', text);
    said.textContent = text;
    cursor.style.left = `${part * 100}%`;
  };
  slider.addEventListener('input', show);
  show();
  const framed = element('div', { className: 'framed' });
  framed.append(time, cursor);
  return [heading, framed, slider, said, moment];
}

function countsOf(kinds: Uint8Array): readonly number[] {
  const counts = KINDS.map(() => 0);
  for (const kind of kinds) counts[kind] = (counts[kind] as number) + 1;
  return counts;
}

function momentText(us: number, kinds: Uint8Array): string {
  const counts = countsOf(kinds).map((count, kind) => `${count} ${KINDS[kind]?.label}`);
  return `${(us / 1000).toFixed(2)} ms after the flip: ${counts.join(', ')}`;
}

function summaryOf(map: PageMap): string {
  const replay = new Replay(map);
  replay.goTo(map.endUs);
  return momentText(map.endUs, replay.kinds);
}

/** Time from left to right, pages from the top down; where several share a row, their colours are mixed. */
function drawTime(canvas: HTMLCanvasElement, map: PageMap): void {
  const pages = map.moving + map.nonMoving;
  const height = Math.max(1, Math.min(MOST_HEIGHT, pages));
  [canvas.width, canvas.height] = [WIDTH, height];
  const context = canvas.getContext('2d');
  if (context === null || pages === 0) return;
  const rowOf = (page: number) => Math.floor((page * height) / pages);
  const sums = Array.from({ length: height }, () => [0, 0, 0, 0]); // red, green, blue, pages
  const add = (page: number, kind: number, sign: 1 | -1): void => {
    const sum = sums[rowOf(page)] as number[];
    for (const [i, part] of colourOf(kind).entries()) sum[i] = (sum[i] as number) + sign * part;
    sum[3] = (sum[3] as number) + sign;
  };
  for (let page = 0; page < pages; page++) add(page, 0, 1);
  const replay = new Replay(map);
  const image = context.createImageData(WIDTH, height);
  for (let x = 0; x < WIDTH; x++) {
    replay.goTo(((x + 1) / WIDTH) * map.endUs, (page, from, to) => {
      add(page, from, -1);
      add(page, to, 1);
    });
    for (let row = 0; row < height; row++) {
      const [red = 0, green = 0, blue = 0, count = 1] = sums[row] as number[];
      image.data.set([red / count, green / count, blue / count, 255], 4 * (row * WIDTH + x));
    }
  }
  context.putImageData(image, 0, 0);
}

/** A cell a page, or for several: of those the one that is least far. */
function drawMoment(canvas: HTMLCanvasElement, kinds: Uint8Array): void {
  const each = Math.max(1, Math.ceil(kinds.length / MOST_CELLS));
  const cells = Math.ceil(kinds.length / each);
  [canvas.width, canvas.height] = [ROW_CELLS * CELL, Math.max(1, Math.ceil(cells / ROW_CELLS)) * CELL];
  const context = canvas.getContext('2d');
  if (context === null) return;
  for (let cell = 0; cell < cells; cell++) {
    const kind = Math.min(...kinds.subarray(cell * each, (cell + 1) * each));
    context.fillStyle = `rgb(${colourOf(kind).join(' ')})`;
    context.fillRect((cell % ROW_CELLS) * CELL, Math.floor(cell / ROW_CELLS) * CELL, CELL - 1, CELL - 1);
  }
}

function colourOf(kind: number): readonly number[] {
  return KINDS[kind]?.colour ?? [0, 0, 0];
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties);
}
