import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { canaryReleases, releaseCommands } from '../../src/api/resources.ts';
import type { ApiClient, KubeObject } from '../../src/kube/types.ts';
import { deployments, virtualServices } from '../../src/kube/well-known.ts';
import { readCrds } from '../../src/sandbox/demo/manifests.ts';
import type { Edit, Plan } from '../../src/simulator/cluster/plan.ts';
import { runPlan } from '../../src/simulator/cluster/run.ts';
import type { Invariant } from '../../src/simulator/cluster/rules/rule.ts';
import type { Simulation } from '../../src/simulator/cluster/simulation.ts';

const crds = await readCrds();
const file = new URL('./plans/clock-set-forward-and-back.json', import.meta.url);
const SOUND = { ...(JSON.parse(await readFile(file, 'utf8')) as Plan), faults: [] };
const REF = { namespace: 'shop', name: 'cart' };
/** In the middle of the first step, at 50%. */
const MIDST_MS = 15_000;
const UNREADY = { errors: 0, readyMs: null };

type Deed = (client: ApiClient, simulation: Simulation) => Promise<unknown>;
type Change = (client: ApiClient) => Promise<unknown>;

/** Plays a life in which, at some time, someone who passes for an operator does this. */
async function broken(deed: Deed, plan: Plan = SOUND, at = MIDST_MS): Promise<Invariant[]> {
  const { violations } = await runPlan(plan, crds, {
    quietMs: 5000,
    meddle: (simulation) => {
      simulation.clock.after(at, () => {
        void deed(simulation.cluster.client({ user: 'operator-9' }), simulation);
      });
    },
  });
  return violations.map(({ invariant }) => invariant);
}

/** Routes as the meddler wants them, by image. */
function route(shares: Record<string, number>): Deed {
  return async (client, { truth }) => {
    const revisionOf = (image: string) => [...truth.images].find(([, one]) => one === image)?.[0] ?? image;
    const { metadata, ...rest } = await client.get<KubeObject>(virtualServices, REF);
    const parts = Object.entries(shares).map(([image, weight]) => ({
      destination: { host: 'cart', subset: revisionOf(image) },
      weight,
    }));
    return client.update(virtualServices, {
      ...rest,
      metadata,
      spec: { http: [{ route: parts }] },
    } as KubeObject);
  };
}

/** Changes the release, or its status, as the meddler wants it. */
function change(subresource: 'status' | undefined, how: (release: Release) => object): Change {
  return async (client) => {
    const release = await client.get<Release>(canaryReleases, REF);
    const options = subresource === undefined ? {} : { subresource };
    return client.update(canaryReleases, { ...release, ...how(release) }, options);
  };
}

type Release = KubeObject & { spec: object; status: { step: { weight: number }; stableRevision: string } };

const late: Edit[] = [{ at: 10_000, edit: 'image', image: 'app:2' }];

