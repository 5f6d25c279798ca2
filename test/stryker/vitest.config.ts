import { defineConfig } from 'vitest/config';

// Beside the code, and whole: what only a test of the controllers notices is not tested well enough.
export default defineConfig({
  test: { include: ['src/core/**/*.test.ts', 'src/analysis/**/*.test.ts'], testTimeout: 60_000 },
});
