/** Modules that are to be workloads, as files in a folder. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BROKEN = new URL('../fixtures/workloads/broken.mjs', import.meta.url).href;

/** Answers the paths of modules that it writes: of a text, or one that hands on one of the broken workloads. */
export function workloadModules(folder: string) {
  function moduleOf(name: string, text: string): string {
    const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
    writeFileSync(path, text);
    return path;
  }
  const broken = (which: string): string =>
    moduleOf(
      which,
      `import { workloads } from '${BROKEN}';\nexport const workload = workloads['${which}'];\n`,
    );
  return { moduleOf, broken };
}
