import { z } from 'zod';
import { headersField, metricsField, secretKeyRef } from './metric.ts';
import { matching, ruled } from './rules.ts';
import { durationField, percentField, proportion } from './scalars.ts';

const PROMETHEUS = /^https?:[/][/]([-A-Za-z0-9._]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/][^?#\s]*)?$/;
const TEMPLATE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const prometheus = z
  .object({
    address: ruled(
      matching(
        PROMETHEUS,
        2048,
        'spec.analysis.prometheus.address must be a URL with http:// or https:// and a host, without user, query or fragment, such as http://prometheus.istio-system:9090',
      ),
      {
        description: 'Base URL, such as http://prometheus.istio-system:9090.',
        requiredMessage:
          'spec.analysis.prometheus.address is missing: give the base URL, such as http://prometheus.istio-system:9090',
      },
    ),
    headers: headersField('Headers of every query, such as X-Scope-OrgID of a tenant.').optional(),
    bearerTokenSecretRef: secretKeyRef('A Secret with a bearer token for every query.').optional(),
    caSecretRef: secretKeyRef(
      "A Secret with the certificate of the authority that signed the server's, as PEM.",
    ).optional(),
    insecureSkipVerify: z.boolean().optional().meta({
      description: "True: the server's certificate is not checked. Rather give caSecretRef.",
    }),
  })
  .meta({ description: "The Prometheus to ask; the operator's own setting when left out." });

const latency = ruled(
  z.object(
    Object.fromEntries(
      (['p50', 'p90', 'p95', 'p99'] as const).map((quantile) => [
        quantile,
        ruled(durationField(`spec.analysis.latency.${quantile}`).optional(), {
          description: `The longest ${quantile} latency allowed: at most ${100 - Number(quantile.slice(1))}% of requests may take longer.`,
        }),
      ]),
    ) as Record<'p50' | 'p90' | 'p95' | 'p99', z.ZodOptional<z.ZodString>>,
  ),
  {
    description:
      "Limits of latency quantiles, counted in the buckets of the proxies' histograms: a bound between two edges counts as the higher one (Envoy's are 1, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10 s and more).",
  },
  [
    {
      cel: 'has(self.p50) || has(self.p90) || has(self.p95) || has(self.p99)',
      check: (value) => Object.values(value).some((limit) => limit !== undefined),
      message: 'spec.analysis.latency names no quantile: set p50, p90, p95 or p99, such as p99: 500ms',
    },
  ],
);

const templates = ruled(
  z
    .array(
      z.object({
        kind: z.enum(['AnalysisTemplate', 'ClusterAnalysisTemplate']).default('AnalysisTemplate').meta({
          description: 'An AnalysisTemplate of the same namespace, or a ClusterAnalysisTemplate.',
        }),
        name: ruled(
          matching(
            TEMPLATE_NAME,
            253,
            'the name of a template must be lower-case letters, digits, - and ., such as checkout-conversion',
          ),
          {
            description: 'Its name.',
            requiredMessage:
              'an entry of spec.analysis.templates has no name: name an AnalysisTemplate, such as checkout-conversion',
          },
        ),
        args: z
          .record(z.string(), z.string())
          .optional()
          .meta({ description: 'Values of its arguments, written as strings.' }),
      }),
    )
    .max(10),
  {
    description: 'Metrics of templates. They are called TEMPLATE/METRIC in status.',
    'x-kubernetes-list-type': 'atomic',
  },
);

const score = ruled(
  z.object({
    pass: z.int().min(0).max(100).meta({
      description: 'A step passes at this score or above.',
      requiredMessage:
        'spec.analysis.score.pass is missing: give the score at which a step passes, such as 80',
    }),
    marginal: z.int().min(0).max(100).optional().meta({
      description:
        'Below this the release is rolled back; from here to `pass` is inconclusive. Left out: `pass`.',
    }),
  }),
  {
    description:
      'Weighs value metrics into one score at the end of each step: the share of the weight that passes, in percent. Left out: each failure rolls back.',
  },
  [
    {
      cel: '!has(self.marginal) || !has(self.pass) || self.marginal <= self.pass',
      check: ({ pass, marginal }) => marginal === undefined || marginal <= pass,
      message: 'spec.analysis.score.marginal must not be above spec.analysis.score.pass',
    },
  ],
);

const DEFAULT_MIN_REQUESTS = 50;
const DEFAULT_FALSE_ROLLBACKS = '1%';
const DEFAULT_TOLERANCE = '0%';
const DEFAULT_WARM_UP = '20s';

/** `spec.analysis` of a CanaryRelease. */
export const analysis = ruled(
  z.object({
    source: z.enum(['proxies', 'prometheus']).default('proxies').meta({
      description:
        "Where requests are counted: `proxies` reads the pods' own proxies every second, `prometheus` asks a Prometheus server.",
    }),
    prometheus: prometheus.optional(),
    minRequests: z.int().min(1).max(1_000_000).default(DEFAULT_MIN_REQUESTS).meta({
      description: 'A step passes only when the candidate has served so many requests at its weight.',
    }),
    errorRate: z
      .object({
        max: ruled(
          percentField(),
          {
            description:
              "The largest share of failed requests allowed, such as 1%: HTTP 5xx, or the gRPC statuses that are the server's fault. Left out: no more than on stable, and than 1% where stable has less than half of that.",
          },
          [
            {
              cel: "!self.matches('^100([.]0+)?%$')",
              check: (text) => proportion(text) !== 1,
              message:
                'spec.analysis.errorRate.max must be below 100%: a limit that nothing can exceed is no limit',
            },
          ],
        ).optional(),
      })
      .optional()
      .meta({ description: 'Failed requests: compared with those of stable, and with a limit.' }),
    latency: latency.optional(),
    templates: templates.optional(),
    metrics: metricsField('Metrics of this release alone.').optional(),
    score: score.optional(),
    falseRollbacks: ruled(
      percentField(),
      {
        description:
          'The chance of rolling back a healthy version that is accepted, over all metrics, looks and steps of a release. Less takes longer to find out bad ones.',
      },
      [
        {
          cel: "self.matches('[1-9]') && !self.matches('^([5-9][0-9]|100)([.][0-9]+)?%$')",
          check: (text) => proportion(text) > 0 && proportion(text) < 0.5,
          message: 'spec.analysis.falseRollbacks must be above 0% and below 50%, such as 1%',
        },
      ],
    ).default(DEFAULT_FALSE_ROLLBACKS),
    tolerance: ruled(percentField().default(DEFAULT_TOLERANCE), {
      description:
        "How much worse than stable is still as good: with 50%, one and a half times stable's share of bad events.",
    }),
    warmUp: ruled(durationField().default(DEFAULT_WARM_UP), {
      description:
        'How long new pods may fail or be slow two or three times as often as old ones, as caches fill and connections open. 0s: not at all.',
    }),
    freshBaseline: z.boolean().optional().meta({
      description:
        "True: the candidate is compared with new pods of the stable version, as many and as young as its own, in place of the stable pods; for services that are slow while caches fill or compilers warm up. They take part of stable's traffic, and cost as many pods as the candidate has.",
    }),
    advance: z.enum(['dwell', 'onEvidence']).default('dwell').meta({
      description:
        '`dwell`: a step takes its whole time. `onEvidence`: it ends early once evidence at its weight shows that the candidate is less than three times as bad as stable, or keeps its limit, and nothing leans to worse. Metrics that give a value must have passed as well.',
    }),
    onInconclusive: z.enum(['rollback', 'pause']).default('rollback').meta({
      description: 'What happens when a step has neither passed nor failed at its deadline.',
    }),
  }),
  { description: 'What is watched, and its limits. Left out: no more requests may fail than on stable.' },
  [
    {
      cel: 'has(self.errorRate) || has(self.latency) || (has(self.templates) && self.templates.size() > 0) || (has(self.metrics) && self.metrics.exists(m, !has(m.dryRun) || !m.dryRun))',
      check: ({ errorRate, latency: limits, templates: named = [], metrics = [] }) =>
        errorRate !== undefined ||
        limits !== undefined ||
        named.length > 0 ||
        metrics.some((metric) => metric.dryRun !== true),
      message:
        'spec.analysis watches nothing: set errorRate, such as errorRate: {max: 1%}, or latency, such as latency: {p99: 500ms}, or a template or a metric that is no dry run',
    },
  ],
);

/** What is watched when a release says nothing. */
export const DEFAULT_ANALYSIS: z.output<typeof analysis> = {
  source: 'proxies',
  minRequests: DEFAULT_MIN_REQUESTS,
  errorRate: {},
  falseRollbacks: DEFAULT_FALSE_ROLLBACKS,
  tolerance: DEFAULT_TOLERANCE,
  warmUp: DEFAULT_WARM_UP,
  advance: 'dwell',
  onInconclusive: 'rollback',
};

export type AnalysisSpec = z.output<typeof analysis>;
export type PrometheusSpec = z.output<typeof prometheus>;
export type TemplateRef = z.output<typeof templates>[number];
