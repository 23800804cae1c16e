/**
 * Which cells a program hits: read off the simulated machine's tables before each step and after it. They say what no
 * answer does: the memory in a range, its registration, and who sleeps there in which fault.
 */
import { type KernelHandle, PAGE_BYTES } from '../../uffd/index.ts';
import { FEATURE, hasFeature, isInitialised } from '../../uffd/sim/context.ts';
import { withOpen } from '../../uffd/sim/descriptors.ts';
import { isChanging } from '../../uffd/sim/events.ts';
import { attachMachine, type Machine } from '../../uffd/sim/machine.ts';
import { sharing } from '../../uffd/sim/mm-lock.ts';
import { findVma, type Vma, vmasIn } from '../../uffd/sim/vmas.ts';
import { modeBits, type Names } from '../litmus/perform.ts';
import type { Step, StepOf } from '../litmus/program.ts';
import type { Effect, Observer } from '../litmus/stage.ts';
import { ACCESS_AREA, type AccessPlace, FAULT_MODE, FEATURES } from './access-rules.ts';
import {
  FOREIGN,
  HUGE_SEVERAL,
  IOCTL_MODES,
  type Ioctl,
  type IoctlPlace,
  MIXED,
  modeName,
  NOTHING,
  REFUSED,
  registeredAs,
  SEVERAL,
  UNREGISTERED,
  UNSEEN,
  WAIT_FOR_EVENTS,
} from './ioctl-places.ts';
import { IOCTL_AREA } from './ioctl-rules.ts';
import { kindOf } from './memory.ts';
import { cellKey } from './rules.ts';
import { SLEEPER_AREA, SLEPT_ON, type SleeperPlace, WHOSE, WOKE } from './sleeper-rules.ts';
import { type Sleeper, watchSleepers } from './sleepers.ts';

type IoctlStep = StepOf<Ioctl>;
type Mode = Parameters<typeof modeBits>[1];
type AccessStep = StepOf<'load' | 'store'>;

/** Whoever looks on, and the keys of the cells that each step has hit. */
export interface CellObserver extends Observer {
  /** Of the program that ran last, or runs. */
  readonly cells: () => readonly (readonly string[])[];
}

/** What is known of a step before it is made. */
interface Before {
  readonly place: IoctlPlace | AccessPlace | null;
  readonly met: readonly { readonly sleeper: Sleeper; readonly place: SleeperPlace }[];
}

/** What the harness answers where a step was not made. */
const NOT_MADE: ReadonlySet<string> = new Set(['busy', 'would block', 'named already', 'too near']);

export function observe(handle: KernelHandle): CellObserver {
  const m = attachMachine(handle.machine as SharedArrayBuffer);
  const sleepers = watchSleepers(m);
  let cells: string[][] = [];
  let before: Before = { place: null, met: [] };
  let hasForked = false; // from there on what is known of cells does not hold
  return {
    cells: () => cells,
    begin() {
      cells = [];
      hasForked = false;
    },
    before(step, names) {
      hasForked ||= step.call === 'fork';
      if (hasForked) return;
      before = sharing(m, () => lookBefore(m, step, names, sleepers.all()));
    },
    after(step, names, effect) {
      if (hasForked) {
        cells.push([]);
        return;
      }
      sharing(m, () => sleepers.look(names));
      cells.push(NOT_MADE.has(effect.is) ? [] : hitCells(before, step, sleepers.all(), effect));
    },
  };
}

function lookBefore(m: Machine, step: Step, names: Names, sleepers: readonly Sleeper[]): Before {
  if (step.call === 'load' || step.call === 'store') return { place: accessPlace(m, step, names), met: [] };
  if (!isIoctl(step)) return { place: null, met: [] };
  const place = ioctlPlace(m, step, names);
  const isRefused = (Object.values(REFUSED) as string[]).includes(place.mode);
  return { place, met: isRefused ? [] : sleepersMet(m, step, names, place.mode, sleepers) };
}

function isIoctl(step: Step): step is IoctlStep {
  return step.call in IOCTL_MODES;
}

function hitCells(
  { place, met }: Before,
  step: Step,
  sleepers: readonly Sleeper[],
  { is }: Effect,
): string[] {
  // Exhausted memory is nobody's rule.
  if (place === null || is === 'ENOMEM') return [];
  if (!isIoctl(step))
    return [cellKey(ACCESS_AREA, place as AccessPlace, outcomeOfAccess(step, sleepers, is))];
  const sleepsOn = ({ thread, number }: Sleeper): boolean =>
    sleepers.some((other) => other.thread === thread && other.number === number);
  const woken = met.map(({ sleeper, place }) =>
    cellKey(SLEEPER_AREA, place, sleepsOn(sleeper) ? SLEPT_ON : WOKE),
  );
  return [cellKey(IOCTL_AREA, place as IoctlPlace, is), ...woken];
}

