/** The process in which programs run: a mistake that ends a process on linux ends this one (kernels.ts). */
import { type CellObserver, observe } from '../fuzz/observer.ts';
import type { GivenProfile } from '../profile.ts';
import { endingOf, foreseeInStep } from './foresee.ts';
import type { Compared, KernelName, Reply, Request } from './kernels.ts';
import { likeHost } from './like-host.ts';
import { hasHugePages, type Program } from './program.ts';
import { repeat } from './repeat.ts';
import { openStage, type Stage, type Trace } from './stage.ts';

const stages = new Map<KernelName, Stage>();
const given = JSON.parse(process.argv[2] ?? '{}') as GivenProfile;
/** Which simulated kernel: one that can be compared with the host's, if none was asked for. */
const profile = Object.keys(given).length === 0 ? likeHost() : given;
let observer: CellObserver | null = null;

async function stageOf(kernel: KernelName): Promise<Stage> {
  const stage = stages.get(kernel) ?? (await openStage(kernel, profile));
  stages.set(kernel, stage);
  process.send?.({ running: kernel });
  return stage;
}

/** What claiming the huge pages of linux came to, once for all. */
let claim: Promise<string | null> | null = null;

async function claimHugePages(): Promise<string | null> {
  claim ??= (await stageOf('linux')).claimHugePool();
  return claim;
}

/** The simulator is asked first: it survives what ends a process on linux, and says so. */
async function answer(request: Request): Promise<Reply> {
  if (request.what === 'claim huge pages') return { claimed: await claimHugePages() };
  const { program } = request;
  if (request.what === 'end') return { ending: endingOf((await stageOf('linux')).run(program)) }; // claimed for it already
  if (request.what === 'foresee') return { cells: await watched(program) };
  const usesLinux = request.what === 'compare' || request.kernel === 'linux';
  const missing = usesLinux && hasHugePages(program) ? await claimHugePages() : null;
  if (missing !== null) return { skipped: missing };
  if (request.what === 'compare') {
    const { sim, cells } = await observed(program);
    const linux = (await stageOf('linux')).run(program, foreseeInStep(sim));
    return { traces: [sim, linux], cells };
  }
  const { kernel, runs, seed } = request;
  const foreseen = kernel === 'linux' && program.race === undefined ? await simulated(program) : null;
  return { repeated: repeat(await stageOf(kernel), program, { runs, seed, foreseen }) };
}

/** The program on the simulated kernel, and the cells that its steps hit there. */
async function observed(program: Program): Promise<{ sim: Trace; cells: Compared['cells'] }> {
  const { stage, observer } = await simulator();
  const sim = stage.run(program, undefined, observer);
  return { sim, cells: observer.cells() };
}

/** The cells alone. */
async function watched(program: Program): Promise<Compared['cells']> {
  const { stage, observer } = await simulator();
  stage.watch(program, observer);
  return observer.cells();
}

async function simulator(): Promise<{ stage: Stage; observer: CellObserver }> {
  const stage = await stageOf('sim');
  observer ??= observe(stage.handle);
  return { stage, observer };
}

async function simulated(program: Program): Promise<Trace> {
  return (await stageOf('sim')).run(program);
}

process.on('message', async (request: Request) => {
  try {
    process.send?.(await answer(request));
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
// Not exit(), which waits for threads: one may be asleep in a fault for good.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
