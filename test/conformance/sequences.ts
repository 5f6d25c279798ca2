import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { configMap, widget, WIDGETS } from './cases/case.ts';
import { compare } from './compare.ts';
import type { Outcome, Sides } from './compare.ts';
import type { Conversation, Found } from './conversation.ts';

/** One random operation; it names no version or uid, so that it means the same on both servers. */
export type Step =
  | { op: 'create'; target: Target; content: Content; finalizer: boolean; dryRun: boolean }
  | { op: 'update'; target: Target; content: Content; version: Version; status: boolean }
  | { op: 'merge'; target: Target; content: Content; version: Version; status: boolean }
  | { op: 'json'; target: Target; patch: JsonOperation[] }
  | { op: 'apply'; target: Target; content: Content; manager: string; force: boolean; status: boolean }
  | { op: 'scale'; target: Target; replicas: number }
  | {
      op: 'delete';
      target: Target;
      policy: string | null;
      uid: 'none' | 'current' | 'wrong';
      version: Version;
    }
  | { op: 'finalize'; target: Target }
  | { op: 'get'; target: Target }
  | { op: 'list'; target: Target; selector: string };

interface Target {
  kind: 'ConfigMap' | 'Widget' | 'Lease';
  name: string;
}
type Version = 'none' | 'current' | 'stale';
interface Content {
  labels?: Record<string, string | null> | undefined;
  config?: Record<string, string | null> | undefined;
  lease?: object | undefined;
  spec?: object | undefined;
  status?: object | undefined;
}
interface JsonOperation {
  op: string;
  path: string;
  value?: unknown;
  from?: string;
}

export interface SequenceReport {
  readonly seed: number;
  readonly sequences: number;
  readonly compared: number;
  /** The shortest failing sequence that was found, with what differs. */
  readonly failure?: { steps: Step[]; outcome: Outcome; shrinks: number };
}

const PATHS = {
  ConfigMap: ['v1', 'configmaps'],
  Widget: [WIDGETS, 'widgets'],
  Lease: ['coordination.k8s.io/v1', 'leases'],
} as const;

/**
 * Runs random sequences on both sides until one shows a difference; that one is shrunk.
 * @param seed the same seed gives the same sequences
 */
export async function runSequences(
  sides: Sides,
  options: { seed: number; sequences: number; steps: number },
): Promise<SequenceReport> {
  let runs = 0;
  let compared = 0;
  let failing: { steps: Step[]; outcome: Outcome } | undefined;
  const property = fc.asyncProperty(
    fc.array(stepArbitrary(), { minLength: 1, maxLength: options.steps, size: 'max' }),
    async (steps) => {
      runs += 1;
      const outcome = await compare(sides, `sequence-${options.seed}-${runs}`, (c) => play(c, steps));
      compared += outcome.compared;
      if (outcome.differences.length === 0) return true;
      failing = { steps, outcome };
      return false;
    },
  );
  const details = await fc.check(property, { seed: options.seed, numRuns: options.sequences });
  const { seed } = options;
  const sequences = details.numRuns;
  if (!details.failed || failing === undefined) return { seed, sequences, compared };
  return { seed, sequences, compared, failure: { ...failing, shrinks: details.numShrinks } };
}

const LIST_ATTEMPTS = 300;
const LIST_PAUSE_MS = 100;

/** The version of a list. A server that has just taken a definition in may still refuse lists of its kind (429, 503). */
async function versionOf(c: Conversation, kind: Target['kind']): Promise<string> {
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
    const list = await c.quietly('GET', collection(c, kind));
    if (list.status === 200) return (list.body as Found).metadata.resourceVersion;
    await delay(LIST_PAUSE_MS);
  }
  throw new Error(`${collection(c, kind)} cannot be listed`);
}

async function play(c: Conversation, steps: readonly Step[]): Promise<void> {
  const from = new Map<string, string>();
  for (const kind of Object.keys(PATHS) as Target['kind'][]) {
    from.set(kind, await versionOf(c, kind));
  }
  const seen = new Map<string, string>();
  for (const step of steps) {
    const key = `${step.target.kind}/${step.target.name}`;
    const answer = await c.quietly('GET', object(c, step.target));
    const current = answer.status === 200 ? (answer.body as Found) : undefined;
    if (current !== undefined && !seen.has(key)) seen.set(key, current.metadata.resourceVersion);
    await perform(c, step, current, seen.get(key));
  }
  for (const kind of Object.keys(PATHS) as Target['kind'][]) {
    await c.get(collection(c, kind));
    const watch = await c.watch(`${collection(c, kind)}?watch=1&resourceVersion=${from.get(kind)}`);
    await c.quietly('POST', collection(c, kind), objectOf({ kind, name: 'zzz-last' }, {}));
    await watch.takeUntil('zzz-last');
    watch.close();
  }
}

