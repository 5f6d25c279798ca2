import { describe, expect, it } from 'vitest';
import { type CanaryRelease, type TemplateRef, canaryReleaseSpec, parseTemplate } from '../../api/index.ts';
import type { Facts } from './arguments.ts';
import { eventQueries, measureOf } from './render.ts';
import { type ResolvedMetric, type TemplateLookup, resolveMetrics, secretsOf } from './resolve.ts';

const side = (revision: string) => ({ revision, workload: `cart-${revision}`, version: revision });

function facts(analysis: unknown, more: Partial<Facts> = {}): Facts {
  const spec = canaryReleaseSpec.parse({
    template: { spec: { containers: [{ name: 'cart', image: 'cart:v1' }] } },
    service: { name: 'cart', port: 8080, portName: 'http' },
    traffic: { istio: { hosts: ['cart'] } },
    steps: [{ weight: 100 }],
    analysis,
  });
  const metadata = { name: 'cart', namespace: 'shop', labels: { team: 'books' } };
  const release: CanaryRelease = {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata,
    spec,
    status: {},
  };
  const secret = () => ({ text: 's3cret' });
  return { release, candidate: side('new'), stable: side('old'), secret, ...more };
}

function lookup(templates: Record<string, unknown>): TemplateLookup {
  return ({ kind, name }: TemplateRef) => {
    const spec = templates[`${kind}/${name}`];
    return spec === undefined
      ? undefined
      : parseTemplate({ apiVersion: 'songbird.dev/v1alpha1', kind, metadata: { name }, spec });
  };
}

const conversion = {
  args: [
    { name: 'shop' },
    { name: 'least', type: 'number', default: '0.02' },
    { name: 'range', type: 'duration', default: '1m' },
  ],
  metrics: [
    {
      name: 'rate',
      prometheus: { query: 'sum(rate(orders{shop="{{ args.shop }}"}[{{ args.range }}]))' },
      success: 'result >= args.least && args.range == 60.0',
    },
  ],
};
const ref = { kind: 'ClusterAnalysisTemplate', name: 'conversion', args: { shop: 'eu' } };
const TEMPLATES = { 'ClusterAnalysisTemplate/conversion': conversion };

const resolve = (
  analysis: unknown,
  templates: Record<string, unknown> = TEMPLATES,
  more: Partial<Facts> = {},
) => resolveMetrics(facts(analysis, more), lookup(templates));

/** Resolves a template of this spec, called t, with these arguments. */
const withTemplate = (spec: unknown, args: Record<string, string> = {}, more: Partial<Facts> = {}) =>
  resolve({ templates: [{ name: 't', args }] }, { 'AnalysisTemplate/t': spec }, more);

const jobWith = (command: string[]) => ({
  spec: { template: { spec: { containers: [{ name: 'smoke', image: 'smoke:1', command }] } } },
});

const metric = { name: 'm', prometheus: { query: 'up' }, max: 1 };

describe('the metrics of a release', () => {
  it('are its own and those of its templates, with their arguments', () => {
    const { values, events, problems } = resolve({
      templates: [ref],
      metrics: [
        metric,
        { name: 'orders', events: { bad: 'b{v="{{ revision }}"}', all: 'a{v="{{ revision }}"}', max: '1%' } },
      ],
    });
    expect(problems).toEqual([]);
    expect(values.map(({ name }) => name)).toEqual(['m', 'conversion/rate']);
    expect(events.map(({ name }) => name)).toEqual(['orders']);
    expect(values[1]?.args).toEqual({ shop: 'eu', least: 0.02, range: 60 });
    expect(measureOf(values[1]!, facts({ templates: [ref] }), 0)).toEqual({
      kind: 'prometheus',
      query: 'sum(rate(orders{shop="eu"}[60s]))',
    });
  });

  it('have names of their own where a template is named twice', () => {
    const { values } = resolve({ templates: [ref, { ...ref, args: { shop: 'us' } }] });
    expect(values.map(({ name }) => name)).toEqual(['conversion/rate', 'conversion#2/rate']);
  });

  it('are defined by what a measurement means, and not by who is weighed', () => {
    const definition = (spec: unknown) => resolve({ metrics: [spec] }).values[0]?.definition;
    expect(definition({ ...metric, weight: 5, critical: true })).toBe(definition(metric));
    expect(definition({ ...metric, max: 2 })).not.toBe(definition(metric));
    const counted = (events: object) =>
      resolve({ metrics: [{ name: 'orders', events: { all: 'orders', ...events } }] }).events[0]?.definition;
    expect(counted({ bad: 'lost', max: '1%' })).toBe(counted({ bad: 'lost' }));
    expect(counted({ bad: 'late', max: '1%' })).not.toBe(counted({ bad: 'lost' }));
    const us = resolve({ templates: [{ ...ref, args: { shop: 'us' } }] }).values[0]?.definition;
    expect(us).not.toBe(resolve({ templates: [ref] }).values[0]?.definition);
  });
});

