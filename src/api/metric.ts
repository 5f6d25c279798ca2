import { z } from 'zod';
import { type Rule, matching, notEmpty, ruled } from './rules.ts';
import { durationField, percentField, proportion } from './scalars.ts';

const METRIC_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const BUILT_IN = /^(errors|latency-p[0-9]+)$/;
const HTTP_URL = /^https?:[/][/][^/?#\s]+/;
const HEADER_NAME = /^[-A-Za-z0-9!#$%&*+.^_|~]+$/;

/** True for the names that errorRate and latency have in status: no other metric has one like them. */
export function isBuiltIn(name: string): boolean {
  return BUILT_IN.test(name);
}

/** One key of a Secret in the namespace of the object that names it. */
export function secretKeyRef(description: string, owner = 'the CanaryRelease') {
  return z
    .object({
      name: z
        .string()
        .min(1)
        .max(253)
        .meta({
          description: `Name of the Secret, in the namespace of ${owner}.`,
          requiredMessage: 'a reference to a Secret has no name: name a Secret of this namespace',
        }),
      key: z.string().min(1).max(253).meta({
        description: 'A key of its data.',
        requiredMessage: 'a reference to a Secret has no key: name one of the keys of its data',
      }),
    })
    .meta({ description });
}
export type SecretKeyRef = z.output<ReturnType<typeof secretKeyRef>>;

/** HTTP headers as a list of name and value. */
export function headersField(description: string) {
  return ruled(
    z
      .array(
        z.object({
          name: ruled(
            matching(
              HEADER_NAME,
              256,
              'write the name of a header with letters, digits and -, such as X-Scope-OrgID',
            ),
            {
              description: 'Name of the header.',
              requiredMessage: 'a header has no name: give it one, such as X-Scope-OrgID',
            },
          ),
          value: z.string().max(4096).meta({
            description: 'Its value.',
            requiredMessage: 'a header has no value: give it one, or leave the header out',
          }),
        }),
      )
      .max(16),
    { description, 'x-kubernetes-list-type': 'atomic' },
  );
}
export type Header = z.output<ReturnType<typeof headersField>>[number];

const events = z
  .object({
    bad: z.string().min(1).max(8192).meta({
      description:
        'PromQL for counters of the bad events of one revision, such as `http_requests_total{version="{{ revision }}",code=~"5.."}`.',
      requiredMessage: 'events.bad is missing: give the PromQL for counters of the bad events',
    }),
    all: z.string().min(1).max(8192).meta({
      description: 'The same for all of its events, good and bad.',
      requiredMessage: 'events.all is missing: give the PromQL for counters of all events',
    }),
    max: ruled(
      percentField(),
      {
        description: 'The largest share of bad events allowed, such as 1%. Left out: no more than on stable.',
      },
      [
        {
          cel: "!self.matches('^100([.]0+)?%$')",
          check: (text) => proportion(text) !== 1,
          message: 'events.max must be below 100%: a limit that nothing can exceed is no limit',
        },
      ],
    ).optional(),
  })
  .meta({
    description:
      'Bad events among all, counted on both sides from Prometheus and judged by evidence, as errors are.',
  });

const prometheusQuery = z
  .object({
    query: z.string().min(1).max(8192).meta({
      description: 'PromQL that gives one number.',
      requiredMessage: 'prometheus.query is missing: give PromQL that gives one number',
    }),
  })
  .meta({
    description:
      "The answer of an instant query to the release's Prometheus (`spec.analysis.prometheus`, or the operator's own setting).",
  });

const web = ruled(
  z.object({
    url: ruled(
      matching(
        HTTP_URL,
        2048,
        'web.url must begin with http:// or https:// and a host, such as https://shop.example.com/health',
      ),
      {
        description: 'What is asked. Placeholders are percent-encoded.',
        requiredMessage: 'web.url is missing: give the URL to ask, such as https://shop.example.com/health',
      },
    ),
    method: z.enum(['GET', 'POST']).default('GET').meta({ description: 'How it is asked.' }),
    headers: headersField('Headers of the request.').optional(),
    body: z.string().max(16_384).optional().meta({
      description: 'Body of a POST. Placeholders may stand inside the strings of a body that is JSON.',
    }),
    jsonPath: z.string().max(512).optional().meta({
      description:
        'Which part of the JSON answer is the result, such as `$.data.items[0].value`; all of it when left out.',
    }),
    timeout: ruled(durationField('web.timeout').default('10s'), {
      description: 'How long the whole answer may take.',
    }),
  }),
  { description: 'JSON over HTTP.' },
  [
    {
      cel: "!has(self.body) || (has(self.method) && self.method == 'POST')",
      check: ({ body, method }) => body === undefined || method === 'POST',
      message: 'web.body needs method: POST',
    },
  ],
);

const jobPods = ruled(
  z.looseObject({
    containers: ruled(
      z.array(z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true })).max(64),
      {
        description: 'At least one container.',
        'x-kubernetes-list-type': 'atomic',
        requiredMessage:
          'job.spec.template.spec.containers is missing: list at least one container with name and image',
      },
      [
        notEmpty(
          'job.spec.template.spec.containers is empty: list at least one container with name and image',
        ),
      ],
    ),
  }),
  {
    description: 'A PodSpec. restartPolicy is Never when left out.',
    'x-kubernetes-preserve-unknown-fields': true,
    requiredMessage: 'job.spec.template.spec is missing: put the PodSpec there, as in a Job',
  },
);

