import { defineConfig } from 'vitest/config';

// The collector's tests run on each kernel; where the real one cannot be had, they are skipped and say why.
const COLLECTOR = 'test/threads/gc-*.test.ts';

// Tests import what ships (dist/), which `npm test` has compiled just before: worker entries must be
// JavaScript on Node 20. Each file runs in a process of its own, since threads are what is tested.
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    // Node itself loads what ships, as it does for the user: what vitest loads differs (a namespace keeps another order).
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        test: { name: 'all', include: ['test/**/*.test.ts'], env: { MINORFAULT_KERNEL: 'sim' } },
      },
      { extends: true, test: { name: 'linux', include: [COLLECTOR], env: { MINORFAULT_KERNEL: 'linux' } } },
    ],
  },
});