describe('a measurement knows', () => {
  const rendered = (query: string) => {
    const { values, problems } = resolve({
      metrics: [{ ...metric, interval: '20s', prometheus: { query } }],
    });
    expect(problems).toEqual([]);
    return measureOf(values[0]!, facts({ metrics: [metric] }), 65_400);
  };

  it('the release, both revisions, and the times', () => {
    expect(
      rendered(
        'a{b="{{ release.namespace }}/{{ release.name }}",c="{{ candidate.workload }}",d="{{ stable.revision }}"}[{{ window }}:{{ interval }}]',
      ),
    ).toEqual({ kind: 'prometheus', query: 'a{b="shop/cart",c="cart-new",d="old"}[65s:20s]' });
  });

  it('of events, its side', () => {
    const events = { bad: 'b{w=~"{{ workload }}-.*"}', all: 'a{w="{{ workload }}"}', max: '1%' };
    const {
      events: [found],
    } = resolve({ metrics: [{ name: 'orders', events }] });
    expect(eventQueries(found!, facts(undefined), 'stable')).toEqual({
      bad: 'b{w=~"cart-old-.*"}',
      all: 'a{w="cart-old"}',
    });
  });

  it('of events against a fresh baseline, its workload, since revision and version are those of all stable pods', () => {
    const freshBaseline = true;
    const by = (label: string) => ({ bad: `b{w="{{ ${label} }}"}`, all: `a{w="{{ ${label} }}"}`, max: '1%' });
    const problems = (label: string) =>
      resolve({ freshBaseline, metrics: [{ name: 'orders', events: by(label) }] }).problems;
    expect(problems('workload')).toEqual([]);
    expect(problems('revision')).toMatchObject([{ reason: 'InvalidSpec' }]);
    expect(problems('version')[0]?.message).toBe(
      'spec.analysis.metrics[0].events: bad cannot tell the fresh baseline from the other stable pods: name what is to be counted by {{ workload }}, or set spec.analysis.freshBaseline to false',
    );
  });

  it('Secrets, in headers and bodies', () => {
    const web = {
      url: 'http://shop/{{ release.name }}',
      method: 'POST',
      headers: [{ name: 'Authorization', value: 'Bearer {{ args.token }}' }],
      body: '{"t": "{{ args.token }}"}',
    };
    const args = [{ name: 'token', valueFrom: { secretKeyRef: { name: 'api', key: 't' } } }];
    const { values, problems } = withTemplate({ args, metrics: [{ name: 'm', web, success: 'result.ok' }] });
    expect(problems).toEqual([]);
    expect(values[0]?.args).toEqual({});
    expect(measureOf(values[0]!, facts(undefined), 0)).toMatchObject({
      url: 'http://shop/cart',
      headers: { authorization: 'Bearer s3cret' },
      body: '{"t":"s3cret"}',
      secrets: ['s3cret'],
    });
  });
});

