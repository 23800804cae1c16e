/** One step in lock step: who makes it, and whether it can be made at all while others sleep. */
import * as u from '../../uffd/index.ts';
import { type Actor, probeAccess } from './actor.ts';
import { type Answer, open, perform } from './perform.ts';
import { CHILD, HUGE, type Step, threadOf } from './program.ts';
import { pendingOf, type Running } from './running.ts';
import { mayRaiseEvent } from './waiting.ts';

/** Makes the step, or has its thread begin it. */
export function begin(running: Running, step: Step): Answer {
  const { kernel, actors, names, busy } = running;
  if (isHeldUp(running, step)) return { is: 'busy' };
  if (step.call === 'read' && wouldBlock(running, step.uffd)) return { is: 'would block' };
  const thread = threadOf(step, running.hasEvents);
  if (thread === CHILD && !running.hasChild) return { is: 'no child' };
  if (step.call === 'fork' && running.hasChild) return { is: 'forked already' };
  if (step.call === 'exit') return exit(running);
  if (thread !== null) {
    busy.set(thread, step);
    (actors.get(thread) as Actor).ask([step], names);
    return { is: 'asleep' };
  }
  if (step.call === 'memfd_create' || step.call === 'userfaultfd') return name(running, step);
  const answer = perform(kernel, step, names);
  if (step.call === 'close') delete names.uffds[step.uffd];
  return answer;
}

/** One that a fork has brought is opened as its parent's was. */
function wouldBlock({ kernel, names, blocking }: Running, uffd: string): boolean {
  return blocking.has(uffd.replace(/child$/, '')) && pendingOf(kernel, names.uffds[uffd]) === 0;
}

function exit(running: Running): Answer {
  if (!running.hasChild || running.busy.has(CHILD)) return { is: running.hasChild ? 'busy' : 'no child' };
  (running.actors.get(CHILD) as Actor).moveTo(null);
  running.hasChild = false;
  return { is: 'ok' };
}

/** Calls that change a file, which wait for each other: whoever writes to it has it locked, asleep in a fault or not. */
const CHANGE_A_FILE: ReadonlySet<Step['call']> = new Set(['pwrite', 'fallocate', 'ftruncate']);

/**
 * Whether the step would have to wait for a thread that sleeps: its own; one that keeps the userfaultfd open by its call, or by
 * the process that it forks, so that it could neither be counted nor woken; or one that changes the file.
 */
function isHeldUp({ busy, hasEvents }: Running, step: Step): boolean {
  const thread = threadOf(step, hasEvents);
  if (thread !== null && busy.has(thread)) return true;
  const calls = [...busy.values()];
  if (step.call === 'close')
    return calls.some((other) => other.call === 'fork' || ('uffd' in other && other.uffd === step.uffd));
  return changesFile(step) && calls.some(changesFile);
}

/** Or will, when it has been told of what it drops. */
function changesFile(step: Step): boolean {
  return CHANGE_A_FILE.has(step.call) || (step.call === 'madvise' && step.advice === 'REMOVE');
}

function name(running: Running, step: Step & { call: 'memfd_create' | 'userfaultfd' }): Answer {
  const { kernel, names, blocking } = running;
  const [numbers, key] = step.call === 'memfd_create' ? [names.files, step.file] : [names.uffds, step.uffd];
  if (numbers[key] !== undefined) return { is: 'named already' };
  const fd = open(kernel, step);
  if (fd < 0) return { is: u.errnoName(fd) };
  numbers[key] = fd;
  if (step.call === 'memfd_create' && step.huge) names.hugeFiles[key] = true;
  if (step.call === 'userfaultfd' && !step.flags?.includes('O_NONBLOCK')) blocking.add(key);
  return { is: 'ok' };
}

/**
 * An access that would end the process: by a system call, which answers EFAULT for it. Which signal it would be, this does
 * not tell.
 */
export function probe(running: Running, step: Step, signal: string): Answer {
  const { kernel, names, scratch } = running;
  if (step.call !== 'load' && step.call !== 'store') return { is: `no access, and yet ${signal}` };
  if (isHeldUp(running, step)) return { is: 'busy' };
  const address = names.base + Math.round(step.at * u.PAGE_BYTES);
  const call = { fd: scratch.fd, address, write: step.call === 'store' };
  const answer = step.child
    ? running.hasChild && (running.actors.get(CHILD) as Actor).probe(call)
    : probeAccess(kernel, call);
  return { is: answer === -u.EFAULT ? signal : `allowed (${answer})` };
}

/**
 * Whether two threads may sleep on pages of the step's range; closing a userfaultfd is about all of them. Or one call reads
 * several messages: whoever waits until the first is read may raise another meanwhile.
 */
export function mayWakeTwo(busy: Running['busy'], step: Step): boolean {
  if (step.call === 'close') return busy.size > 1;
  if (step.call === 'read' && (step.messages ?? 1) > 1) return [...busy.values()].some(mayRaiseEvent);
  if (!('at' in step)) return false;
  const [first, end] = pagesOf(step);
  const sleepers = [...busy.values()].map((call) =>
    pagesOf('from' in call ? { ...call, at: call.from } : call),
  );
  return sleepers.filter(([from, to]) => from < end && first < to).length > 1;
}

/** The pages that a call is about: [first, end). Where huge pages may be it is about all of each. */
function pagesOf(step: object): [number, number] {
  const { at = 0, pages = 1 } = step as { at?: number; pages?: number };
  const page = at < HUGE ? 1 : HUGE;
  return [Math.floor(at / page) * page, Math.ceil((at + pages) / page) * page];
}
