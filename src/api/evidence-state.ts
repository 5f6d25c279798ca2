import { z } from 'zod';

const number = z.number();
const counts = z.object({ all: number, bad: number });
const scatter = z.object({ seen: number, expected: number });
const span = z.object({ seconds: number, candidate: number.optional(), stable: number.optional() });
const side = z.object({ serving: number, deviations: z.record(z.string(), z.tuple([number, number])) });

/** What the evidence of an event metric goes on from, besides the events of both sides (src/analysis/evidence.ts). */
export const evidenceState = z.object({
  counted: number,
  compared: counts,
  watched: number,
  age: number,
  mostRatio: number,
  shares: z.record(z.string(), z.tuple([number, number, number])),
  warmUp: number,
  expected: number,
  dispersion: z.object({
    single: scatter,
    double: scatter,
    spans: z.array(span).max(3),
    open: span.optional(),
  }),
  pods: z.object({ candidate: side, stable: side }).optional(),
});
export type EvidenceState = z.output<typeof evidenceState>;
