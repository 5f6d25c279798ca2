import {
  ANNOTATIONS,
  type CanaryRelease,
  type CanaryReleaseStatus,
  type DestinationRule,
  FIELD_MANAGER,
  FINALIZER,
  type Problem,
  type ReleaseCommand,
  type VirtualService,
  baselineName,
  isOwnedBy,
  workloadName,
} from '../../api/index.ts';
import type { CommandEffect, Effect, PendingCommand } from '../../core/model.ts';
import { packJson } from '../../kube/packed-json.ts';
import type { OwnWrites } from '../../kube/own-writes.ts';
import {
  type ApiClient,
  ApiError,
  type KubeObject,
  type ResourceType,
  type WriteOptions,
  apiVersionOf,
  isApiError,
  keyOf,
} from '../../kube/types.ts';
import { deployments, destinationRules, jobs, services, virtualServices } from '../../kube/well-known.ts';
import { istioRouter } from '../../traffic/istio/router.ts';
import type { TrafficWrite } from '../../traffic/router.ts';
import { measureOf } from '../../analysis/templates/render.ts';
import { baselineDeployment, deploymentOf, jobOf, keptReport, serviceOf } from '../../workloads/index.ts';
import { canaryReleases, releaseCommands } from '../../api/resources.ts';
import type { Gathered } from './observe.ts';

const { group: ISTIO } = virtualServices;

/** A write that was refused in a way that only a person can mend. */
export class RefusedWrite extends Error {
  override readonly name = 'RefusedWrite';
  readonly problem: Problem;

  constructor(problem: Problem, cause?: unknown) {
    super(problem.message, { cause });
    this.problem = problem;
  }
}

/** So long (ms) the write of a report may take: no release waits for it longer. */
const REPORT_MS = 2000;

/** Carries out what `decide` ordered. Every write is noted, so that the next pass waits until the caches show it. */
export class Actor {
  readonly #client: ApiClient;
  readonly #writes: OwnWrites;

  constructor(client: ApiClient, writes: OwnWrites) {
    this.#client = client;
    this.#writes = writes;
  }

  /**
   * Writes the status of the very version that was decided on.
   * @param limits how long it may take, and whether our own limits of writes hold it up
   * @throws ApiError 409 when the object has changed meanwhile: the decision is void, observe again
   * @throws RefusedWrite when a person must mend something first
   */
  async writeStatus(
    release: KubeObject,
    status: CanaryReleaseStatus,
    limits: Pick<WriteOptions, 'urgent' | 'timeoutMs'>,
  ): Promise<KubeObject> {
    const object: KubeObject & { status: CanaryReleaseStatus } = { ...release, status };
    const options = { subresource: 'status', fieldManager: FIELD_MANAGER, ...limits };
    try {
      const written = await this.#client.update<KubeObject>(canaryReleases, object, options);
      this.#writes.wrote(keyOf(release.metadata), canaryReleases, written);
      return written;
    } catch (error) {
      throw refusal(error, 'writing its status', "install the CRDs of this operator's version") ?? error;
    }
  }

  /**
   * Makes sure that the version of the release that was decided on is still the present one. The write of a status does so
   * by itself; an effect alone would not, and who has taken the lease over with a cache that lags would do once more what
   * was taken back.
   * @throws ApiError 409 when it is not: the decision is void, observe again; 404 when the release is gone
   */
  async confirm({ metadata }: KubeObject): Promise<void> {
    const live = await this.#client.get<KubeObject>(canaryReleases, metadata);
    const { uid, resourceVersion } = live.metadata;
    if (uid === metadata.uid && resourceVersion === metadata.resourceVersion) return;
    throw new ApiError(409, 'Conflict', `CanaryRelease ${metadata.name} has changed since it was looked at`);
  }

