import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains } from './contains.ts';

const deployment = (container: object, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { template: { spec: { containers: [{ name: 'app', ...container }], ...more } } },
});
const route = (...http: unknown[]) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'web' },
  spec: { hosts: ['web'], http },
});

describe('contains, for built-in kinds', () => {
  it('is true of a Deployment that the server has filled with defaults', () => {
    const live = deployment(
      {
        image: 'web:1',
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePath: '/dev/termination-log',
        resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
        ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
        env: [{ name: 'EMPTY' }, { name: 'A', value: '1' }],
      },
      { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', securityContext: {} },
    );
    const intent = deployment(
      {
        image: 'web:1',
        resources: { limits: { cpu: '1000m', memory: '1024Mi' }, requests: { cpu: 0.5 } },
        ports: [{ name: 'http', containerPort: 8080 }],
        env: [
          { name: 'A', value: '1' },
          { name: 'EMPTY', value: '' },
        ],
      },
      { hostNetwork: false, terminationGracePeriodSeconds: undefined, nodeSelector: null, volumes: [] },
    );
    expect(contains(intent, live)).toBe(true);
  });

  it('lets others add their containers, ports, variables, labels and finalizers', () => {
    const live = deployment({ ports: [{ containerPort: 1 }, { containerPort: 2, protocol: 'UDP' }] });
    live.spec.template.spec.containers.unshift({ name: 'istio-proxy' });
    const intent = deployment({ ports: [{ containerPort: 2, protocol: 'UDP' }] });
    expect(contains(intent, live)).toBe(true);
    const meta = (metadata: object) => ({
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'CanaryRelease',
      metadata,
    });
    expect(
      contains(
        meta({ labels: { a: '1' }, finalizers: ['ours'], ownerReferences: [{ uid: 'u', kind: 'A' }] }),
        meta({
          labels: { a: '1', b: '2' },
          finalizers: ['theirs', 'ours'],
          ownerReferences: [
            { uid: 'x', kind: 'B' },
            { uid: 'u', kind: 'A', name: 'a' },
          ],
        }),
      ),
    ).toBe(true);
  });

  it.each([
    ['an image', { image: 'web:1' }, { image: 'web:2' }],
    ['a quantity', { resources: { limits: { cpu: '1' } } }, { resources: { limits: { cpu: '2' } } }],
    ['a variable', { env: [{ name: 'A', value: '1' }] }, { env: [{ name: 'A', value: '2' }] }],
    [
      'a variable that looks like a quantity',
      { env: [{ name: 'A', value: '1000m' }] },
      { env: [{ name: 'A', value: '1' }] },
    ],
    ['a missing variable', { env: [{ name: 'A' }] }, { env: [{ name: 'B' }] }],
    [
      'the protocol of a port',
      { ports: [{ containerPort: 1, protocol: 'UDP' }] },
      { ports: [{ containerPort: 1 }] },
    ],
    ['the order of arguments', { args: ['a', 'b'] }, { args: ['b', 'a'] }],
    ['an argument more', { args: ['a'] }, { args: ['a', 'b'] }],
    ['arguments that were emptied', { args: [] }, { args: ['a'] }],
    ['a flag', { tty: false }, { tty: true }],
    ['a missing flag', { tty: true }, {}],
    ['an object where a list should be', { args: ['a'] }, { args: { 0: 'a' } }],
    ['a scalar where an object should be', { resources: {} }, { resources: 'none' }],
  ])('sees %s', (_what, intent, live) => {
    expect(contains(deployment(intent), deployment(live))).toBe(false);
  });

  it('sees a label with an empty value go, and another selector', () => {
    const service = (selector: object, labels: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels },
      spec: { selector },
    });
    expect(contains(service({ app: 'web' }, { gone: '' }), service({ app: 'web' }))).toBe(false);
    expect(contains(service({ app: 'web' }), service({ app: 'db' }))).toBe(false);
    expect(contains(service({ app: '1.10' }), service({ app: '1.1' }))).toBe(false);
  });

  it('knows the ports of a Service by number and protocol', () => {
    const service = (...ports: object[]) => ({ apiVersion: 'v1', kind: 'Service', spec: { ports } });
    const live = service(
      { port: 53, protocol: 'UDP', name: 'dns', targetPort: 53 },
      { port: 53, protocol: 'TCP', name: 'dns-tcp', targetPort: 53 },
    );
    expect(contains(service({ port: 53, name: 'dns-tcp' }), live)).toBe(true);
    expect(contains(service({ port: 53, name: 'dns' }), live)).toBe(false);
  });
});

describe('contains, for custom resources', () => {
  const to = (subset: string, weight: number) => ({ destination: { host: 'web', subset }, weight });

  it('takes a list for one value: order, length and every field in it count', () => {
    const ours = { name: 'songbird', route: [to('a', 95), to('b', 5)] };
    expect(contains(route(ours), route(ours))).toBe(true);
    expect(contains(route(ours), route({ ...ours, route: [to('b', 5), to('a', 95)] }))).toBe(false);
    expect(contains(route(ours), route(ours, { name: 'other' }))).toBe(false);
    expect(contains(route(ours), route({ ...ours, fault: { abort: { httpStatus: 503 } } }))).toBe(false);
    expect(contains(route(ours), route({ ...ours, match: [], headers: {} }))).toBe(true);
  });

  it('keeps zero apart from nothing, and strings from quantities', () => {
    expect(
      contains(
        route({ route: [to('a', 0)] }),
        route({ route: [{ destination: { host: 'web', subset: 'a' } }] }),
      ),
    ).toBe(false);
    const limits = (cpu: string) => ({ apiVersion: 'example.com/v1', spec: { limits: { cpu } } });
    expect(contains(limits('1000m'), limits('1'))).toBe(false);
  });

  it('lets others set fields beside ours outside of lists', () => {
    const live = {
      ...route({ name: 'a' }),
      status: {},
      spec: { ...route({ name: 'a' }).spec, exportTo: ['.'] },
    };
    expect(contains(route({ name: 'a' }), live)).toBe(true);
  });
});

it('every value contains itself and an emptied one, and nothing that differs in a leaf', () => {
  const apiVersion = fc.constantFrom('apps/v1', 'example.com/v1');
  fc.assert(
    fc.property(apiVersion, fc.jsonValue(), fc.string(), (version, spec, leaf) => {
      const object = { apiVersion: version, kind: 'A', spec };
      expect(contains(object, object)).toBe(true);
      expect(contains({ ...object, spec: undefined }, object)).toBe(true);
      expect(contains({ ...object, leaf: `${leaf}!` }, { ...object, leaf })).toBe(false);
      expect(contains({ ...object, leaf: [`${leaf}!`] }, object)).toBe(false);
    }),
    { seed: Number(process.env['SEED'] ?? 1) },
  );
});

it('a field with the name of a member that all objects have is a field like any other', () => {
  const object = { apiVersion: 'apps/v1', kind: 'A', spec: { constructor: [1], toString: [{}] } };
  expect(contains(object, object)).toBe(true);
  expect(contains(object, { ...object, spec: { constructor: [2], toString: [{}] } })).toBe(false);
});
