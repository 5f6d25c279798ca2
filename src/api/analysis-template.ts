import { z } from 'zod';
import { metricsField, secretKeyRef } from './metric.ts';
import { type Rule, matching, notEmpty, ruled } from './rules.ts';

const ARG_NAME = /^[A-Za-z_][-A-Za-z0-9_]*$/;
const FIELD =
  /^(metadata[.](name|namespace|(labels|annotations)\['[-A-Za-z0-9_./]+'\])|spec[.](version|service[.](name|port)))$/;

/** What an argument's text must look like, by its type. */
export const ARG_PATTERNS = {
  string: /^/,
  number: /^-?[0-9]{1,20}([.][0-9]{1,20})?([eE][-+]?[0-9]{1,3})?$/,
  duration: /^([0-9]{1,8}([.][0-9]+)?(ms|s|m|h))+$/,
  boolean: /^(true|false)$/,
} as const;
export type ArgType = keyof typeof ARG_PATTERNS;

/** How the values of a type are written, for sentences. */
export const ARG_EXAMPLES: Readonly<Record<ArgType, string>> = {
  string: 'text',
  number: 'a number, such as 0.5',
  duration: 'a length of time, such as 90s',
  boolean: 'true or false',
};

const typedDefault = (type: 'number' | 'duration' | 'boolean'): Rule<ArgFields> => ({
  cel: `!has(self.type) || self.type != '${type}' || !has(self.default) || self.default.matches('${ARG_PATTERNS[type].source}')`,
  check: (arg) => arg.type !== type || arg.default === undefined || ARG_PATTERNS[type].test(arg.default),
  message: `the default of an argument of type ${type} must be ${ARG_EXAMPLES[type]}`,
});

const valueFrom = ruled(
  z.object({
    secretKeyRef: secretKeyRef(
      'A key of a Secret in the namespace of the release. Only for headers and the body of web metrics.',
    ).optional(),
    field: matching(
      FIELD,
      400,
      "valueFrom.field must be metadata.name, metadata.namespace, metadata.labels['x'], metadata.annotations['x'], spec.version, spec.service.name or spec.service.port",
      'A field of the CanaryRelease.',
    ).optional(),
    revision: z
      .enum(['candidate', 'stable'])
      .optional()
      .meta({ description: 'The hash of the candidate or of the stable revision.' }),
  }),
  { description: 'Where the value comes from when the release gives none.' },
  [
    {
      cel: '[has(self.secretKeyRef), has(self.field), has(self.revision)].filter(x, x).size() == 1',
      check: ({ secretKeyRef: a, field: b, revision: c }) =>
        [a, b, c].filter((source) => source !== undefined).length === 1,
      message: 'valueFrom names one source: set one of secretKeyRef, field and revision',
    },
  ],
);

const argFields = z.object({
  name: ruled(
    matching(
      ARG_NAME,
      63,
      'the name of an argument must be letters, digits, - and _, beginning with a letter, such as shop',
    ),
    {
      description: 'Metrics name it as `{{ args.NAME }}`, expressions as `args.NAME`.',
      requiredMessage: 'an argument has no name: give it one, such as shop',
    },
  ),
  description: z.string().max(1024).optional().meta({ description: 'What it is for.' }),
  type: z.enum(['string', 'number', 'duration', 'boolean']).default('string').meta({
    description: 'What its values look like; they are always written as strings.',
  }),
  default: z.string().max(1024).optional().meta({ description: 'Its value when the release gives none.' }),
  valueFrom: valueFrom.optional(),
});
type ArgFields = z.output<typeof argFields>;

const arg = ruled(argFields, { description: 'One argument.' }, [
  {
    cel: '!(has(self.default) && has(self.valueFrom))',
    check: (it) => it.default === undefined || it.valueFrom === undefined,
    message: 'an argument has one source: set default or valueFrom, or neither to make it required',
  },
  typedDefault('number'),
  typedDefault('duration'),
  typedDefault('boolean'),
]);
export type ArgSpec = ArgFields;

const args = ruled(
  z.array(arg).max(32),
  {
    description: 'Arguments. One with neither default nor valueFrom must be given by the release.',
    'x-kubernetes-list-type': 'atomic',
  },
  [
    {
      cel: 'self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))',
      check: (list) => new Set(list.map(({ name }) => name)).size === list.length,
      message: 'two arguments have the same name: give each a name of its own',
    },
  ],
);

/** `spec` of AnalysisTemplate and ClusterAnalysisTemplate. */
export const analysisTemplateSpec = z.object({
  args: args.optional(),
  metrics: ruled(
    metricsField('The metrics.', 'spec.metrics is missing: list at least one metric'),
    {
      description: 'The metrics.',
      'x-kubernetes-list-type': 'atomic',
      requiredMessage: 'spec.metrics is missing: list at least one metric',
    },
    [notEmpty('spec.metrics is empty: list at least one metric')],
  ),
});
export type AnalysisTemplateSpec = z.output<typeof analysisTemplateSpec>;