async function perform(
  c: Conversation,
  step: Step,
  current: Found | undefined,
  stale: string | undefined,
): Promise<void> {
  const path = object(c, step.target);
  const versioned = (version: Version) => ({
    ...(version === 'current' && current && { resourceVersion: current.metadata.resourceVersion }),
    ...(version === 'stale' && stale !== undefined && { resourceVersion: stale }),
  });
  switch (step.op) {
    case 'create': {
      const finalizers = step.finalizer ? { finalizers: ['songbird.dev/hold'] } : {};
      const query = step.dryRun ? '?dryRun=All' : '';
      await c.post(collection(c, step.target.kind) + query, objectOf(step.target, step.content, finalizers));
      return;
    }
    case 'update': {
      const body = objectOf(step.target, step.content, versioned(step.version));
      await c.put(path + sub(step), body);
      return;
    }
    case 'merge': {
      const {
        metadata,
        apiVersion: _v,
        kind: _k,
        ...rest
      } = objectOf(step.target, step.content, versioned(step.version));
      const { name: _name, ...others } = metadata;
      await c.patch(path + sub(step), 'merge', { ...rest, metadata: others });
      return;
    }
    case 'json':
      await c.patch(path, 'json', step.patch, { anyMessage: true });
      return;
    case 'apply': {
      const query = `?fieldManager=${step.manager}${step.force ? '&force=true' : ''}`;
      await c.patch(path + sub(step) + query, 'apply', objectOf(step.target, step.content));
      return;
    }
    case 'scale':
      await c.patch(
        `${path}/scale`,
        'merge',
        { spec: { replicas: step.replicas } },
        { anyMessage: step.target.kind !== 'Widget' },
      );
      return;
    case 'delete': {
      const uid = step.uid === 'current' ? current?.metadata.uid : '11111111-2222-3333-4444-555555555555';
      const preconditions = { ...versioned(step.version), ...(step.uid === 'none' ? {} : { uid }) };
      await c.delete(path, {
        ...(step.policy === null ? {} : { propagationPolicy: step.policy }),
        ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
      });
      return;
    }
    case 'finalize':
      await c.patch(path, 'merge', { metadata: { finalizers: null } });
      return;
    case 'get':
      await c.get(path);
      return;
    case 'list':
      await c.get(`${collection(c, step.target.kind)}?labelSelector=${encodeURIComponent(step.selector)}`);
      return;
  }
}

function sub(step: { target: Target; status: boolean }): string {
  return step.status && step.target.kind === 'Widget' ? '/status' : '';
}

function collection(c: Conversation, kind: Target['kind']): string {
  const [apiVersion, plural] = PATHS[kind];
  return c.at(apiVersion, plural);
}

function object(c: Conversation, target: Target): string {
  return `${collection(c, target.kind)}/${target.name}`;
}

function objectOf(
  { kind, name }: Target,
  content: Content,
  more: object = {},
): {
  apiVersion: string;
  kind: string;
  metadata: { name: string; [key: string]: unknown };
  [key: string]: unknown;
} {
  const metadata = { ...more, name, ...(content.labels && { labels: content.labels }) };
  if (kind === 'ConfigMap') {
    return {
      ...configMap(name),
      apiVersion: 'v1',
      kind,
      metadata,
      ...(content.config && { data: content.config }),
    };
  }
  if (kind === 'Lease') {
    return { apiVersion: PATHS.Lease[0], kind, metadata, ...(content.lease && { spec: content.lease }) };
  }
  return {
    ...widget(name, {}),
    apiVersion: WIDGETS,
    kind,
    metadata,
    spec: content.spec ?? {},
    ...(content.status && { status: content.status }),
  };
}

