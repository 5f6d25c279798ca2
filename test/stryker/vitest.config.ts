import { defineConfig } from 'vitest/config';

// Beside the code, and whole: what only a test of the controllers notices is not tested well enough. Tests by the thousand
// take longer than all others together, and would be run again for each mutant: the score is without them.
export default defineConfig({
  test: {
    include: ['src/core/**/*.test.ts', 'src/analysis/**/*.test.ts'],
    exclude: ['**/*.simulation.test.ts', '**/*.property.test.ts'],
    setupFiles: ['test/stryker/few-runs.ts'],
    testTimeout: 60_000,
  },
});
