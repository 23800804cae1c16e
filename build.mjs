/**
 * The second step of `npm run build`, after tsc: compiles the inner loops to WebAssembly, joins the modules that threads load, and
 * adds the files that are read.
 *
 * A thread of a heap would load a hundred modules, which takes longer than to start the thread. So the code of uffd, heap
 * and gc is joined into a few files, of which a thread loads one for the heap and one for its kernel. Each module keeps
 * its own file, which names its part of them: a class is the same one for whoever imports it, from wherever.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const { version } = createRequire(import.meta.url)('assemblyscript/package.json');
const ROOMS = ['uffd', 'heap', 'gc'];
/** What runs as soon as it is loaded. */
const THREADS = ['collector', 'compactor', 'fault', 'mutator'].map((name) => `gc/threads/${name}.ts`);
/** What a thread loads besides, of the one kernel or the other (uffd/attach.ts). */
const ATTACHING = ['uffd/sim/kernel.ts', 'uffd/linux/attach.ts'];
/** Files that litmus, fuzz and reports read. */
const DATA = ['bench/litmus/library', 'bench/fuzz/corpus', 'bench/report/style.css'];

/** The module, as it is named here on every system. */
function nameOf(path) {
  return relative('.', path).replaceAll('\\', '/');
}

/** Which file a module is joined into. Those of gc find its WebAssembly and its threads from there. */
function fileFor(module, threadsNeed) {
  if (THREADS.includes(module)) return null;
  if (dirname(module) === 'uffd/sim') return 'uffd/sim-kernel';
  if (dirname(module) === 'uffd/linux') return 'uffd/linux-kernel';
  return threadsNeed.has(module) ? 'gc/in-threads' : 'gc/opening';
}

/** All that threads import, but for what they load later. */
function neededBy(modules, graph) {
  const needed = new Set(modules);
  for (const module of needed)
    for (const id of graph.getModuleInfo(join(process.cwd(), module))?.importedIds ?? [])
      if (!id.startsWith('node:')) needed.add(nameOf(id));
  return needed;
}

function modulesOf(room) {
  return readdirSync(room, { recursive: true })
    .map((file) => nameOf(join(room, file)))
    .filter((file) => /(?<!\.d)\.ts$/.test(file) && !file.startsWith('gc/wasm/'));
}

/** The inner loops, which take longest to compile: only if anything has changed since they were. */
async function compileLoops() {
  const wasm = 'dist/gc/collector.wasm';
  const stamp = 'dist/gc/collector.made-of';
  const sources = readdirSync('gc/wasm').map(
    (file) => `${file}\n${readFileSync(join('gc/wasm', file), 'utf8')}`,
  );
  const made = createHash('sha256')
    .update([version, ...sources].join('\n'))
    .digest('hex');
  if (existsSync(wasm) && existsSync(stamp) && readFileSync(stamp, 'utf8') === made) return;
  const { main } = await import('assemblyscript/asc');
  rmSync(stamp, { force: true });
  const { error } = await main(['--config', 'gc/wasm/asconfig.json'], {
    stdout: process.stdout,
    stderr: process.stderr,
  });
  if (error) throw error;
  if (!WebAssembly.validate(readFileSync(wasm)))
    throw new Error(`${wasm} was not written whole: is the disk full?`);
  writeFileSync(stamp, made);
}

await compileLoops();
const modules = ROOMS.flatMap(modulesOf);
const bundle = await rolldown({
  input: Object.fromEntries(modules.map((module) => [module.replace(/\.ts$/, ''), module])),
  platform: 'node',
  treeshake: false,
  preserveEntrySignatures: 'allow-extension',
});
let threadsNeed = null;
await bundle.write({
  dir: 'dist',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  sourcemap: true,
  comments: false,
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      {
        debugName: 'by who needs it',
        name(id, graph) {
          threadsNeed ??= neededBy([...THREADS, ...ATTACHING], graph);
          return fileFor(nameOf(id), threadsNeed);
        },
      },
    ],
  },
});
// With the library of schemas in it.
const schemas = await rolldown({ input: 'bench/typebox.ts', platform: 'node' });
await schemas.write({
  file: 'dist/bench/typebox.js',
  comments: false,
  banner: '/*! With TypeBox (MIT, Haydn Paterson). */',
});
// What a report draws itself with, in the browser: one script, which goes into each report.
const page = await rolldown({ input: 'bench/report/page/main.ts', platform: 'browser' });
await page.write({
  file: 'dist/bench/report/page.js',
  format: 'iife',
  minify: true,
  banner: '/*! With Observable Plot (ISC, Observable, Inc.) and D3 (ISC, Mike Bostock). */',
});
// The schemas of the files that commands write and read, for other programs: minorfault/schemas/results.json.
const { ResultsSchema } = await import('./dist/bench/results.js');
const { CostsSchema } = await import('./dist/bench/costs/schema.js');
const { DoctorReportSchema } = await import('./dist/bench/doctor/report.js');
const { WorkloadListSchema } = await import('./dist/bench/workload-list-schema.js');
const { ProgramSchema } = await import('./dist/bench/litmus/schema.js');
const { SweepSchema } = await import('./dist/bench/sweep/schema.js');
const { MinHeapSchema } = await import('./dist/bench/minheap/schema.js');
const { MergedSchema } = await import('./dist/bench/merge/schema.js');
const { TraceSchema } = await import('./dist/bench/trace/schema.js');
const SCHEMAS = {
  merged: MergedSchema,
  minheap: MinHeapSchema,
  results: ResultsSchema,
  sweep: SweepSchema,
  trace: TraceSchema,
  costs: CostsSchema,
  doctor: DoctorReportSchema,
  litmus: ProgramSchema,
  workloads: WorkloadListSchema,
};
mkdirSync('dist/schemas', { recursive: true });
for (const [name, schema] of Object.entries(SCHEMAS))
  writeFileSync(
    `dist/schemas/${name}.json`,
    `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: `minorfault ${name}`, ...schema }, null, 2)}\n`,
  );
for (const folder of DATA) cpSync(folder, join('dist', folder), { recursive: true });
chmodSync('dist/bench/cli.js', 0o755);
