import { defineConfig } from 'vitest/config';

// The collector's tests run on each kernel; where the real one cannot be had, they are skipped and say why.
const COLLECTOR = 'test/threads/gc-*.test.ts';

// Tests of single modules, and of the command, which is a process of its own, leave theirs as they found it: many files run in
// one, one after the other. All others have one each, since threads are what is tested; or since a heap's shapes are so many
// to a thread, and for good.
const UNITS = 'test/{bench,cli,gc,uffd}/**/*.test.ts';

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
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [UNITS],
          env: { MINORFAULT_KERNEL: 'sim' },
        },
      },
      { extends: true, test: { name: 'linux', include: [COLLECTOR], env: { MINORFAULT_KERNEL: 'linux' } } },
    ],
  },
}));
