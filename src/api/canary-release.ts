import { z } from 'zod';
import { DEFAULT_ANALYSIS, analysis } from './analysis.ts';
import { matching, notEmpty, ruled } from './rules.ts';
import { durationField } from './scalars.ts';

const DNS_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const PORT_NAME = /^[-a-z0-9]*[a-z][-a-z0-9]*$/;
const HOST = /^([*]|([*][.])?[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;
const GATEWAY = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?[/])?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const PROTOCOLS = 'http|http2|https|grpc|grpc-web|tcp|tls|mongo|mysql|redis|udp';

const container = ruled(
  z.looseObject({
    name: z.string().max(63).meta({
      description: "The container's name.",
      requiredMessage: 'a container of spec.template has no name: give it one, such as name: reviews',
    }),
    image: z.string().max(1024).optional().meta({ description: 'Its image. A new image is a new revision.' }),
  }),
  { 'x-kubernetes-preserve-unknown-fields': true },
  [
    {
      cel: "has(self.image) && self.image != ''",
      check: ({ image }) => image !== undefined && image !== '',
      message: 'a container of spec.template has no image: give it one, such as image: registry/reviews:v1',
    },
  ],
);

const podTemplate = ruled(
  z.object({
    metadata: z
      .object({
        labels: z
          .record(z.string(), z.string())
          .optional()
          .describe('Labels; `app`, `version` and those of songbird.dev are added.'),
        annotations: z.record(z.string(), z.string()).optional().describe('Annotations.'),
      })
      .optional()
      .meta({ description: 'Labels and annotations of the pods.' }),
    spec: ruled(
      z.looseObject({
        containers: ruled(
          z.array(container).max(64),
          {
            description: 'At least one container.',
            'x-kubernetes-list-type': 'atomic',
            requiredMessage:
              'spec.template.spec.containers is missing: list at least one container with name and image',
          },
          [
            notEmpty(
              'spec.template.spec.containers is empty: list at least one container with name and image',
            ),
          ],
        ),
      }),
      {
        description: 'A PodSpec, as in a Deployment.',
        'x-kubernetes-preserve-unknown-fields': true,
        requiredMessage: 'spec.template.spec is missing: put the PodSpec there, as in a Deployment',
      },
    ),
  }),
  {
    description: 'The pods of this workload, as in a Deployment. Any change of it is a new revision.',
    requiredMessage: 'spec.template is missing: put the pod template there, as in a Deployment',
  },
);

const service = ruled(
  z.object({
    name: ruled(
      matching(
        DNS_LABEL,
        63,
        'spec.service.name must be a DNS label: lower-case letters, digits and -, beginning with a letter',
      ),
      {
        description: 'Name of the Service. Made when there is none; one that is there is used as it is.',
        requiredMessage: 'spec.service.name is missing: name the Service that callers use, such as reviews',
      },
    ),
    port: z.int().min(1).max(65_535).meta({
      description: 'Port of the Service.',
      requiredMessage: 'spec.service.port is missing: give the port that callers use, such as 9080',
    }),
    portName: ruled(
      z.string().max(15),
      {
        description: 'Name of the port, `<protocol>[-suffix]`: Istio reads the protocol from it.',
        requiredMessage:
          'spec.service.portName is missing: name the port <protocol>[-suffix], such as http or grpc-web, since Istio reads the protocol from it',
      },
      [
        {
          cel: `self.matches('^(${PROTOCOLS})(-[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$')`,
          check: (name) => new RegExp(`^(${PROTOCOLS})(-[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`).test(name),
          message:
            'spec.service.portName must be <protocol>[-suffix], such as http, http2-admin or grpc: Istio reads the protocol from it',
        },
      ],
    ),
    targetPort: ruled(
      z.union([z.int(), z.string()]),
      {
        description: "The pods' port, by number or by name; the Service's port when left out.",
        'x-kubernetes-int-or-string': true,
      },
      [
        {
          cel: `type(self) == int ? self >= 1 && self <= 65535 : self.size() <= 15 && self.matches('${PORT_NAME.source}')`,
          check: (port) =>
            typeof port === 'number'
              ? port >= 1 && port <= 65_535
              : port.length <= 15 && PORT_NAME.test(port),
          message:
            "spec.service.targetPort must be a number from 1 to 65535, or the name of a container's port, such as 9080 or http",
        },
      ],
    ).optional(),
  }),
  {
    description: 'The Service in front of the workload.',
    requiredMessage: 'spec.service is missing: give name, port and portName of the Service that callers use',
  },
);

const istio = ruled(
  z.object({
    hosts: ruled(
      z
        .array(
          matching(
            HOST,
            253,
            'write a host as a name without scheme, port or path, such as reviews or shop.example.com',
          ),
        )
        .max(32),
      {
        description: 'Hosts whose traffic is split: Services, or names served by the gateways.',
        'x-kubernetes-list-type': 'set',
        requiredMessage:
          'spec.traffic.istio.hosts is missing: list the hosts whose traffic is split, such as hosts: [reviews]',
      },
      [
        notEmpty(
          'spec.traffic.istio.hosts is empty: list the hosts whose traffic is split, such as hosts: [reviews]',
        ),
      ],
    ),
    gateways: ruled(
      z
        .array(
          matching(GATEWAY, 253, 'write a gateway as namespace/name or name, such as istio-system/public'),
        )
        .max(32),
      {
        description: 'Gateways as `namespace/name` or `name`; `mesh` stands for all sidecars.',
        'x-kubernetes-list-type': 'set',
      },
      [notEmpty('spec.traffic.istio.gateways is empty: leave it out for all sidecars, or list gateways')],
    ).default(['mesh']),
  }),
  { description: 'Istio: a VirtualService and a DestinationRule that Songbird makes and owns.' },
  [
    {
      cel: "!has(self.hosts) || !has(self.gateways) || !self.hosts.exists(h, h == '*') || !self.gateways.exists(g, g == 'mesh')",
      check: ({ hosts, gateways }) => !hosts.includes('*') || !gateways.includes('mesh'),
      message:
        'spec.traffic.istio.hosts must not hold * for the gateway mesh, which would answer for every service: name the Services, or gateways other than mesh',
    },
  ],
);

const traffic = ruled(
  z.object({ istio: istio.optional() }),
  {
    description: 'How traffic is split between revisions.',
    requiredMessage:
      'spec.traffic is missing: say how traffic is split, such as traffic: {istio: {hosts: [reviews]}}',
  },
  [
    {
      cel: 'has(self.istio)',
      check: (value) => value.istio !== undefined,
      message: 'spec.traffic names no router: set spec.traffic.istio with the hosts whose traffic is split',
    },
  ],
);

const step = z
  .object({
    weight: z.int().min(1).max(100).meta({
      description: "The candidate's share of the traffic in percent.",
      requiredMessage:
        'a step of spec.steps has no weight: give it one from 1 to 100, such as {weight: 5, for: 2m}',
    }),
    for: ruled(durationField().optional(), {
      description: 'How long the candidate is watched at this weight before the next step.',
    }),
    pause: z
      .boolean()
      .optional()
      .meta({ description: 'Wait at this step, once it has passed, until a ReleaseCommand says resume.' }),
  })
  .meta({ description: 'One step: a weight, and how long it is watched.' });

const steps = ruled(
  z.array(step).max(50),
  {
    description: 'The steps by which traffic goes to a new revision.',
    'x-kubernetes-list-type': 'atomic',
    requiredMessage:
      'spec.steps is missing: list the weights, such as [{weight: 5, for: 2m}, {weight: 50, for: 5m}, {weight: 100}]',
  },
  [
    {
      cel: '!self.all(s, has(s.weight)) || (self.map(s, s.weight).isSorted() && self.all(s, self.exists_one(t, t.weight == s.weight)))',
      check: (list) => list.every((s, i) => i === 0 || s.weight > (list[i - 1]?.weight ?? 0)),
      message:
        'spec.steps must rise: give each step a higher weight than the step before it, such as 5, 40, 60, 100',
    },
    {
      cel: 'self.size() > 0 && (!has(self[self.size() - 1].weight) || self[self.size() - 1].weight == 100)',
      check: (list) => list.at(-1)?.weight === 100,
      message: 'spec.steps must end at 100: add {weight: 100} as the last step',
    },
  ],
);

/** `spec` of a CanaryRelease: one workload, and how its versions go out. */
export const canaryReleaseSpec = z.object({
  replicas: z.int().min(0).max(10_000).default(1).meta({
    description: 'Pods of the stable revision. An autoscaler may target the CanaryRelease.',
  }),
  template: podTemplate,
  version: matching(
    /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
    63,
    'spec.version must be a label value: letters, digits, -, _ and ., such as v2 or 1.4.0',
    "Value of the pods' `version` label; the revision's hash when left out.",
  ).optional(),
  service,
  traffic,
  steps,
  analysis: analysis.default(DEFAULT_ANALYSIS),
  progressDeadline: ruled(durationField('spec.progressDeadline').default('10m'), {
    description:
      'A step that has neither passed nor failed so long after it could have is taken back (or paused, see analysis.onInconclusive).',
  }),
  scaleDownDelay: ruled(durationField().default('30s'), {
    description: 'The pods of a revision that lost its traffic stay so long, for an instant return.',
  }),
  revisionHistoryLimit: z.int().min(0).max(100).default(3).meta({
    description: 'Deployments of earlier revisions that are kept, scaled to zero.',
  }),
});

export type CanaryReleaseSpec = z.output<typeof canaryReleaseSpec>;
export type Step = z.output<typeof step>;
export type PodTemplate = z.output<typeof podTemplate>;
