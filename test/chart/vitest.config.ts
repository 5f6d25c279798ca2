import { defineConfig } from 'vitest/config';

// npm run chart: these need Helm, which Go builds, and a control plane; `npm test` leaves them out.
export default defineConfig({
  test: { dir: import.meta.dirname, include: ['*.test.ts'], testTimeout: 60_000, hookTimeout: 900_000 },
});
