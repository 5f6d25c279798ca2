import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { kubeconfigOf } from '../control-plane/access.ts';
import { credentialOf } from '../control-plane/audit.ts';
import { expect } from '../scenarios/context.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import type { ChaosScenario } from './chaos.ts';
import { begun, rolledBack } from './endings.ts';

const ACCOUNT = { namespace: 'songbird-system', name: 'songbird' };
const KUBECONFIG = `${ACCOUNT.namespace}-${ACCOUNT.name}.kubeconfig`;
/** Longer than a lease, after which the other waits for up to 4 s more before it asks. */
const TAKEN_OVER_MS = 40_000;
const AFTERWARDS_MS = 5000;
const STEPS = {
  steps: [{ weight: 5, for: '2s' }, { weight: 40, for: '8s' }, { weight: 60, for: '60s' }, { weight: 100 }],
};

/** A leader that stands still for longer than its lease, and wakes up when another leads. */
export const leaders: readonly ChaosScenario[] = [
  {
    name: 'two operators, the leader paused past its lease',
    async run(chaos) {
      const { context, plane } = chaos;
      const { bed, operator: old } = context;
      const access = await plane.accessAs(ACCOUNT.namespace, ACCOUNT.name);
      const kubeconfig = join(plane.dir, 'standby.kubeconfig');
      await writeFile(kubeconfig, kubeconfigOf(access, ACCOUNT.name, ACCOUNT.namespace), { mode: 0o600 });
      const token = await tokenOf(join(plane.dir, KUBECONFIG));
      const standby = await bed.operator({
        args: ['--leader-elect'],
        kubeconfig,
        name: 'standby',
        healthPort: 8083,
        metricsPort: 8082,
      });
      await standby.start();
      try {
        await chaos.healthy(STEPS);
        const { candidateRevision: candidate } = await begun(chaos, 'v2', 40, {}, STEPS);
        expect('the first one leads', (await leads(old)) && !(await leads(standby)), 'another');
        old.pause();
        await bed.eventually('the other leads', TAKEN_OVER_MS, () => leads(standby));
        // Woken when there is something to write: the step that is over.
        await bed.eventually('it goes on', 60_000, async () => chaos.course.weightOf(candidate) === 60);
        const resumedAt = Date.now();
        old.resume();
        await context.until('60% is observed', ({ step }) => step?.observedWeight === 60);
        await chaos.abort();
        await rolledBack(chaos, 'v2', ['Aborted'], 30_000);
        await delay(AFTERWARDS_MS);
        const since = (await plane.writes()).filter(({ at }) => at >= resumedAt);
        const tried = since.filter(({ credential }) => credential === credentialOf({ token }));
        const landed = tried.filter(({ code }) => code < 300);
        expect('no write of the old leader lands', landed.length === 0, landed);
        expect('the new leader writes', since.length > tried.length, since.length);
        Object.assign(chaos.notes, { triedByOld: tried.length, writtenByNew: since.length - tried.length });
        const weights = String(chaos.course.weightsOf(candidate));
        expect('no step was skipped or repeated', weights === '5,40,60,0', weights);
      } finally {
        await standby.stop();
      }
    },
  },
];

/** The token in a kubeconfig of this harness, which is JSON. */
async function tokenOf(kubeconfig: string): Promise<string> {
  const { users } = JSON.parse(await readFile(kubeconfig, 'utf8')) as {
    users: { user: { token: string } }[];
  };
  return users[0]?.user.token ?? '';
}

async function leads(operator: OperatorProcess): Promise<boolean> {
  return /^songbird_leader 1$/m.test(await operator.metrics());
}