function stepArbitrary(): fc.Arbitrary<Step> {
  const kind = fc.constantFrom<Target['kind']>('ConfigMap', 'Widget', 'Widget', 'Lease');
  const target = fc.record({ kind, name: fc.constantFrom('a', 'a', 'b') });
  const content = contentArbitrary();
  const version = fc.constantFrom<Version>('none', 'none', 'current', 'stale');
  const seldom = fc.nat(5).map((n) => n === 5);
  const status = fc.nat(2).map((n) => n === 2);
  const op = <T extends string>(name: T) => fc.constant(name);
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ op: op('create'), target, content, finalizer: seldom, dryRun: seldom }),
    },
    { weight: 4, arbitrary: fc.record({ op: op('update'), target, content, version, status }) },
    { weight: 4, arbitrary: fc.record({ op: op('merge'), target, content, version, status }) },
    { weight: 3, arbitrary: fc.record({ op: op('json'), target, patch: jsonPatchArbitrary() }) },
    {
      weight: 6,
      arbitrary: fc.record({
        op: op('apply'),
        target,
        content,
        manager: fc.constantFrom('one', 'two'),
        force: fc.boolean(),
        status,
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: op('scale'), target, replicas: fc.constantFrom(0, 1, 4, 20) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        op: op('delete'),
        target,
        policy: fc.constantFrom(null, 'Background'),
        uid: fc.constantFrom('none' as const, 'none' as const, 'current' as const, 'wrong' as const),
        version,
      }),
    },
    { weight: 2, arbitrary: fc.record({ op: op('finalize'), target }) },
    { weight: 1, arbitrary: fc.record({ op: op('get'), target }) },
    {
      weight: 1,
      arbitrary: fc.record({ op: op('list'), target, selector: fc.constantFrom('', 'l=1', 'l!=1', 'm') }),
    },
  );
}

function contentArbitrary(): fc.Arbitrary<Content> {
  const text = fc.constantFrom('1', '2', '');
  const partly = <T extends object>(record: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(record, { requiredKeys: [] });
  const part = partly({
    name: fc.constantFrom('x', 'y', 'z'),
    count: fc.nat(2),
    weight: fc.constantFrom(0, 5, -1),
  });
  const step = partly({ weight: fc.constantFrom(5, 40, 50, 100), hold: fc.constantFrom('1m', '2m') });
  const spec = partly<Record<string, unknown>>({
    size: fc.constantFrom<unknown>(1, 4, 5, 10, 11, 'x', null),
    colour: fc.constantFrom('red', 'blue', 'pink'),
    enabled: fc.boolean(),
    fixed: fc.constantFrom('f', 'g'),
    note: fc.constantFrom(null, 'n'),
    port: fc.constantFrom<unknown>(80, 'http'),
    free: fc.constantFrom<unknown>({}, { a: { b: 1 } }, { a: { c: [1, 2] } }),
    labels: fc.constantFrom({ a: '1' }, { b: '2' }, { a: '1', b: '3' }),
    tags: fc.subarray(['p', 'q', 'r']),
    parts: fc.array(part, { maxLength: 3 }),
    steps: fc.array(step, { maxLength: 3 }),
    atomic: partly({ a: fc.nat(2), b: fc.nat(2) }),
    nowhere: fc.constant(1),
  });
  const condition = fc.record({
    type: fc.constantFrom('Ready', 'Fast'),
    status: fc.constantFrom('True', 'False'),
    reason: fc.constantFrom('A', 'B'),
  });
  return partly({
    // A real server stores an empty map of an apply, shows none, and drops it, with a new version, at the next write.
    labels: partly({ l: text, m: text }).filter((labels) => Object.keys(labels).length > 0),
    config: partly({ k: text, n: text }),
    lease: partly({
      holderIdentity: fc.constantFrom('one', 'two'),
      leaseTransitions: fc.nat(3),
      leaseDurationSeconds: fc.constantFrom(15, 30),
    }),
    spec,
    status: partly<Record<string, unknown>>({
      replicas: fc.nat(3),
      phase: fc.constantFrom('Ready', 'Waiting', 'Odd'),
      conditions: fc.uniqueArray(condition, { maxLength: 2, selector: (x) => x.type }),
    }),
  });
}

function jsonPatchArbitrary(): fc.Arbitrary<JsonOperation[]> {
  const path = fc.constantFrom(
    '/metadata/labels',
    '/metadata/labels/l',
    '/data',
    '/data/k',
    '/spec/size',
    '/spec/tags',
    '/spec/tags/-',
    '/spec/tags/0',
    '/spec/parts/0/weight',
    '/spec/free/a',
    '/spec/holderIdentity',
    '/spec/nowhere/deep',
  );
  const value = fc.constantFrom<unknown>('1', 4, {}, { l: '1' }, ['p'], null);
  const withValue = fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path, value });
  const withFrom = fc.record({ op: fc.constantFrom('move', 'copy'), from: path, path });
  const remove = fc.record({ op: fc.constant('remove'), path });
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: withValue },
      { weight: 1, arbitrary: withFrom },
      { weight: 1, arbitrary: remove },
    ),
    { minLength: 1, maxLength: 3 },
  );
}
