import { z } from 'zod';
import { secretKeyRef } from './metric.ts';
import { matching, notEmpty, ruled } from './rules.ts';
import { conditions } from './status.ts';

/** What may happen to a release that is worth a message. */
export const MOMENTS = [
  'started',
  'step',
  'paused',
  'held',
  'rollingBack',
  'rolledBack',
  'promoted',
  'replaced',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** What a text may name, and what stands for it. */
export const PLACEHOLDERS = {
  headline: 'what happens, in one sentence',
  verdict: 'why, in one sentence, with the numbers',
  moment: 'one word of `spec.on`',
  reason: 'one word of the catalogue of reasons',
  cluster: '`spec.clusterName`, or the setting of the operator',
  'release.name': 'name of the CanaryRelease',
  'release.namespace': 'its namespace',
  'revision.new': 'the revision that goes out',
  'revision.old': 'the revision that it replaces; empty for the first one',
  'revision.version': '`spec.version` of the new one, where it has one',
  'step.weight': "the new revision's share of the traffic (percent)",
  'step.index': 'the present step, counted from 1',
  'step.of': 'how many steps there are',
  'requests.all': 'requests that the new revision has served',
  'requests.failed': 'how many of them failed',
  duration: 'how long the release has taken, such as 12m30s',
  link: 'the release in the dashboard; empty without `spec.dashboardURL`',
  time: 'when it happened (RFC 3339)',
} as const satisfies Record<string, string>;
export type Placeholder = keyof typeof PLACEHOLDERS;

const names = Object.keys(PLACEHOLDERS);
/** Text in which every pair of braces holds a name that there is, or two braces as they are. */
const TEXT = new RegExp(
  `^([^{]|[{][^{]|[{][{] *(${names.join('|').replaceAll('.', '[.]')}|"[{][{]") *[}][}])*[{]?$`,
);
const TARGET_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
// No user, query or fragment: what is secret in a URL belongs into a Secret.
const PLAIN_URL = /^https?:[/][/]([-A-Za-z0-9._]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/][^?#\s]*)?$/;

const OF_POLICY = 'the NotificationPolicy';

const onField = (description: string) =>
  ruled(z.array(z.enum(MOMENTS)).max(MOMENTS.length), { description, 'x-kubernetes-list-type': 'set' }, [
    notEmpty(`on is empty: list at least one of ${MOMENTS.join(', ')}`),
  ]);

const textField = (description: string) =>
  ruled(
    matching(
      TEXT,
      2048,
      `text has a placeholder that there is not: between {{ and }} there may stand ${names.join(', ')}, and {{ "{{" }} for two braces`,
    ),
    { description },
  );

const urlSecretRef = (what: string) =>
  secretKeyRef(`A Secret with ${what}: whoever knows it can post.`, OF_POLICY);

const slack = ruled(
  z.object({
    channel: z.string().min(1).max(255).optional().meta({
      description: 'Id or name of a channel that the bot is a member of, such as C0123456789; with a token.',
    }),
    tokenSecretRef: secretKeyRef(
      'A Secret with the token of a bot (xoxb-…) that has the scope chat:write. Each release has one message, which is updated.',
      OF_POLICY,
    ).optional(),
    urlSecretRef: urlSecretRef(
      'the URL of an incoming webhook, of Slack or of what understands its messages',
    ).optional(),
    apiURL: ruled(
      matching(
        PLAIN_URL,
        1024,
        'slack.apiURL must be a URL with http:// or https:// and a host, without user, query or fragment, such as https://slack.com/api',
      ).default('https://slack.com/api'),
      { description: "Where Slack's API is; another one for GovSlack." },
    ),
  }),
  { description: 'A message in a channel of Slack.' },
  [
    {
      cel: 'has(self.tokenSecretRef) != has(self.urlSecretRef)',
      check: (it) => (it.tokenSecretRef === undefined) !== (it.urlSecretRef === undefined),
      message: 'slack needs one way in: set tokenSecretRef (one message a release, updated) or urlSecretRef',
    },
    {
      cel: 'has(self.tokenSecretRef) == has(self.channel)',
      check: (it) => (it.tokenSecretRef === undefined) === (it.channel === undefined),
      message: 'slack.channel goes with tokenSecretRef: set both, or leave out both',
    },
  ],
);

const byUrlSecret = (what: string, description: string, service: string) =>
  z
    .object({
      urlSecretRef: urlSecretRef(what).meta({
        requiredMessage: `${service}.urlSecretRef is missing: name a Secret with ${what}`,
      }),
    })
    .meta({ description });

const endpoint = (service: string, description: string) =>
  ruled(
    z.object({
      url: ruled(
        matching(
          PLAIN_URL,
          2048,
          `${service}.url must be a URL with http:// or https:// and a host, without user, query or fragment: put one with a secret in it into a Secret, and name that by urlSecretRef`,
        ),
        { description: 'Where it is sent, where that is no secret.' },
      ).optional(),
      urlSecretRef: secretKeyRef('A Secret with the URL, where that is a secret.', OF_POLICY).optional(),
      hmacSecretRef: secretKeyRef(
        'A Secret with the key that requests are signed with (HMAC SHA-256 over time and body).',
        OF_POLICY,
      ).optional(),
      bearerTokenSecretRef: secretKeyRef(
        'A Secret with a bearer token for the header Authorization.',
        OF_POLICY,
      ).optional(),
      caSecretRef: secretKeyRef(
        "A Secret with the certificate of the authority that signed the server's, as PEM.",
        OF_POLICY,
      ).optional(),
    }),
    { description },
    [
      {
        cel: 'has(self.url) != has(self.urlSecretRef)',
        check: ({ url, urlSecretRef: ref }) => (url === undefined) !== (ref === undefined),
        message: `${service} has one address: set url or urlSecretRef`,
      },
    ],
  );
export type Endpoint = z.output<ReturnType<typeof endpoint>>;

const SERVICES = ['slack', 'teams', 'discord', 'webhook', 'cloudEvents'] as const;
export type ServiceName = (typeof SERVICES)[number];

const target = ruled(
  z.object({
    name: ruled(
      matching(
        TARGET_NAME,
        63,
        'the name of a target must be lower-case letters, digits and -, such as team-channel',
      ),
      {
        description: 'Status and Events name the target by it; another name makes it a new target.',
        requiredMessage: 'an entry of spec.targets has no name: give it one, such as team-channel',
      },
    ),
    on: onField('The moments for this target; those of `spec.on` when left out.').optional(),
    text: textField(
      'The text of its messages, with placeholders such as `{{ release.name }}`; `spec.text` when left out.',
    ).optional(),
    slack: slack.optional(),
    teams: byUrlSecret(
      'the URL of a workflow of Microsoft Teams',
      'A card in a channel or chat of Microsoft Teams, by a workflow of the template "when a webhook request is received".',
      'teams',
    ).optional(),
    discord: byUrlSecret(
      'the URL of a webhook of Discord',
      'A message in a channel of Discord. Each release has one, which is updated. It mentions nobody.',
      'discord',
    ).optional(),
    webhook: endpoint('webhook', 'A POST of JSON.').optional(),
    cloudEvents: endpoint(
      'cloudEvents',
      'A POST of a CloudEvent 1.0 in structured mode, of a type `dev.songbird.release.*`.',
    ).optional(),
  }),
  { description: 'Where messages go.' },
  [
    {
      cel: `[${SERVICES.map((name) => `has(self.${name})`).join(', ')}].filter(x, x).size() == 1`,
      check: (it) => SERVICES.filter((name) => it[name] !== undefined).length === 1,
      message: `a target is one service: set one of ${SERVICES.join(', ')}`,
    },
  ],
);
export type NotificationTarget = z.output<typeof target>;

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const selector = z
  .object({
    matchLabels: z
      .record(z.string(), z.string().max(63))
      .optional()
      .meta({ description: 'Labels that a release must have.' }),
    matchExpressions: ruled(
      z
        .array(
          ruled(
            z.object({
              key: z.string().min(1).max(317).meta({
                description: 'A label.',
                requiredMessage: 'an entry of matchExpressions has no key: name a label',
              }),
              operator: z.enum(OPERATORS).meta({
                description: 'How its value is looked at.',
                requiredMessage: `an entry of matchExpressions has no operator: one of ${OPERATORS.join(', ')}`,
              }),
              values: ruled(z.array(z.string().max(63)).max(64), {
                description: 'With In and NotIn.',
                'x-kubernetes-list-type': 'atomic',
              }).optional(),
            }),
            { description: 'One condition.' },
            [
              {
                cel: "!has(self.operator) || (self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                check: ({ operator, values = [] }) =>
                  (operator === 'In' || operator === 'NotIn') === values.length > 0,
                message:
                  'values go with the operators In and NotIn: give at least one there, and none elsewhere',
              },
            ],
          ),
        )
        .max(16),
      { description: 'Conditions that must all hold.', 'x-kubernetes-list-type': 'atomic' },
    ).optional(),
  })
  .meta({ description: 'Releases by their labels, as everywhere in Kubernetes.' });
export type LabelSelector = z.output<typeof selector>;

/** `spec` of a NotificationPolicy. */
export const notificationPolicySpec = z.object({
  releases: z
    .object({
      names: ruled(
        z.array(z.string().min(1).max(253)).max(64),
        { description: 'Their names.', 'x-kubernetes-list-type': 'set' },
        [notEmpty('spec.releases.names is empty: name a CanaryRelease, or leave names out for all')],
      ).optional(),
      selector: selector.optional(),
    })
    .optional()
    .meta({
      description:
        'Which CanaryReleases of the namespace: those that fit names and selector. All when left out.',
    }),
  on: onField(
    'Which moments make a message: `started`; `step` (a weight was reached); `paused` (waits for a person); `held` (something has to be mended, or a rollback takes longer than a minute); `rollingBack` (given up, traffic goes back); `rolledBack`; `promoted`; `replaced` (another template came in mid-release). Where one message is updated, all moments after the first update it.',
  ).default(['started', 'paused', 'held', 'rolledBack', 'promoted']),
  targets: ruled(
    z.array(target).max(8),
    {
      description: 'Where messages go.',
      'x-kubernetes-list-type': 'atomic',
      requiredMessage: 'spec.targets is missing: list at least one target',
    },
    [
      notEmpty('spec.targets is empty: list at least one target'),
      {
        cel: 'self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))',
        check: (list) => new Set(list.map(({ name }) => name)).size === list.length,
        message: 'two targets have the same name: give each a name of its own',
      },
    ],
  ),
  text: textField(
    'The text of messages, with placeholders such as `{{ release.name }}`; one that says what happens and why when left out. Of webhook and cloudEvents it is the field `text`.',
  ).optional(),
  clusterName: z.string().min(1).max(253).optional().meta({
    description: "What messages call this cluster; the operator's `--cluster-name` when left out.",
  }),
  dashboardURL: ruled(
    matching(
      PLAIN_URL,
      1024,
      'spec.dashboardURL must be a URL with http:// or https:// and a host, without user, query or fragment, such as https://songbird.example.com',
    ),
    {
      description:
        "Where people find Songbird's dashboard, for a link to the release; the operator's `--dashboard-url` when left out.",
    },
  ).optional(),
});
export type NotificationPolicySpec = z.output<typeof notificationPolicySpec>;

const time = z.string().meta({ format: 'date-time' });

const targetStatus = z.object({
  name: z.string().describe('Name of the target.'),
  since: time.meta({
    description: 'What happened up to then is not told any more, unless `told` knows of the release.',
  }),
  deliveredAt: time.optional().meta({ description: 'The last delivery that succeeded.' }),
  failure: z
    .object({
      reason: z.string().describe('One word of the catalogue of reasons.'),
      message: z.string().describe('Why, in one sentence.'),
    })
    .optional()
    .meta({ description: 'Set while the last delivery has failed.' }),
});
export type TargetStatus = z.output<typeof targetStatus>;

const told = z.object({
  target: z.string().describe('Name of the target.'),
  release: z.string().describe('Name of the CanaryRelease.'),
  uid: z.string().describe('Its uid: another one may have the same name later.'),
  attempt: z.int().describe('The release that it was told of, by `status.attempt.number`.'),
  id: z.string().meta({ description: 'What tells it from another one of that number.' }),
  revision: z.string().describe('The revision that goes out.'),
  keys: z.array(z.string()).meta({
    description: 'What was told of it, the latest last.',
    'x-kubernetes-list-type': 'atomic',
  }),
  at: time.describe('When the last of that happened.'),
  message: z
    .object({
      id: z.string().describe('What the service calls it.'),
      channel: z.string().optional().describe('Where it is, where the service asks for that.'),
    })
    .optional()
    .meta({ description: 'The message to update.' }),
});
export type Told = z.output<typeof told>;

/** `status` of a NotificationPolicy. What was told is here, so that a restart neither repeats nor skips a message. */
export const notificationPolicyStatus = z.object({
  observedGeneration: z.int().optional().describe('The generation that this status is about.'),
  message: z.string().optional().meta({ description: 'How it stands, in one sentence.' }),
  deliveredAt: time.optional().meta({ description: 'The last delivery to any target.' }),
  targets: z.array(targetStatus).optional().meta({
    description: 'How each target stands.',
    'x-kubernetes-list-type': 'atomic',
  }),
  told: z.array(told).optional().meta({
    description: 'What was told of which release, at most 100 of a target, the latest last.',
    'x-kubernetes-list-type': 'atomic',
  }),
  conditions,
});
export type NotificationPolicyStatus = z.output<typeof notificationPolicyStatus>;
