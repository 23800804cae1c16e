/** The process in which programs run: a mistake that ends a process on linux ends this one (kernels.ts). */
import { foresee } from './foresee.ts';
import type { Reply, Request } from './kernels.ts';
import { openStage, type Stage, type Trace } from './stage.ts';

const stages = new Map<string, Stage>();

async function stageOf(kind: 'sim' | 'linux'): Promise<Stage> {
  const stage = stages.get(kind) ?? (await openStage(kind));
  stages.set(kind, stage);
  return stage;
}

/** The first kernel's trace says what accesses would end the process on another. */
async function answer({ program, kernels }: Request): Promise<Reply> {
  const traces: Trace[] = [];
  for (const kind of kernels) {
    const stage = await stageOf(kind);
    process.send?.({ running: kind });
    const [first] = traces;
    traces.push(first === undefined ? stage.run(program) : stage.run(program, foresee(first)));
  }
  return { traces };
}

process.on('message', async (request: Request) => {
  try {
    process.send?.(await answer(request));
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on('disconnect', () => process.exit());
