import { defineConfig } from 'vitest/config';

// npx vitest run --config test/admission/vitest.config.ts: these ask a real API server, so `npm test` leaves them out.
export default defineConfig({
  test: { dir: import.meta.dirname, include: ['*.test.ts'], testTimeout: 60_000, hookTimeout: 900_000 },
});
