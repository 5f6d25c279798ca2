import { z } from 'zod';
import { ACTIONS } from './release-command.ts';

const time = z.string().meta({ format: 'date-time' });

export const PHASES = [
  'Initializing',
  'Healthy',
  'Waiting',
  'Progressing',
  'Paused',
  'Promoting',
  'RollingBack',
  'RolledBack',
] as const;
export type Phase = (typeof PHASES)[number];

export const VERDICTS = ['Pass', 'Fail', 'Inconclusive'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** A condition as kstatus reads it. */
export const condition = z.object({
  type: z.string().describe('`Ready` always; `Reconciling` and `Stalled` only while they are true.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition holds.'),
  reason: z.string().describe('One word of the catalogue of reasons.'),
  message: z.string().describe('Why, in one sentence.'),
  lastTransitionTime: time.describe('When `status` last changed.'),
  observedGeneration: z.int().describe('The generation of the manifest that this is about.'),
});
export type Condition = z.output<typeof condition>;

/** All conditions of a status. */
export const conditions = z
  .array(condition)
  .optional()
  .meta({
    description: 'Conditions as kstatus reads them.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

const counts = z.object({
  all: z.number().min(0).meta({ description: 'Events counted.' }),
  bad: z.number().min(0).meta({ description: 'Bad ones among them.' }),
});

const metric = z.object({
  name: z.string().meta({ description: '`errors`, or `latency-p99` and the like.' }),
  limit: z.number().optional().meta({ description: 'The largest share of bad events allowed (0–1).' }),
  verdict: z.enum(VERDICTS).describe('The verdict by this metric alone.'),
  message: z.string().meta({ description: 'Why, in numbers.' }),
  candidate: counts.meta({ description: "The candidate's events since this release began." }),
  stable: counts.meta({ description: "The stable revision's events in the same time." }),
  window: counts.meta({ description: "The candidate's events since its present weight was observed." }),
  excused: counts.optional().meta({
    description:
      'Those of them from outages of stable: they are not held against the candidate, and do not let it pass unless it keeps its limit all the same.',
  }),
  evidence: z.number().meta({
    description:
      'How many times likelier these counts are from a version that is worse than stable, or above the limit, than from a healthy one (log10).',
  }),
  needed: z.number().optional().meta({ description: 'The evidence at which the metric fails (log10).' }),
  ratio: z
    .object({
      estimate: z.number().optional().meta({
        description: 'The likeliest ratio. Left out while it may be anything large.',
      }),
      atLeast: z.number().meta({ description: 'Lower end of its interval, valid at every look.' }),
      atMost: z.number().optional().meta({
        description: 'Upper end of its interval. Left out while nothing bounds it.',
      }),
    })
    .optional()
    .meta({
      description: "How many times as often the candidate's events are bad as stable's in the same time.",
    }),
  dispersion: z.number().optional().meta({
    description:
      'How many bad events come together, as retries of one request do. Evidence counts them once.',
  }),
  harmless: z.boolean().optional().meta({
    description:
      'True once evidence at the present weight shows that the candidate is less than three times as bad as stable, or keeps its limit; with `advance: onEvidence`.',
  }),
  state: z.looseObject({}).optional().meta({
    description: 'What the next pass goes on from. Not for people; other versions may write it otherwise.',
    'x-kubernetes-preserve-unknown-fields': true,
  }),
});
export type MetricStatus = z.output<typeof metric>;

export const MEASUREMENT_RESULTS = ['Success', 'Failure', 'Inconclusive', 'Error'] as const;
export type MeasurementResult = (typeof MEASUREMENT_RESULTS)[number];

const value = z.object({
  name: z.string().meta({ description: 'Name of the metric; TEMPLATE/METRIC for one of a template.' }),
  definition: z.string().meta({
    description: 'Hash of how it is measured and judged: another one starts afresh.',
  }),
  verdict: z.enum(VERDICTS).describe('The verdict by this metric alone.'),
  message: z.string().meta({ description: 'Why, in numbers.' }),
  dryRun: z.boolean().optional().meta({ description: 'True: it never decides.' }),
  measured: z.int().meta({ description: 'Measurements finished since this release began.' }),
  failures: z.int().meta({ description: 'How many of them were failures.' }),
  errors: z.int().meta({ description: 'Errors in a row, up to the last measurement.' }),
  last: z
    .object({
      at: time.meta({ description: 'When it began.' }),
      result: z.enum(MEASUREMENT_RESULTS).meta({ description: 'How it was judged.' }),
      value: z.string().optional().meta({ description: 'What was measured, shortened.' }),
      message: z.string().optional().meta({ description: 'Why, where the value does not tell.' }),
    })
    .optional()
    .meta({ description: 'The last measurement that finished.' }),
  window: z
    .object({
      from: time.meta({ description: 'When the present weight was observed.' }),
      successes: z.int().meta({ description: 'Successes among the measurements begun since.' }),
      failures: z.int().meta({ description: 'Failures among them.' }),
      inconclusive: z.int().meta({ description: 'Inconclusive ones among them.' }),
    })
    .optional()
    .meta({ description: 'The measurements at the present weight.' }),
  running: z
    .object({
      number: z.int().meta({ description: 'Counts the measurements of this release from 1.' }),
      startedAt: time.meta({ description: 'When it began.' }),
      job: z.string().meta({ description: 'Name of the Job.' }),
    })
    .optional()
    .meta({ description: 'The Job that measures at present.' }),
});
export type ValueStatus = z.output<typeof value>;

const analysis = z.object({
  revision: z.string().describe('The candidate that was analysed.'),
  windowFrom: time.optional().meta({ description: 'The windows of the metrics count from here.' }),
  through: time.meta({ description: 'Everything up to this time has been counted.' }),
  uncountedMs: z.int().optional().meta({
    description:
      'Milliseconds since `windowFrom` that nobody counted, as after a restart of the operator. The step takes as much longer.',
  }),
  completeThrough: time.optional().meta({
    description:
      'Up to this time the data of the candidate are complete: the proxy of every ready pod, or every series, answered.',
  }),
  stableThrough: time.optional().meta({
    description: 'The same of the stable revision, with which the candidate is compared.',
  }),
  queriedThrough: time.optional().meta({
    description: 'The same as `through`, for metrics that count events by queries of the release.',
  }),
  verdict: z.enum(VERDICTS).describe('Fail when one metric fails; Pass when all pass.'),
  message: z.string().describe('Why, in one sentence.'),
  metrics: z.array(metric).meta({
    description: 'One entry for each limit of spec.analysis.',
    'x-kubernetes-list-type': 'atomic',
  }),
  values: z.array(value).optional().meta({
    description: 'One entry for each metric that gives a value.',
    'x-kubernetes-list-type': 'atomic',
  }),
  score: z.number().optional().meta({
    description: 'The share of the weight that passes at present (percent); only with spec.analysis.score.',
  }),
});
export type AnalysisStatus = z.output<typeof analysis>;

const step = z.object({
  index: z.int().meta({ description: 'The present step, counted from 1; 0 before the first.' }),
  of: z.int().meta({ description: 'How many steps there are.' }),
  weight: z.int().meta({ description: 'The weight wanted for the candidate (percent).' }),
  observedWeight: z.int().meta({ description: 'The weight that the routes give it (percent).' }),
  startedAt: time.meta({ description: 'When this weight was first wanted.' }),
  observedAt: time.optional().meta({
    description: 'When this weight was first observed: the analysis of this step begins here.',
  }),
  interruptions: z.int().optional().meta({
    description:
      'How often this weight was lost again after it had been observed: pods that went away, routes that someone edited.',
  }),
  losses: z.int().optional().meta({
    description:
      'How often the candidate has lost its last ready pod at this weight. After three times it is given up.',
  }),
  progressAt: time.meta({ description: 'The last progress; the deadline counts from here.' }),
});
export type StepStatus = z.output<typeof step>;

const OUTCOMES = ['Initial', 'Promoted', 'RolledBack', 'Reverted', 'Superseded'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const ending = z.object({
  outcome: z.enum(['RolledBack', 'Reverted', 'Superseded']).describe('What becomes of the release.'),
  reason: z.string().describe('One word of the catalogue of reasons.'),
  message: z.string().describe('Why it was given up, in one sentence.'),
  at: time.describe('When it was given up.'),
});
export type Ending = z.output<typeof ending>;

const historyEntry = z.object({
  revision: z.string().describe('The revision that went out, or was to go out.'),
  version: z.string().optional().describe('Its spec.version, where it had one.'),
  outcome: z.enum(OUTCOMES).describe('How the release ended.'),
  reason: z.string().describe('One word of the catalogue of reasons.'),
  message: z.string().describe('Why, in one sentence.'),
  startedAt: time.describe('When the release began.'),
  finishedAt: time.describe('When it was over.'),
  requests: z
    .number()
    .meta({ description: 'Requests that this revision served while it was the candidate.' }),
  failed: z.number().meta({ description: 'How many of them failed.' }),
});
export type HistoryEntry = z.output<typeof historyEntry>;

/** How many of each list a course keeps, and how long their sentences are at most. */
export const MOST_TOLD = { events: 32, orders: 16, metrics: 8, values: 16, letters: 300 } as const;

const releaseEvent = z.object({
  at: time.describe('When it happened.'),
  reason: z.string().describe('One word of the catalogue of reasons.'),
  message: z.string().describe('What happened, in one sentence.'),
});
export type ReleaseEvent = z.output<typeof releaseEvent>;

const order = z.object({
  at: time.describe('When it was handled.'),
  command: z.string().describe('Name of the ReleaseCommand.'),
  action: z.enum(ACTIONS).describe('What it ordered.'),
  by: z.string().optional().describe('Who ordered it, as the command itself says.'),
  phase: z.enum(['Executed', 'Refused']).describe('What became of it.'),
  message: z.string().describe('What was done, or why not.'),
});
export type GivenOrder = z.output<typeof order>;

const releaseCourse = z.object({
  revision: z.string().describe('The candidate.'),
  stable: z.string().describe('The revision that it was compared with.'),
  startedAt: time.describe('When the release began.'),
  metrics: z
    .array(z.string())
    .describe('Names of the metrics whose counts are in `points`, in their order.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
  everyMs: z.int().meta({ description: 'Points lie at least so far apart (milliseconds).' }),
  points: z.string().meta({
    description:
      'Counts and weights over time, packed. Not for people: `kubectl songbird report` draws them.',
  }),
  events: z
    .array(releaseEvent)
    .describe('What happened; where it was too much, what lies between the first and the last is left out.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
  orders: z
    .array(order)
    .describe('ReleaseCommands to this release, in the order in which they were handled.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
});
export type ReleaseCourse = z.output<typeof releaseCourse>;

const judged = metric
  .pick({ name: true, limit: true, verdict: true, message: true, candidate: true, stable: true })
  .extend({
    evidence: z.number().meta({ description: 'The evidence of harm at the end (log10).' }),
    needed: z.number().optional().meta({ description: 'The evidence at which the metric fails (log10).' }),
  });
export type JudgedMetric = z.output<typeof judged>;

const judgedValue = value.pick({ name: true, verdict: true, message: true, dryRun: true });
export type JudgedValue = z.output<typeof judgedValue>;

/** What a report tells of a release that is over: kept as an annotation of its revision's Deployment. */
export const releaseReport = z.object({
  release: historyEntry.describe('How it ended.'),
  course: releaseCourse.describe('How it went.'),
  metrics: z
    .array(judged)
    .describe('The last verdict by each limit of spec.analysis.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
  values: z
    .array(judgedValue)
    .describe('The last verdict by each metric that gives a value.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
});
export type ReleaseReport = z.output<typeof releaseReport>;

const retired = z.object({
  revision: z.string().describe('A revision without traffic.'),
  scaleDownAt: time.meta({ description: 'Its pods stay until then.' }),
});
export type Retired = z.output<typeof retired>;

const handledCommand = z.object({
  name: z.string().describe('Name of the ReleaseCommand.'),
  uid: z.string().describe('Its uid: another command may have the same name later.'),
  phase: z.enum(['Executed', 'Refused']).describe('What became of it.'),
  message: z.string().describe('What was done, or why not.'),
  at: time.describe('When it was handled.'),
});
export type HandledCommand = z.output<typeof handledCommand>;

/** `status` of a CanaryRelease. Everything that must survive a restart of the operator is here. */
export const canaryReleaseStatus = z.object({
  observedGeneration: z
    .int()
    .optional()
    .describe('The generation of the manifest that this status is about.'),
  phase: z.enum(PHASES).optional().describe('Where the workload stands, in one word.'),
  message: z.string().optional().meta({ description: 'What is going on, in one sentence.' }),
  stableRevision: z.string().optional().describe('The revision that a rollback returns to.'),
  candidateRevision: z.string().optional().describe('The revision that is going out, or being taken back.'),
  attempt: z
    .object({
      number: z.int().meta({ description: 'Counts the releases of this object from 1.' }),
      startedAt: time.describe('When it began.'),
      returning: z.boolean().optional().meta({
        description: 'True when a command rollbackTo ordered this return to an earlier revision.',
      }),
    })
    .optional()
    .meta({ description: 'The release in progress.' }),
  step: step.optional().meta({ description: 'Where the release in progress is.' }),
  paused: z
    .object({
      by: z
        .enum(['step', 'command', 'inconclusive'])
        .describe('What paused it: a step with `pause`, a ReleaseCommand, or a deadline without a verdict.'),
      message: z.string().describe('What it waits for, in one sentence.'),
      since: time.describe('When the pause began.'),
    })
    .optional()
    .describe('Set while the release waits for a person.'),
  resumedStep: z.int().optional().meta({
    description: 'Weight of the step whose pause was lifted: it is not paused at again.',
  }),
  promotion: z.enum(['step', 'full']).optional().meta({
    description:
      'Set by the commands promote and promoteFull: this step, or all that remain, pass without analysis.',
  }),
  ending: ending.optional().meta({
    description: 'Set once, when a release is given up: from then on the candidate only loses traffic.',
  }),
  rejected: z
    .object({
      revision: z.string().describe('The revision.'),
      reason: z.string().describe('One word of the catalogue of reasons.'),
      message: z.string().describe('Why it was rolled back, in one sentence.'),
      at: time.describe('When it was rolled back.'),
    })
    .optional()
    .meta({ description: 'The revision that was rolled back. It is tried again only on the command retry.' }),
  analysis: analysis.optional().describe('What was counted of the candidate, and the verdict.'),
  retired: z.array(retired).optional().meta({
    description: 'Revisions without traffic whose Deployments are still there, the latest first.',
    'x-kubernetes-list-type': 'atomic',
  }),
  commands: z.array(handledCommand).optional().meta({
    description: 'Commands executed or refused whose objects are still to be told.',
    'x-kubernetes-list-type': 'atomic',
  }),
  history: z.array(historyEntry).optional().meta({
    description: 'The last releases, the latest first.',
    'x-kubernetes-list-type': 'atomic',
  }),
  course: releaseCourse.optional().meta({
    description: 'How the release in progress went up to now. It is never the reason of a write.',
  }),
  report: releaseReport.optional().meta({
    description:
      "The report of the last release, until it is kept with that revision's Deployment. `kubectl songbird report` shows it.",
  }),
  replicas: z
    .int()
    .optional()
    .meta({ description: 'Pods of all revisions, a fresh baseline among them; for the scale subresource.' }),
  selector: z.string().optional().meta({ description: 'Selects the pods; for the scale subresource.' }),
  conditions,
});
export type CanaryReleaseStatus = z.output<typeof canaryReleaseStatus>;
