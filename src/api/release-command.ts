import { z } from 'zod';
import { ruled } from './rules.ts';
import { durationField } from './scalars.ts';

export const ACTIONS = ['pause', 'resume', 'promote', 'promoteFull', 'abort', 'retry', 'rollbackTo'] as const;
export type Action = (typeof ACTIONS)[number];

/** `spec` of a ReleaseCommand: an order to one revision of one release, executed at most once. */
export const releaseCommandSpec = ruled(
  z.object({
    release: ruled(z.string().min(1).max(253), {
      description: 'Name of the CanaryRelease in the same namespace.',
      requiredMessage: 'spec.release is missing: name the CanaryRelease that this command is for',
    }),
    revision: ruled(z.string().min(1).max(63), {
      description:
        'The revision that the command is about: the candidate; for retry the one rolled back; for rollbackTo the one to return to.',
      requiredMessage:
        'spec.revision is missing: name the revision that this command is about, so that it cannot hit a later one (kubectl get canaryreleases -o wide shows it)',
    }),
    action: z.enum(ACTIONS).meta({
      description:
        '`pause`, `resume`, `promote` (to the next step now), `promoteFull` (to the end now), `abort` (take the candidate back), `retry` (try a rolled-back revision again), `rollbackTo` (return to an earlier revision at once).',
      requiredMessage: `spec.action is missing: one of ${ACTIONS.join(', ')}`,
    }),
    by: ruled(z.string().min(1).max(256).optional(), {
      description:
        'Who orders it, for reports: the command line and the dashboard fill it in. It is what the command says of itself, and proves nothing.',
    }),
    ttl: ruled(durationField().default('1h'), {
      description: 'How long the object is kept once it was executed or refused.',
    }),
  }),
  {
    description: 'An order to one revision of one release.',
    // A transition rule: it has no counterpart in zod, which sees one object at a time.
    'x-kubernetes-validations': [
      {
        rule: 'self == oldSelf',
        message: 'a ReleaseCommand cannot be changed: delete it and make a new one',
      },
    ],
  },
);

export type ReleaseCommandSpec = z.output<typeof releaseCommandSpec>;

/** `status` of a ReleaseCommand. */
export const releaseCommandStatus = z.object({
  phase: z.enum(['Executed', 'Refused']).optional().describe('Empty until the command was handled.'),
  message: z.string().optional().meta({ description: 'What was done, or why not.' }),
  finishedAt: z
    .string()
    .meta({ format: 'date-time', description: 'When it was handled; `spec.ttl` counts from here.' })
    .optional(),
});

export type ReleaseCommandStatus = z.output<typeof releaseCommandStatus>;