/** `asleep` says in which fault. */
function outcomeOfAccess(step: Step, sleepers: readonly Sleeper[], is: string): string {
  if (is !== 'asleep') return is;
  const asked = (step as AccessStep).thread ?? 'T0';
  return sleepers.find(({ thread }) => thread === asked)?.fault ?? is;
}

function pageAt({ base }: Names, at: number): number {
  return Math.floor(base / PAGE_BYTES + at);
}

function accessPlace(m: Machine, { call, at }: AccessStep, names: Names): AccessPlace {
  const vma = findVma(m, pageAt(names, at));
  if (vma === null) return { call, memory: NOTHING, registered: UNSEEN, features: UNSEEN };
  const registered = registeredAs(vma.modes);
  const features = registered === UNREGISTERED ? UNSEEN : featuresThatCount(m, vma.context);
  return { call, memory: kindOf(vma), registered, features };
}

function featuresThatCount(m: Machine, context: number): string {
  if (hasFeature(m, context, FEATURE.sigbus)) return FEATURES.sigbus;
  return hasFeature(m, context, FEATURE.wpAsync) ? FEATURES.async : FEATURES.none;
}

function ioctlPlace(m: Machine, step: IoctlStep, names: Names): IoctlPlace {
  const { call } = step;
  const context = contextOf(m, step, names);
  const refused = (mode: string): IoctlPlace => ({ call, memory: UNSEEN, registered: UNSEEN, mode });
  if (context < 0) return refused(REFUSED.closed);
  if (!isInitialised(m, context)) return refused(REFUSED.handshake);
  if (WAIT_FOR_EVENTS.has(call) && isChanging(m, context)) return refused(REFUSED.changing);
  const mode = modeName(call, modeBits(call, step as Mode));
  if (mode === REFUSED.bits || !isWhole(step)) return refused(mode === REFUSED.bits ? mode : REFUSED.range);
  return { call, ...rangeAt(m, context, step, names), mode };
}

/** The step's userfaultfd as the machine numbers them; −1: it names none. */
function contextOf(m: Machine, { uffd }: IoctlStep, { uffds }: Names): number {
  const fd = uffds[uffd];
  return fd === undefined ? -1 : withOpen(m, fd, ({ object }) => object);
}

/** COPY reads from anywhere; of all other ranges only whole pages are accepted. */
function isWhole(step: IoctlStep): boolean {
  const starts = step.call === 'move' ? [step.at, step.from] : [step.at];
  return step.pages > 0 && [step.pages, ...starts].every(Number.isInteger);
}

function rangeAt(
  m: Machine,
  context: number,
  { at, pages }: IoctlStep,
  names: Names,
): Pick<IoctlPlace, 'memory' | 'registered'> {
  const [first, end] = [pageAt(names, at), pageAt(names, at + pages)];
  const vmas = vmasIn(m, first, end);
  const [vma, ...others] = vmas;
  if (vma === undefined) return { memory: NOTHING, registered: UNSEEN };
  const isOne = others.length === 0 && vma.start <= first && vma.end >= end;
  const several = vmas.some(({ huge }) => huge) ? HUGE_SEVERAL : SEVERAL;
  return { memory: isOne ? kindOf(vma) : several, registered: registrationOf(vmas, context) };
}

function registrationOf(vmas: readonly Vma[], context: number): string {
  if (vmas.some((vma) => vma.context >= 0 && vma.context !== context)) return FOREIGN;
  const [first, ...others] = new Set(vmas.map(({ modes }) => registeredAs(modes)));
  return others.length === 0 ? (first as string) : MIXED;
}

/** Those who sleep in the call's range, on pages that are registered for their fault still. */
function sleepersMet(
  m: Machine,
  step: IoctlStep,
  names: Names,
  mode: string,
  sleepers: readonly Sleeper[],
): Before['met'] {
  const called = contextOf(m, step, names);
  const [first, end] = [pageAt(names, step.at), pageAt(names, step.at + step.pages)];
  return sleepers.flatMap((sleeper) => {
    const { page, fault, context } = sleeper;
    const vma = page < first || page >= end ? null : findVma(m, page);
    if (vma?.context !== context || !registeredAs(vma.modes).includes(FAULT_MODE[fault])) return [];
    const whose = context === called ? WHOSE.own : WHOSE.foreign;
    return [{ sleeper, place: { call: step.call, fault, whose, mode } }];
  });
}
