import { defineConfig } from 'vitest/config';

// The collector's tests run on each kernel; where the real one cannot be had, they are skipped and say why.
const COLLECTOR = 'test/threads/gc-*.test.ts';

// Tests of single modules leave their process as they found it: many files run in one, one after the other. Those of the command,
// too, whose modules are larger. All others have a process each, since threads are what is tested; or since a heap's shapes are
// so many to a thread, and for good.
const UNITS = 'test/{bench,gc,uffd}/**/*.test.ts';
const COMMAND = 'test/cli/**/*.test.ts';

// Tests import what ships (dist/), which `npm test` has compiled just before: worker entries must be
// JavaScript on Node 20.
// `--mode all` (npm run test:all): each test of the collector in every mode; takes half as long again.
export default defineConfig(({ mode }) => ({
  test: {
    env: { MINORFAULT_MODES: mode },
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    // Node itself loads what ships, as it does for the user: what vitest loads differs (a namespace keeps another order).
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'units', include: [UNITS], isolate: false } },
      { extends: true, test: { name: 'command', include: [COMMAND], isolate: false } },
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [UNITS, COMMAND],
          env: { MINORFAULT_KERNEL: 'sim' },
        },
      },
      { extends: true, test: { name: 'linux', include: [COLLECTOR], env: { MINORFAULT_KERNEL: 'linux' } } },
    ],
  },
}));