const job = z
  .object({
    spec: ruled(
      z.looseObject({
        template: ruled(z.looseObject({ spec: jobPods }), {
          description: 'The pods of the Job.',
          'x-kubernetes-preserve-unknown-fields': true,
          requiredMessage: 'job.spec.template is missing: put the pod template there, as in a Job',
        }),
      }),
      {
        description: 'A JobSpec, as in batch/v1.',
        'x-kubernetes-preserve-unknown-fields': true,
        requiredMessage: 'job.spec is missing: put the JobSpec there, as in batch/v1',
      },
    ),
  })
  .meta({
    description:
      'A Job in the namespace of the release: completing is a success, failing a failure. Arguments go into its env, args or command.',
  });

const DEFAULTS = {
  interval: '30s',
  initialDelay: '0s',
  failureLimit: 0,
  inconclusiveLimit: 0,
  consecutiveErrorLimit: 4,
  weight: 1,
} as const;

const limit = (description: string) => z.number().optional().meta({ description });
const expression = (description: string) => z.string().min(1).max(1024).optional().meta({ description });
const tolerated = (fallback: number, description: string) =>
  z.int().min(0).max(1000).default(fallback).meta({ description });

const fields = z.object({
  name: ruled(
    matching(
      METRIC_NAME,
      63,
      'the name of a metric must be lower-case letters, digits and -, such as conversion',
    ),
    {
      description: 'Name in status and Events.',
      requiredMessage: 'a metric has no name: give it one, such as conversion',
    },
    [
      {
        cel: `!self.matches('${BUILT_IN.source}')`,
        check: (name) => !isBuiltIn(name),
        message: 'errors and latency-p99 and the like are names of built-in metrics: choose another name',
      },
    ],
  ),
  events: events.optional(),
  prometheus: prometheusQuery.optional(),
  web: web.optional(),
  job: job.optional(),
  interval: ruled(durationField('interval').default(DEFAULTS.interval), {
    description: 'From the beginning of one measurement to that of the next.',
  }),
  count: z.int().min(1).max(1000).optional().meta({
    description:
      'Measurements that each step needs. Left out: a Job runs once a step, all else is measured until the step is over.',
  }),
  initialDelay: ruled(durationField().default(DEFAULTS.initialDelay), {
    description: 'How long after a weight was observed the first measurement begins.',
  }),
  failureLimit: tolerated(DEFAULTS.failureLimit, 'Failures tolerated in a release; one more rolls it back.'),
  inconclusiveLimit: tolerated(
    DEFAULTS.inconclusiveLimit,
    'Inconclusive measurements tolerated in a step; one more holds it.',
  ),
  consecutiveErrorLimit: tolerated(
    DEFAULTS.consecutiveErrorLimit,
    'Errors in a row that are tolerated (no answer, no data, NaN); one more holds the step until there is a value.',
  ),
  min: limit('A smaller result is a failure.'),
  max: limit('A larger result is a failure.'),
  success: expression(
    'CEL over `result` and `args`: true is a success, and without `failure` all else is one.',
  ),
  failure: expression(
    'CEL over `result` and `args`: true is a failure, and without `success` all else is a success.',
  ),
  dryRun: z.boolean().optional().meta({ description: 'Measured and shown; never decides.' }),
  weight: z
    .int()
    .min(1)
    .max(1000)
    .default(DEFAULTS.weight)
    .meta({ description: 'Weight in the score of the analysis.' }),
  critical: z.boolean().optional().meta({
    description: 'With a score: its failure rolls back at once, whatever the score.',
  }),
});

