import { defineConfig } from 'vitest/config';

// Tests import what ships (dist/), which `npm test` has compiled just before: worker entries must be
// JavaScript on Node 20. Each file runs in a process of its own, since threads are what is tested.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
