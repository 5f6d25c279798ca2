import { API_VERSION } from '../../api/index.ts';
import { canaryReleases, releaseCommands } from '../../api/resources.ts';
import { type Json, type KubeObject, type ResourceType, isApiError } from '../../kube/types.ts';
import { deployments, destinationRules, services, virtualServices } from '../../kube/well-known.ts';
import { mergePatch } from '../../sandbox/cluster/patch.ts';
import { type Edit, type EditedObject, FIRST_IMAGE, type SpecOfPlan, type Who } from './plan.ts';
import type { Simulation } from './simulation.ts';
import { NAMESPACE, RELEASE } from './truth.ts';

const REF = { namespace: NAMESPACE, name: RELEASE };

/** An annotation that nobody but people set. */
export const NOTE = 'example.com/note';

/** What the manifest is to say. */
type Wanted = SpecOfPlan & { readonly image: string };

/** People, GitOps and autoscalers of a plan: carries out its edits at their times. */
export class Editors {
  readonly #simulation: Simulation;
  readonly #happened: (who: string, what: string) => void;
  #spec: Wanted;
  /** A manifest that cannot work is applied on top of the other. */
  #mistakes: Readonly<Record<string, unknown>>[] = [];
  #commands = 0;
  #deleted = false;

  constructor(simulation: Simulation, happened: (who: string, what: string) => void) {
    this.#simulation = simulation;
    this.#happened = happened;
    this.#spec = { ...simulation.plan.spec, image: FIRST_IMAGE };
  }

