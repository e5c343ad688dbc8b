import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests run from source: every package's `@pythond/source` export points at its src/index.ts. */
const resolve = { conditions: ['@pythond/source'] };
const ssr = { resolve: { conditions: ['@pythond/source'], externalConditions: ['@pythond/source'] } };

const slow = { testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  resolve,
  ssr,
  test: {
    // Most of the time of the slow ones is waiting: three at once, also where there are only two cores.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        resolve,
        ssr,
        test: { name: 'unit', include: ['{apps,libs}/*/src/**/*.test.ts'], testTimeout: 60_000 },
      },
      { resolve, ssr, test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...slow } },
      { resolve, ssr, test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...slow } },
      { resolve, ssr, test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...slow } },
      { resolve, ssr, test: { name: 'sandbox', include: ['test/sandbox/**/*.test.ts'], ...slow } },
    ],
  },
});
