import type { Gathered } from '../../../controllers/canary-release/observe.ts';
import { LATE_MS } from '../faulty-network.ts';
import type { Call } from '../process-client.ts';
import { isOperator, type ProcessClock } from '../process-clock.ts';
import { KEY } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import type { Rule, Scene } from './rule.ts';

/** From the look at the API server right before an effect until the effect is sent (ms), if that is answered in time. */
const LOOKED_MS = 2000;

/** What an operator wrote last into an object. */
interface Done {
  readonly body: string;
  readonly resourceVersion: string | undefined;
}

/** What a write is based on: the present version of the release, and what the same process wrote before. */
export class BasisRules implements Rule {
  readonly #scene: Scene;
  /** By process: the version of the release that its pass goes by. */
  readonly #basis = new Map<string, string | undefined>();
  /** By process and object. */
  readonly #done = new Map<string, Done>();
  /** The present version of the release, and since when (ms). */
  #release: { readonly version: string | undefined; readonly since: number } = {
    version: undefined,
    since: 0,
  };
  readonly #isExcused: boolean;
  readonly #lookedMs: number;

  constructor(scene: Scene) {
    this.#scene = scene;
    const isLate = scene.simulation.plan.faults.some((fault) => 'call' in fault && fault.call === 'late');
    this.#lookedMs = LOOKED_MS + (isLate ? LATE_MS : 0);
    // Who had no answer, or stood still between two lines, cannot know.
    this.#isExcused = scene.simulation.plan.faults.some((fault) =>
      'at' in fault ? fault.fault === 'leader stopped' : 'call' in fault && fault.call === 'lost',
    );
  }

  decided({ identity }: ProcessClock, { release }: Gathered): void {
    this.#basis.set(identity, release.metadata.resourceVersion);
  }

  sent(call: Call, { identity }: ProcessClock): void {
    const { type, isWrite, subresource, verb } = call;
    if (!isWrite || type.plural === 'leases' || type.plural === 'events' || this.#isExcused) return;
    this.#repeats(call, identity);
    const basis = this.#basis.get(identity);
    const { version, since } = this.#release;
    if (basis === undefined || version === undefined || basis === version) return;
    const isStatus = type.plural === 'canaryreleases' && subresource === 'status';
    const isOld = since < this.#scene.simulation.clock.monotonic() - this.#lookedMs;
    // The API server refuses a status of an older version by itself.
    if (!isStatus && isOld)
      this.#scene.broken(
        'valid-lease',
        `${identity} sends ${verb} ${type.plural} for an older version of the release`,
      );
  }

  wrote({ table, key, user, at, before, after, request }: Write): void {
    const isRelease = table === 'canaryreleases.songbird.dev' && key === KEY;
    if (isOperator(user) && isRelease && before !== undefined && request?.subresource === 'status') {
      const basis = this.#basis.get(user);
      if (basis !== undefined && basis !== before.metadata.resourceVersion)
        this.#scene.broken('valid-lease', `${user} writes a status that was decided on an older version`);
    }
    if (isRelease) this.#release = { version: after?.metadata.resourceVersion, since: at };
    if (isRelease && isOperator(user)) this.#basis.set(user, after?.metadata.resourceVersion);
    if (request !== undefined && isOperator(user) && after !== undefined)
      this.#done.set(`${user} ${table} ${key}`, {
        body: textOf(request.body),
        resourceVersion: after.metadata.resourceVersion,
      });
  }

  /** What was done is not done again while nobody has undone it. */
  #repeats({ type, ref, body, verb }: Call, identity: string): void {
    const { simulation } = this.#scene;
    const now = simulation.clock.monotonic();
    if (simulation.stale.some(({ from, to }) => from <= now && now <= to + this.#lookedMs)) return;
    const table = type.group === '' ? type.plural : `${type.plural}.${type.group}`;
    const key = `${ref.namespace ?? ''}/${ref.name ?? ''}`;
    const done = this.#done.get(`${identity} ${table} ${key}`);
    const present = simulation.cluster.core.store.get(table, key);
    const isThere = done !== undefined && present?.metadata.resourceVersion === done.resourceVersion;
    if (isThere && done.body === textOf(body))
      this.#scene.broken('quiet', `${identity} sends ${verb} ${type.plural} again, which was done`);
  }
}

/** A body without the version that it names. */
function textOf(body: unknown): string {
  return JSON.stringify(body, (key, value: unknown) => (key === 'resourceVersion' ? undefined : value));
}
