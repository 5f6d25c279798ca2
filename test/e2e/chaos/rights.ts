import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../../src/kube/types.ts';
import { expect } from '../scenarios/context.ts';
import type { Chaos, ChaosScenario } from './chaos.ts';
import { begun, rolledBack } from './endings.ts';

const NAME = 'songbird';
/** Long enough for whoever tries again ever more rarely to be at his slowest. */
const WITHOUT_MS = 12_000;
const ORDERED_AFTER_MS = 4000;

interface Binding extends KubeObject {
  roleRef: object;
  subjects: object[];
}

interface Role extends KubeObject {
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

/** The operator's rights are taken away in mid-release and given back; an abort that was ordered meanwhile takes effect then. */
export const rights: readonly ChaosScenario[] = [
  {
    name: "operator's permissions removed in mid-release",
    async run(chaos) {
      const { kube } = chaos.context.bed;
      const { roleRef, subjects, ...binding } = await kube.get<Binding>('ClusterRoleBinding', '', NAME);
      const { labels = {} } = binding.metadata;
      const { apiVersion, kind } = binding;
      const whole = { apiVersion, kind, metadata: { name: NAME, labels }, roleRef, subjects };
      await chaos.healthy();
      await withoutRights(chaos, 'v2', {
        take: async () => {
          await kube.delete('ClusterRoleBinding', '', NAME);
          // Watches that are open stay so: they have to be asked for anew.
          await chaos.plane.stopApiServer();
          await chaos.plane.restartApiServer();
        },
        give: () => kube.create(whole),
      });
      await rolledBack(chaos, 'v2', ['Aborted'], 30_000);
    },
  },
  {
    name: 'permission to write routes removed in mid-release',
    async run(chaos) {
      const { kube } = chaos.context.bed;
      const { rules } = await kube.get<Role>('ClusterRole', '', NAME);
      const readOnly = rules.map((rule) =>
        rule.resources.includes('virtualservices') ? { ...rule, verbs: ['get', 'list', 'watch'] } : rule,
      );
      await chaos.healthy();
      await withoutRights(chaos, 'v2', {
        take: () => kube.patch('ClusterRole', '', NAME, { rules: readOnly }),
        give: () => kube.patch('ClusterRole', '', NAME, { rules }),
      });
      await rolledBack(chaos, 'v2', ['Aborted'], 30_000);
    },
  },
  {
    // A rollback does not wait for its status: nobody is hindered, so the time to zero counts from the order.
    name: 'permission to write the status removed in mid-release',
    async run(chaos) {
      const { context } = chaos;
      const { kube } = context.bed;
      const { rules } = await kube.get<Role>('ClusterRole', '', NAME);
      const without = rules.filter(({ resources }) => !resources.includes('canaryreleases/status'));
      await chaos.healthy();
      const { candidateRevision: candidate } = await begun(chaos, 'v2', 40);
      const { course } = chaos;
      await kube.patch('ClusterRole', '', NAME, { rules: without });
      try {
        await delay(ORDERED_AFTER_MS);
        await chaos.abort();
        await context.bed.eventually(
          'v2 has no traffic',
          WITHOUT_MS,
          async () => course.weightOf(candidate) === 0,
        );
        await delay(ORDERED_AFTER_MS);
        expect('it gets none again', course.weightOf(candidate) === 0, course.weightsOf(candidate));
        const { ending } = await context.status();
        expect('nobody could write that down', ending === undefined, ending);
      } finally {
        await kube.patch('ClusterRole', '', NAME, { rules });
      }
      await rolledBack(chaos, 'v2', ['Aborted'], 30_000);
    },
  },
];

interface Rights {
  readonly take: () => Promise<unknown>;
  readonly give: () => Promise<unknown>;
}

/** Takes rights away at 40%, orders an abort, and gives them back. */
async function withoutRights(chaos: Chaos, version: string, { take, give }: Rights): Promise<void> {
  const { candidateRevision: candidate } = await begun(chaos, version, 40);
  await chaos.hindered(async () => {
    await take();
    try {
      await delay(ORDERED_AFTER_MS);
      await chaos.abort();
      await delay(WITHOUT_MS);
      const weight = chaos.course.weightOf(candidate);
      expect('nobody could write meanwhile', weight === 40, weight);
    } finally {
      await give();
    }
  });
}
