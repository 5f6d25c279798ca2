import { z } from 'zod';

const number = z.number();
const counts = z.object({ all: number, bad: number });
const scatter = z.object({ seen: number, expected: number });
const span = z.object({ seconds: number, bad: number });
const spans = z.object({
  spans: z.array(span).max(3),
  open: span.extend({ all: number }).optional(),
});
const side = z.object({ serving: number, deviations: z.record(z.string(), z.tuple([number, number])) });

const shares = z.record(z.string(), z.tuple([number, number, number]));
const held = counts.extend({ compared: number, expected: number });
const tally = z.object({ compared: counts, held, shares, warmUp: number, expected: number });
const evidence = tally.extend({
  here: tally.extend({ number, seconds: number, candidate: counts, stable: counts }),
  recent: z.object({ candidate: counts, stable: counts }),
  usual: counts,
  calm: z.boolean(),
  watched: number,
  age: number,
  mostRatio: number,
  lump: number,
  unsettled: number,
  latest: counts,
  untold: number,
  dispersion: z.object({
    single: scatter,
    double: scatter,
    candidate: spans,
    stable: spans,
  }),
  waiting: z
    .object({
      candidate: counts,
      stable: counts,
      seconds: number,
      before: z.boolean().optional(),
      outage: z.boolean().optional(),
      changed: z.boolean().optional(),
      torn: z.boolean().optional(),
      unheld: counts,
      told: counts,
    })
    .optional(),
  pods: z.object({ candidate: side, stable: side }).optional(),
});

/** What an event metric goes on from, besides its counts; see src/analysis/evidence.ts and excuse.ts. */
export const metricState = z.object({
  evidence,
  /** The window to which the latest events belong (RFC 3339). */
  windowFrom: z.string().optional(),
  /** What is counted: counts of something else are not gone on with. */
  counts: z.string(),
});
export type MetricState = z.output<typeof metricState>;