  /**
   * True when the API server itself says that nobody has told this command yet what came of it. A cache that lags, as that of
   * who has just taken the lease over, may show one as new that was obeyed long ago. Who may not look believes the cache.
   * @throws ApiError when the API server does not answer
   */
  async isWaiting(namespace: string, { name, uid }: PendingCommand): Promise<boolean> {
    try {
      const live = await this.#client.get<ReleaseCommand>(releaseCommands, { namespace, name });
      return live.metadata.uid === uid && live.status?.phase === undefined;
    } catch (error) {
      if (isApiError(error, 404)) return false;
      if (isApiError(error, 403)) return true;
      throw error;
    }
  }

  /** Removes the finalizer of an object that cannot be understood: its routes go with it, by their owner references. */
  async letGo(object: KubeObject): Promise<void> {
    await this.#setFinalizers(
      object,
      (object.metadata.finalizers ?? []).filter((name) => name !== FINALIZER),
    );
  }

  /**
   * @throws RefusedWrite when a person must mend something first
   * @throws ApiError otherwise; a conflict means: observe again
   */
  async perform(effect: Effect, gathered: Gathered): Promise<void> {
    const { release } = gathered;
    try {
      await this.#perform(effect, gathered);
    } catch (error) {
      throw refusal(error, [effect.kind, ...deploymentName(effect, release)].join(' ')) ?? error;
    }
  }

  async #perform(effect: Effect, gathered: Gathered): Promise<void> {
    const { release, istio } = gathered;
    switch (effect.kind) {
      case 'addFinalizer':
        return this.#setFinalizers(release, [...(release.metadata.finalizers ?? []), FINALIZER]);
      case 'removeFinalizer':
        return this.#setFinalizers(
          release,
          (release.metadata.finalizers ?? []).filter((name) => name !== FINALIZER),
        );
      case 'applyService':
        return this.#apply(services, release, serviceOf(release));
      case 'applyDeployment':
        return this.#apply(deployments, release, deploymentOf(release, effect.revision, effect.replicas));
      case 'scaleDeployment':
        return this.#scale(gathered, effect.revision, effect.replicas);
      case 'deleteDeployment':
        return this.#delete(deployments, release, gathered.deployments[effect.revision]);
      case 'applyBaseline':
        return this.#applyBaseline(gathered, effect);
      case 'deleteBaseline':
        return this.#delete(deployments, release, gathered.baselines[effect.name]?.deployment);
      case 'route':
        return this.#routing(release, istioRouter.plan(release, effect, istio), effect.urgent);
      case 'unroute':
        return this.#routing(release, istioRouter.remove(release, istio), false);
      case 'createJob':
        return this.#createJob(gathered, effect);
      case 'deleteJob':
        return this.#delete(jobs, release, gathered.jobs[effect.name]);
      case 'keepReport':
        return this.#keepReport(gathered, effect);
      case 'finishCommand':
      case 'deleteCommand':
        return this.answer(keyOf(release.metadata), effect);
    }
  }

  async #applyBaseline(
    { release, deployments: known }: Gathered,
    effect: Extract<Effect, { kind: 'applyBaseline' }>,
  ): Promise<void> {
    const stable = known[effect.revision];
    if (stable === undefined) return;
    await this.#apply(deployments, release, baselineDeployment(release, stable, effect));
  }

  async #createJob(
    { release, metrics, observed }: Gathered,
    { metric: name, name: job, revision, startedAt }: Extract<Effect, { kind: 'createJob' }>,
  ): Promise<void> {
    const metric = metrics.values.find((one) => one.name === name);
    // Changed meanwhile: the next pass knows nothing of this measurement any more.
    if (metric?.spec.job === undefined) return;
    const { observedAt } = observed.status.step ?? {};
    const windowMs = observedAt === undefined ? 0 : Date.parse(startedAt) - Date.parse(observedAt);
    const measure = measureOf(metric, metrics.facts, windowMs);
    if (measure.kind === 'job') await this.#apply(jobs, release, jobOf(release, job, revision, measure.spec));
  }

  async #setFinalizers(release: KubeObject, finalizers: string[]): Promise<void> {
    const { metadata } = release;
    const patched = await this.#client.patch(
      canaryReleases,
      metadata,
      'merge',
      { metadata: { finalizers, resourceVersion: metadata.resourceVersion, uid: metadata.uid } },
      { fieldManager: FIELD_MANAGER },
    );
    // The removal of the last finalizer deletes the object.
    if (finalizers.length === 0 && metadata.deletionTimestamp !== undefined) {
      this.#writes.deleted(keyOf(metadata), canaryReleases, patched);
    } else this.#writes.wrote(keyOf(metadata), canaryReleases, patched);
  }

  /**
   * Server-side apply of an object that this release owns. Caches may not show an object of someone else (informers select
   * by label), and may be behind, so the API server is asked first.
   */
  async #apply(
    type: ResourceType,
    release: CanaryRelease,
    intent: KubeObject,
    urgent = false,
  ): Promise<void> {
    const { metadata } = intent;
    const live = await this.#client.get<KubeObject>(type, metadata).catch((error: unknown) => {
      if (isApiError(error, 404)) return undefined;
      throw error;
    });
    if (live !== undefined && !isOwnedBy(live, release)) {
      throw new RefusedWrite({
        reason: 'NameConflict',
        message: `${type.kind} ${metadata.name} exists and does not belong to CanaryRelease ${release.metadata.name}: delete or rename it`,
      });
    }
    const { resourceVersion } = live?.metadata ?? {};
    const precondition = resourceVersion === undefined ? {} : { resourceVersion };
    const applied = await this.#client
      .patch<KubeObject>(
        type,
        metadata,
        'apply',
        { ...intent, metadata: { ...metadata, ...precondition } },
        { fieldManager: FIELD_MANAGER, force: live !== undefined, urgent },
      )
      .catch((error: unknown) => {
        throw isUnserved(error, type) ? unserved(type, error) : error;
      });
    this.#writes.wrote(keyOf(release.metadata), type, applied);
  }

  async #scale(gathered: Gathered, revision: string, replicas: number): Promise<void> {
    const deployment = gathered.deployments[revision];
    if (deployment === undefined) return;
    const { uid, resourceVersion } = deployment.metadata;
    const scaled = await this.#client.patch<KubeObject>(
      deployments,
      deployment.metadata,
      'merge',
      { metadata: { uid, resourceVersion }, spec: { replicas } },
      { fieldManager: FIELD_MANAGER },
    );
    this.#writes.wrote(keyOf(gathered.release.metadata), deployments, scaled);
  }

  /** Beside what is applied, and so never taken away by an apply. */
  async #keepReport(
    { release, deployments: known }: Gathered,
    { revision, report }: Extract<Effect, { kind: 'keepReport' }>,
  ): Promise<void> {
    const deployment = known[revision];
    if (deployment === undefined) return;
    const { uid, resourceVersion } = deployment.metadata;
    const annotations = { [ANNOTATIONS.report]: keptReport(report.release.startedAt, packJson(report)) };
    const kept = await this.#client.patch<KubeObject>(
      deployments,
      deployment.metadata,
      'merge',
      { metadata: { uid, resourceVersion, annotations } },
      { fieldManager: FIELD_MANAGER, timeoutMs: REPORT_MS },
    );
    this.#writes.wrote(keyOf(release.metadata), deployments, kept);
  }

  async #delete(type: ResourceType, release: CanaryRelease, object: KubeObject | undefined): Promise<void> {
    if (object === undefined) return;
    const { uid, resourceVersion } = object.metadata;
    await this.#client
      .delete(type, object.metadata, {
        propagationPolicy: 'Background',
        preconditions: {
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
      })
      .catch((error: unknown) => {
        if (!isApiError(error, 404)) throw error;
      });
    this.#writes.deleted(keyOf(release.metadata), type, object);
  }

  async #routing(
    release: CanaryRelease,
    write: TrafficWrite<VirtualService | DestinationRule> | undefined,
    urgent: boolean,
  ): Promise<void> {
    if (write === undefined) return;
    const type = write.object.kind === 'VirtualService' ? virtualServices : destinationRules;
    return write.kind === 'apply'
      ? this.#apply(type, release, write.object, urgent)
      : this.#delete(type, release, write.object);
  }

  /**
   * Tells a ReleaseCommand what came of it, or deletes it.
   * @param key the release's, whose passes wait until the caches show it
   */
  async answer(key: string, effect: CommandEffect): Promise<void> {
    const [namespace = ''] = key.split('/');
    const ref = { namespace, name: effect.name };
    try {
      if (effect.kind === 'deleteCommand') {
        await this.#client.delete(releaseCommands, ref, { preconditions: { uid: effect.uid } });
        return;
      }
      const live = await this.#client.get<ReleaseCommand>(releaseCommands, ref);
      const { metadata } = live;
      if (metadata.uid !== effect.uid) return;
      if (live.status?.phase !== undefined) {
        // Told before, by a process that had no answer to it, say: the caches will show it.
        this.#writes.wrote(key, releaseCommands, live);
        return;
      }
      const { phase, message, at: finishedAt } = effect;
      // Of a write to a status API servers check the version, and not the uid.
      const { uid, resourceVersion } = metadata;
      const patch = { metadata: { uid, resourceVersion }, status: { phase, message, finishedAt } };
      const options = { subresource: 'status', fieldManager: FIELD_MANAGER };
      const told = await this.#client.patch<KubeObject>(releaseCommands, ref, 'merge', patch, options);
      this.#writes.wrote(key, releaseCommands, told);
    } catch (error) {
      // Deleted meanwhile, or another one has its name now: nobody is left to be told.
      const isGone = isApiError(error, 404) || (effect.kind === 'deleteCommand' && isApiError(error, 409));
      if (!isGone) throw error;
    }
  }
}