type Fields = z.output<typeof fields>;

const isLimited = (metric: Fields) => metric.min !== undefined || metric.max !== undefined;
const isExpressed = (metric: Fields) => metric.success !== undefined || metric.failure !== undefined;
const isPlain = (metric: Fields) => metric.events !== undefined || metric.job !== undefined;
const LIMITED = '(has(self.min) || has(self.max))';
const EXPRESSED = '(has(self.success) || has(self.failure))';
const PLAIN = '(has(self.events) || has(self.job))';

/**
 * A rule that events have no such field. They come with its default from the API server, so that much they may have.
 * @param why what the field is for, or what events have in its place
 */
function noneOfEvents(field: keyof typeof DEFAULTS | 'count' | 'critical', why: string): Rule<Fields> {
  const allowed = field === 'count' ? undefined : field === 'critical' ? false : DEFAULTS[field];
  return {
    cel: `!has(self.events) || !has(self.${field})${allowed === undefined ? '' : ` || self.${field} == ${celOf(allowed)}`}`,
    check: (metric) =>
      metric.events === undefined || metric[field] === undefined || metric[field] === allowed,
    message: `${field} is for metrics that give a value: ${why}, so leave it out`,
  };
}

function celOf(value: string | number | boolean): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

const COUNTED = 'events are counted all the time';
const JUDGED = 'events are judged by evidence, with events.max and the error budget of the release';

const metricRules: Rule<Fields>[] = [
  {
    cel: '[has(self.events), has(self.prometheus), has(self.web), has(self.job)].filter(x, x).size() == 1',
    check: ({ events: a, prometheus: b, web: c, job: d }) =>
      [a, b, c, d].filter((source) => source !== undefined).length === 1,
    message: 'a metric is measured in one way: set one of events, prometheus, web and job',
  },
  {
    cel: `${PLAIN} || ${LIMITED} || ${EXPRESSED}`,
    check: (metric) => isPlain(metric) || isLimited(metric) || isExpressed(metric),
    message: 'a metric has no limit: set min or max, or success or failure, such as max: 0.5',
  },
  {
    cel: `!${PLAIN} || !(${LIMITED} || ${EXPRESSED})`,
    check: (metric) => !isPlain(metric) || !(isLimited(metric) || isExpressed(metric)),
    message:
      'min, max, success and failure judge a result: events have events.max, and a Job passes by completing',
  },
  {
    cel: `!(${LIMITED} && ${EXPRESSED})`,
    check: (metric) => !(isLimited(metric) && isExpressed(metric)),
    message: 'a metric is judged in one way: by min and max, or by success and failure',
  },
  {
    cel: '!has(self.min) || !has(self.max) || self.min <= self.max',
    check: ({ min, max }) => min === undefined || max === undefined || min <= max,
    message: 'min must not be above max: no result could pass',
  },
  {
    cel: '!has(self.events) || !has(self.dryRun) || !self.dryRun',
    check: (metric) => metric.events === undefined || metric.dryRun !== true,
    message: 'dryRun is for metrics that give a value: events are always judged',
  },
  noneOfEvents('interval', COUNTED),
  noneOfEvents('count', COUNTED),
  noneOfEvents('initialDelay', 'spec.analysis.warmUp says how long events of new pods are judged mildly'),
  noneOfEvents('failureLimit', JUDGED),
  noneOfEvents('inconclusiveLimit', JUDGED),
  noneOfEvents('consecutiveErrorLimit', 'where events cannot be counted, the step waits'),
  noneOfEvents('weight', 'events are no part of the score, and roll back by themselves'),
  noneOfEvents('critical', 'events are no part of the score, and roll back by themselves'),
];

/** One metric of spec.analysis or of a template. */
export const metric = ruled(fields, {}, metricRules);
export type MetricSpec = Fields;

/** A list of metrics with names of their own. */
export function metricsField(description: string, requiredMessage?: string) {
  return ruled(
    z.array(metric).max(20),
    {
      description,
      'x-kubernetes-list-type': 'atomic',
      ...(requiredMessage === undefined ? {} : { requiredMessage }),
    },
    [
      {
        cel: 'self.all(m, !has(m.name) || self.exists_one(n, has(n.name) && n.name == m.name))',
        check: (list) => new Set(list.map(({ name }) => name)).size === list.length,
        message: 'two metrics have the same name: give each a name of its own',
      },
    ],
  );
}