describe('a rule tells when', () => {
  it('nobody breaks it, nothing', async () => {
    expect(await broken(async () => undefined)).toEqual([]);
  });

  it.each<[string, Invariant, Deed]>([
    ['weights do not sum to 100', 'weights-sum', route({ 'app:1': 50, 'app:2': 60 })],
    ['requests are sent to a version that nobody wants', 'abort-first', route({ 'app:1': 50, other: 50 })],
    [
      'a step is left before its time',
      'fresh-evidence',
      change('status', ({ status }) => ({ status: { ...status, step: { ...status.step, weight: 100 } } })),
    ],
    [
      'a candidate is promoted before its last step',
      'no-skip',
      change('status', ({ status }) => ({ status: { ...status, stableRevision: 'other' } })),
    ],
    [
      'the manifest is changed',
      'foreign-fields',
      change(undefined, ({ spec }) => ({ spec: { ...spec, replicas: 7 } })),
    ],
    [
      'pods are taken from a version that has traffic',
      'no-empty-backend',
      async (client, { truth }) => {
        const [{ name = '' } = {}] = truth.deployments.values();
        const patch = { metadata: { resourceVersion: undefined }, spec: { replicas: 0 } };
        return client.patch(deployments, { namespace: 'shop', name }, 'merge', patch);
      },
    ],
    [
      'a write names no version',
      'valid-lease',
      async (client) =>
        client.patch(virtualServices, REF, 'merge', { metadata: { annotations: { a: 'b' } } }),
    ],
    ['a candidate gets more than its step says', 'no-skip', route({ 'app:1': 20, 'app:2': 80 })],
    ['a candidate gets less than its step says', 'no-skip', route({ 'app:1': 90, 'app:2': 10 })],
    [
      'the routes go while the candidate has traffic',
      'abort-first',
      async (client) => client.delete(virtualServices, REF),
    ],
    [
      'a deadline is put off',
      'settles',
      change('status', ({ status }) => ({
        status: { ...status, step: { ...status.step, progressAt: '2030-01-01T01:00:00.000Z' } },
      })),
    ],
    [
      'a weight is watched anew that was there all the time',
      'no-skip',
      change('status', ({ status }) => ({
        status: { ...status, step: { ...status.step, observedAt: '2030-01-01T00:00:14.000Z' } },
      })),
    ],
    [
      'a version is given up of which no request has failed',
      'fresh-evidence',
      change('status', ({ status }) => ({
        status: {
          ...status,
          ending: {
            outcome: 'RolledBack',
            reason: 'AnalysisFailed',
            message: 'no',
            at: '2030-01-01T00:00:14.000Z',
          },
        },
      })),
    ],
    [
      'the release is let go while there are routes',
      'finalizer',
      change(undefined, ({ metadata }) => ({ metadata: { ...metadata, finalizers: [] } })),
    ],
    [
      'a command is executed that is for another revision',
      'commands',
      async (client, { admin, truth }) => {
        const { stableRevision = '' } = truth.status;
        const { metadata } = await admin.create(releaseCommands, {
          apiVersion: 'songbird.dev/v1alpha1',
          kind: 'ReleaseCommand',
          metadata: { namespace: 'shop', name: 'stop' },
          spec: { release: 'cart', revision: stableRevision, action: 'abort' },
        } as KubeObject);
        const { uid = '' } = metadata;
        const at = '2030-01-01T00:00:15.000Z';
        const obeyed = { name: 'stop', uid, phase: 'Executed', message: 'done', at };
        return change('status', ({ status }) => ({ status: { ...status, commands: [obeyed] } }))(client);
      },
    ],
  ])('%s: %s', async (_, invariant, deed) => {
    expect(await broken(deed)).toContain(invariant);
  });

  it('requests are sent to a version without pods: no-empty-backend', async () => {
    const plan = { ...SOUND, edits: late, versions: { ...SOUND.versions, 'app:2': UNREADY } };
    expect(await broken(route({ 'app:1': 50, 'app:2': 50 }), plan)).toContain('no-empty-backend');
  });

  it('a version gets requests that was rolled back: monotone-after-fail', async () => {
    const plan = { ...SOUND, versions: { ...SOUND.versions, 'app:2': { errors: 1, readyMs: 1000 } } };
    const again = route({ 'app:1': 50, 'app:2': 50 });
    expect(await broken(again, plan, 20_000)).toContain('monotone-after-fail');
  });

  it('something is written at rest: quiet', async () => {
    const note: Deed = async (client) => {
      const object = await client.get<KubeObject>(virtualServices, REF);
      const metadata = { ...object.metadata, annotations: { a: 'b' } };
      return client.update(virtualServices, { ...object, metadata });
    };
    const { violations } = await runPlan({ ...SOUND, edits: [] }, crds, {
      quietMs: 20_000,
      meddle: (simulation) => {
        simulation.clock.after(15_000, () => {
          void note(simulation.cluster.client({ user: 'operator-9' }), simulation);
        });
      },
    });
    expect(violations.map(({ invariant }) => invariant)).toContain('quiet');
  });

  it('nobody brings a release to its end: settles', async () => {
    const meddle = (simulation: Simulation) => {
      // No operator comes back.
      simulation.clock.after(MIDST_MS, () => {
        for (const { clock } of simulation.running) clock.stop();
      });
    };
    const { violations } = await runPlan(SOUND, crds, { meddle });
    expect(violations.map(({ invariant }) => invariant)).toEqual(['settles']);
  });
});