describe('an argument', () => {
  const value = (arg: object, args: Record<string, string> = {}): ResolvedMetric['scope'] => {
    const { values, problems } = withTemplate({ args: [{ name: 'a', ...arg }], metrics: [metric] }, args);
    expect(problems).toEqual([]);
    return values[0]!.scope;
  };

  it.each([
    [{}, { a: 'given' }, 'given'],
    [{ default: 'usual' }, {}, 'usual'],
    [{ default: 'usual' }, { a: '' }, ''],
    [{ valueFrom: { field: "metadata.labels['team']" } }, {}, 'books'],
    [{ valueFrom: { field: 'spec.service.port' }, type: 'number' }, {}, '8080'],
    [{ valueFrom: { revision: 'stable' } }, {}, 'old'],
    [{ valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }, {}, 's3cret'],
    [{ valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }, { a: 'given' }, 'given'],
  ])('%j with %j is %s', (arg, args, text) => {
    expect(value(arg, args)['args.a']?.text).toBe(text);
  });

  it('needs a Secret only where the release gives no value', () => {
    const templates = lookup({
      'AnalysisTemplate/t': {
        args: [{ name: 'a', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
        metrics: [metric],
      },
    });
    expect(secretsOf(facts({ templates: [{ name: 't' }] }), templates)).toEqual([{ name: 's', key: 'k' }]);
    expect(secretsOf(facts({ templates: [{ name: 't', args: { a: 'x' } }] }), templates)).toEqual([]);
  });
});

describe('what is wrong stalls a release, with the field and the mend', () => {
  const problemsOf = ({ problems }: ReturnType<typeof resolve>) =>
    problems.map(({ reason, message }) => `${reason}: ${message}`);

  it('a template that does not exist', () => {
    expect(problemsOf(resolve({ templates: [{ name: 'conversion' }] }))).toEqual([
      'TemplateNotFound: spec.analysis.templates[0]: there is no AnalysisTemplate conversion in namespace shop: make it, or mend kind and name',
    ]);
  });

  it('a template that breaks a rule', () => {
    expect(problemsOf(withTemplate({ metrics: [] }))).toEqual([
      'TemplateInvalid: AnalysisTemplate t: spec.metrics is empty: list at least one metric',
    ]);
  });

  it('arguments that are missing, unknown, or of another type', () => {
    expect(problemsOf(resolve({ templates: [{ ...ref, args: { shp: 'eu', least: 'some' } }] }))).toEqual([
      'ArgumentInvalid: spec.analysis.templates[0].args.shp is no argument of ClusterAnalysisTemplate conversion: it has shop, least, range',
      'ArgumentMissing: spec.analysis.templates[0].args.shop is missing, and ClusterAnalysisTemplate conversion needs it: give it text',
      'ArgumentInvalid: spec.analysis.templates[0].args.least must be a number, such as 0.5, not "some": ClusterAnalysisTemplate conversion has least as a number',
    ]);
  });

  it.each([
    ['duration', '0.9ms', 'a length of time of at least 1ms, such as 90s, not "0.9ms"'],
    ['duration', '0s', 'a length of time of at least 1ms, such as 90s, not "0s"'],
    ['number', '-1e999', 'a number within 1e308, such as 0.5, not "-1e999"'],
  ])('a %s of %s', (type, value, what) => {
    const args = [{ name: 'a', type }];
    expect(problemsOf(withTemplate({ args, metrics: [metric] }, { a: value }))).toEqual([
      `ArgumentInvalid: spec.analysis.templates[0].args.a must be ${what}: AnalysisTemplate t has a as a ${type}`,
    ]);
  });

  it('a label that is not set, and a Secret that cannot be read', () => {
    const args = (valueFrom: object) => ({ args: [{ name: 'a', valueFrom }], metrics: [metric] });
    expect(problemsOf(withTemplate(args({ field: "metadata.labels['tier']" })))).toEqual([
      "ArgumentMissing: metadata.labels['tier'] is not set, and AnalysisTemplate t takes its argument a from there: set it, or give spec.analysis.templates[0].args.a",
    ]);
    const secret = () => ({
      problem: { reason: 'SecretUnreadable' as const, message: 'Secret s does not exist' },
    });
    expect(problemsOf(withTemplate(args({ secretKeyRef: { name: 's', key: 'k' } }), {}, { secret }))).toEqual(
      ['SecretUnreadable: argument a of AnalysisTemplate t: Secret s does not exist'],
    );
  });

  it('a Secret of another type is not told', () => {
    const args = [{ name: 'a', type: 'number', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];
    expect(problemsOf(withTemplate({ args, metrics: [metric] }))).toEqual([
      'ArgumentInvalid: the value of a in its Secret must be a number, such as 0.5: AnalysisTemplate t has a as a number',
    ]);
  });

  it.each([
    [
      { prometheus: { query: 'up{a="{{ args.x }}"}' }, max: 1 },
      'InvalidSpec: spec.analysis.metrics[0].prometheus.query: {{ args.x }} is unknown here',
    ],
    [
      { prometheus: { query: 'up' }, success: 'result >' },
      'InvalidSpec: spec.analysis.metrics[0].success: Unexpected',
    ],
    [
      { prometheus: { query: 'up' }, failure: 'resul > 1' },
      'InvalidSpec: spec.analysis.metrics[0].failure: Unknown variable: resul',
    ],
    [
      { events: { bad: 'b', all: 'a{v="{{ revision }}"}', max: '1%' } },
      'InvalidSpec: spec.analysis.metrics[0].events: bad counts both revisions alike',
    ],
    [
      { web: { url: 'http://{{ release.name }}:x/' }, success: 'true' },
      'InvalidSpec: spec.analysis.metrics[0].web: web.url is no URL',
    ],
    [
      { job: jobWith(['sh', '-c', './smoke-{{ release.name }}.sh']) },
      'InvalidSpec: spec.analysis.metrics[0].job: {{ release.name }} stands in a script of the Job (command[2])',
    ],
  ])('a metric %j', (spec, message) => {
    expect(problemsOf(resolve({ metrics: [{ name: 'm', ...spec }] }))[0]).toContain(message);
  });

  it.each(['..', '.', ''])('a value that does not fit its place: %j', (value) => {
    const web = { url: 'http://shop/x/{{ args.a }}' };
    const spec = { args: [{ name: 'a' }], metrics: [{ name: 'm', web, success: 'result.ok' }] };
    expect(problemsOf(withTemplate(spec, { a: value }))).toEqual([
      'ArgumentInvalid: AnalysisTemplate t: spec.metrics[0].web: the value of args.a changes the path or the host of web.url, as .. and an empty one do: use another value',
    ]);
  });

  it('templates of dry runs alone decide nothing', () => {
    const spec = { metrics: [{ ...metric, dryRun: true }] };
    expect(problemsOf(withTemplate(spec))[0]).toContain('TemplateInvalid: spec.analysis decides nothing');
    const watched = { errorRate: { max: '1%' }, templates: [{ name: 't' }] };
    expect(problemsOf(resolve(watched, { 'AnalysisTemplate/t': spec }))).toEqual([]);
  });
});