  /** Applies the first manifest, and sets a timer for each edit. */
  async start(): Promise<void> {
    const { plan, clock, admin } = this.#simulation;
    if (plan.foreignService) {
      const ports = [{ name: 'http', port: 80, targetPort: 80 }];
      await admin.create(services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: RELEASE, namespace: NAMESPACE, annotations: { [NOTE]: 'ours' } },
        spec: { selector: { app: RELEASE }, ports },
      } as KubeObject);
    }
    await this.#apply();
    for (const edit of plan.edits) {
      clock.after(edit.at, () => {
        this.#begin(edit);
      });
    }
  }

  #begin(edit: Edit): void {
    const { at, ...rest } = edit;
    this.#happened('people', JSON.stringify(rest));
    this.#make(edit).catch((error: unknown) => {
      // People make mistakes that the API server refuses.
      if (!isApiError(error)) throw error;
      this.#happened('people', `are told: ${error.message}`);
    });
  }

  #make(edit: Edit): Promise<unknown> {
    switch (edit.edit) {
      case 'image':
        this.#spec = { ...this.#spec, image: edit.image };
        return this.#apply();
      case 'spec':
        this.#spec = merged(this.#spec, edit.change) as Wanted;
        return this.#apply();
      case 'mistake':
        return this.#mistake(edit);
      case 'replace':
        return this.#replace(edit.forMs);
      case 'recreate':
        return this.#recreate(edit.afterMs);
      case 'autoscale':
        return this.#autoscale(edit.replicas);
      case 'command':
        return this.#command(edit.action, this.#revisionOf(edit.who));
      case 'weights':
        return this.#giveWeight(edit.candidate);
      case 'scale':
        return this.#ofDeployment(edit.who, { spec: { replicas: edit.replicas } });
      case 'template':
        return this.#ofDeployment(edit.who, {
          spec: { template: { metadata: { annotations: { [NOTE]: 'x' } } } },
        });
      case 'annotate':
        return this.#annotate(edit.object);
      case 'remove':
        return this.#remove(edit.object);
    }
  }

  #recreate(afterMs: number): Promise<void> {
    this.#deleted = true;
    this.#simulation.clock.after(afterMs, () => {
      this.#deleted = false;
      this.#happened('people', 'apply it again');
      void this.#applyAgain();
    });
    return this.#simulation.admin.delete(canaryReleases, REF);
  }

  #autoscale(replicas: number): Promise<unknown> {
    this.#spec = { ...this.#spec, replicas };
    const options = { subresource: 'scale' };
    return this.#simulation.admin.patch(canaryReleases, REF, 'merge', { spec: { replicas } }, options);
  }

  async #giveWeight(weight: number): Promise<void> {
    const { stableRevision: stable, candidateRevision: candidate } = this.#simulation.truth.status;
    if (stable === undefined || candidate === undefined) return;
    const route = [
      { destination: { host: RELEASE, subset: stable }, weight: 100 - weight },
      { destination: { host: RELEASE, subset: candidate }, weight },
    ].filter((share) => share.weight > 0);
    await this.#merge(virtualServices, RELEASE, { spec: { http: [{ route }] } });
  }

  async #remove(object: EditedObject): Promise<void> {
    const found = this.#named(object);
    if (found !== undefined) await this.#simulation.admin.delete(found.type, found.ref);
  }

  async #replace(forMs: number): Promise<void> {
    const { admin, clock } = this.#simulation;
    await admin.delete(destinationRules, REF);
    const spec = { host: RELEASE, subsets: [{ name: 'theirs', labels: { a: 'b' } }] };
    const { kind, group, version } = destinationRules;
    const metadata = { ...REF, annotations: { [NOTE]: 'ours' } };
    const theirs = { apiVersion: `${group}/${version}`, kind, metadata, spec };
    const { uid = '' } = (await admin.create<KubeObject>(destinationRules, theirs)).metadata;
    clock.after(forMs, () => {
      admin.delete(destinationRules, REF, { preconditions: { uid } }).catch((error: unknown) => {
        if (!isApiError(error)) throw error;
        this.#happened('people', `are told: ${error.message}`);
      });
    });
  }

  /** While the old one is being deleted a new one cannot be made: GitOps tries until it can. */
  async #applyAgain(): Promise<void> {
    const { truth, clock } = this.#simulation;
    if (truth.release?.metadata.deletionTimestamp === undefined) return this.#apply();
    clock.after(1000, () => {
      void this.#applyAgain();
    });
  }

  async #mistake({ change, forMs }: Extract<Edit, { edit: 'mistake' }>): Promise<void> {
    this.#mistakes = [...this.#mistakes, change];
    this.#simulation.clock.after(forMs, () => {
      this.#mistakes = this.#mistakes.filter((mistake) => mistake !== change);
      this.#happened('people', 'mend the manifest');
      this.#apply().catch((error: unknown) => {
        if (!isApiError(error)) throw error;
        this.#happened('people', `are told: ${error.message}`);
      });
    });
    return this.#apply();
  }

  async #apply(): Promise<void> {
    if (this.#deleted) return;
    const { image, ...spec } = this.#spec;
    const least = {
      template: { spec: { containers: [{ name: 'app', image }] } },
      service: { name: RELEASE, port: 80, portName: 'http' },
      traffic: { istio: { hosts: [RELEASE] } },
    };
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'CanaryRelease',
      metadata: { ...REF, annotations: { [NOTE]: 'ours' } },
      spec: [spec, ...this.#mistakes].reduce<unknown>(merged, least),
    };
    const options = { fieldManager: 'gitops', force: true };
    await this.#simulation.admin.patch(canaryReleases, REF, 'apply', manifest, options);
  }

  async #command(action: string, revision: string | undefined): Promise<void> {
    if (revision === undefined) return;
    this.#commands += 1;
    const command = {
      apiVersion: API_VERSION,
      kind: 'ReleaseCommand',
      metadata: { namespace: NAMESPACE, name: `${action.toLowerCase()}-${this.#commands}` },
      spec: { release: RELEASE, revision, action },
    };
    await this.#simulation.admin.create(releaseCommands, command);
  }

  #revisionOf(who: Who): string | undefined {
    const { truth } = this.#simulation;
    const { status } = truth;
    switch (who) {
      case 'stable':
        return status.stableRevision;
      case 'candidate':
        return status.candidateRevision;
      case 'rejected':
        return status.rejected?.revision;
      case 'retired':
        return status.retired?.[0]?.revision;
      case 'target':
        return [...truth.images].find(([, image]) => image === this.#spec.image)?.[0];
    }
  }

  #deploymentOf(who: Who): string | undefined {
    const revision = this.#revisionOf(who);
    return [...this.#simulation.truth.deployments.values()].find((one) => one.revision === revision)?.name;
  }

  async #ofDeployment(who: Who, patch: unknown): Promise<void> {
    const name = this.#deploymentOf(who);
    if (name !== undefined) await this.#merge(deployments, name, patch);
  }

  async #merge(type: ResourceType, name: string, patch: unknown): Promise<KubeObject> {
    const options = { fieldManager: 'kubectl-edit' };
    return this.#simulation.admin.patch(type, { namespace: NAMESPACE, name }, 'merge', patch, options);
  }

  async #annotate(object: EditedObject): Promise<void> {
    const found = this.#named(object);
    if (found === undefined) return;
    const { type, ref } = found;
    await this.#merge(type, ref.name, {
      metadata: { annotations: { [NOTE]: 'ours' }, labels: { [NOTE]: 'ours' } },
    });
  }

  #named(object: EditedObject): { type: ResourceType; ref: { namespace: string; name: string } } | undefined {
    const types = { VirtualService: virtualServices, DestinationRule: destinationRules, Service: services };
    if (object in types) return { type: types[object as keyof typeof types], ref: REF };
    const name = this.#deploymentOf(object === 'Deployment of stable' ? 'stable' : 'candidate');
    return name === undefined ? undefined : { type: deployments, ref: { namespace: NAMESPACE, name } };
  }
}

/** A manifest, changed as by a merge patch. Both are plain JSON, as all of a plan. */
function merged(target: unknown, patch: unknown): unknown {
  return mergePatch(target as Json, patch as Json);
}