/** True where the answer is about the kind, which the cluster has lost, and not about an object. */
function isUnserved(error: unknown, { group }: ResourceType): boolean {
  return group === ISTIO && isApiError(error, 404) && error.body?.details?.kind === undefined;
}

function unserved(type: ResourceType, cause: unknown): RefusedWrite {
  const message = `this cluster does not serve ${type.kind} (${apiVersionOf(type)}) any more: install Istio and its CRDs`;
  return new RefusedWrite({ reason: 'RouterMissing', message }, cause);
}

/** An API server answers with 500 to what it cannot decode, such as a number where text belongs. */
const UNDECODABLE = /typed patch object|quantities must match|cannot unmarshal|duplicate entries for key/;

/** Of the Deployment that an effect is about. */
function deploymentName(effect: Effect, { metadata: { name } }: CanaryRelease): string[] {
  if (effect.kind === 'applyBaseline') return [baselineName(name, effect.revision, effect.attempt)];
  return 'revision' in effect ? [workloadName(name, effect.revision)] : [];
}

/**
 * What a person must mend, for the answers that trying again cannot change.
 * @param what was tried
 * @param mend what to do about an object that is invalid
 */
function refusal(error: unknown, what: string, mend = 'mend spec accordingly'): RefusedWrite | undefined {
  if (!isApiError(error)) return undefined;
  if (error.code === 403) {
    const forbidden = error.reason === 'Forbidden' && error.message.includes('cannot ');
    return new RefusedWrite(
      forbidden
        ? {
            reason: 'PermissionDenied',
            message: `${what}: ${error.message}; give the operator's ClusterRole this permission`,
          }
        : { reason: 'ApiWriteFailed', message: `${what} was refused: ${error.message}` },
      error,
    );
  }
  const isUndecodable = error.code === 500 && UNDECODABLE.test(error.message);
  if (error.code === 400 || error.code === 422 || isUndecodable) {
    return new RefusedWrite(
      {
        reason: 'ApiWriteFailed',
        message: `${what} was refused as invalid: ${error.message}; ${mend}`,
      },
      error,
    );
  }
  return undefined;
}
