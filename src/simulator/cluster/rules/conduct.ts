import { FINALIZER } from '../../../api/index.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { NOTE } from '../edits.ts';
import type { Call } from '../process-client.ts';
import { isOperator, type ProcessClock } from '../process-clock.ts';
import { KEY } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import type { Rule, Scene } from './rule.ts';

/** Writes of an operator that are not about releases. */
const ASIDE = new Set(['leases', 'events']);

/** Tables that operators write. */
const OWN = new Set([
  'canaryreleases.songbird.dev',
  'releasecommands.songbird.dev',
  'deployments.apps',
  'services',
  'jobs.batch',
  'virtualservices.networking.istio.io',
  'destinationrules.networking.istio.io',
]);

const ROUTES = ['virtualservices.networking.istio.io', 'destinationrules.networking.istio.io'];

/** More writes to one object within the time are a storm. */
const STORM = { writes: 40, ms: 5000 };

/** How operators write, whatever it is about. */
export class ConductRules implements Rule {
  readonly #scene: Scene;
  /** What each process has sent since it decided last. */
  readonly #sent = new Map<string, { statuses: number; effects: string[] }>();
  readonly #recent = new Map<string, number[]>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  decided({ identity }: ProcessClock): void {
    this.#sent.set(identity, { statuses: 0, effects: [] });
  }

  sent(call: Call, { identity }: ProcessClock): void {
    const { verb, type, isWrite, subresource } = call;
    if (!isWrite || ASIDE.has(type.plural)) return;
    const { truth, plan } = this.#scene.simulation;
    const { lease } = truth;
    const holds = lease?.holder === identity && truth.now < lease.renewedAt + lease.durationMs;
    const what = `${verb} ${type.plural}`;
    if (plan.leaderElect && !holds)
      this.#scene.broken(
        'valid-lease',
        `${identity} sends ${what}, but the lease is ${lease?.holder ?? 'nobody'}'s`,
      );
    const pass = this.#sent.get(identity);
    // Commands for a release that is gone are answered without a decision.
    if (pass === undefined || type.plural === 'releasecommands') return;
    if (type.plural === 'canaryreleases' && subresource === 'status') pass.statuses += 1;
    else pass.effects.push(what);
    if (pass.statuses > 1 || pass.effects.length > 1)
      this.#scene.broken('one-effect', `a pass of ${identity} sends ${pass.effects.join(', ')}`);
  }

  wrote(write: Write): void {
    const { user, table, before, after } = write;
    if (!isOperator(user) || table.startsWith('leases') || table.startsWith('events')) return;
    if (!OWN.has(table)) this.#scene.broken('foreign-fields', `${user} writes ${table} ${write.key}`);
    this.#noStorm(write);
    this.#keepsFinalizer(write);
    if (before === undefined) return;
    if (!isGuarded(write))
      this.#scene.broken('valid-lease', `${user} writes ${table} without a precondition`);
    if (after !== undefined) this.#keepsForeign(table, before, after);
    if (table !== 'canaryreleases.songbird.dev' && table !== 'releasecommands.songbird.dev')
      this.#keepsOff(table, before);
  }

  /** The finalizer is there before anything is made, and goes when no route is left. */
  #keepsFinalizer({ table, key, before, after }: Write): void {
    const { truth, cluster } = this.#scene.simulation;
    const isHeld = (object: KubeObject | undefined) =>
      object?.metadata.finalizers?.includes(FINALIZER) === true;
    if (table === 'canaryreleases.songbird.dev') {
      const isLeft = ROUTES.some(
        (routes) => ownerOf(cluster.core.store.get(routes, KEY)) === before?.metadata.uid,
      );
      if (key === KEY && isHeld(before) && !isHeld(after) && isLeft)
        this.#scene.broken(
          'finalizer',
          `lets the release go while routes ${JSON.stringify(truth.weights)} are left`,
        );
      return;
    }
    const isMade = before === undefined && after !== undefined && truth.release !== undefined;
    if (isMade && !isHeld(truth.release))
      this.#scene.broken('finalizer', `makes ${table} ${key} before the release has its finalizer`);
  }

  #keepsForeign(table: string, before: KubeObject, after: KubeObject): void {
    const paths = ['metadata.annotations', 'metadata.labels', 'spec.template.metadata.annotations'];
    for (const path of paths) {
      const [was, is] = [noteIn(before, path), noteIn(after, path)];
      if (was !== undefined && was !== is)
        this.#scene.broken(
          'foreign-fields',
          `${path} of ${table} ${after.metadata.name} loses what people wrote`,
        );
    }
    const isAsked = table === 'canaryreleases.songbird.dev' || table === 'releasecommands.songbird.dev';
    if (isAsked && JSON.stringify(at(before, 'spec')) !== JSON.stringify(at(after, 'spec')))
      this.#scene.broken('foreign-fields', `changes spec of ${table} ${after.metadata.name}`);
  }

  /** What is someone else's is theirs. */
  #keepsOff(table: string, before: KubeObject): void {
    const { release } = this.#scene.simulation.truth;
    const owner = ownerOf(before);
    if (owner === undefined) this.#scene.broken('foreign-fields', `writes ${table} of someone else`);
    else if (release !== undefined && owner !== release.metadata.uid)
      this.#scene.broken('foreign-fields', `writes ${table} of a release that is gone`);
  }

  #noStorm({ table, key, at: now }: Write): void {
    const id = `${table} ${key}`;
    const recent = [...(this.#recent.get(id) ?? []), now].filter((time) => time > now - STORM.ms);
    this.#recent.set(id, recent);
    if (recent.length > STORM.writes)
      this.#scene.broken('quiet', `${recent.length} writes to ${id} within ${STORM.ms} ms`);
  }
}

/** True when the write names the version, or the object, that it was decided on. */
function isGuarded({ request }: Write): boolean {
  if (request === undefined) return true;
  if (request.verb === 'delete') return request.options.preconditions !== undefined;
  const metadata = at(request.body, 'metadata') as { uid?: string; resourceVersion?: string } | undefined;
  // Of a status the uid says nothing of what was decided on.
  const isObject = metadata?.uid !== undefined && request.subresource === undefined;
  return metadata?.resourceVersion !== undefined || isObject;
}

/** The uid of its controller. */
function ownerOf(object: { metadata: KubeObject['metadata'] } | undefined): string | undefined {
  return object?.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

function noteIn(object: unknown, path: string): unknown {
  const found = path.split('.').reduce<unknown>((value, key) => at(value, key), object);
  return at(found, NOTE);
}

function at(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[key] : undefined;
}
