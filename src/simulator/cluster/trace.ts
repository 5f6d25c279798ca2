import { type Deployment, LABELS, type ReleaseCommand } from '../../api/index.ts';
import { isOperator } from './process-clock.ts';
import type { Simulation } from './simulation.ts';
import { NAMESPACE, type ReleaseObject } from './truth.ts';
import type { Write } from './true-cluster.ts';

/** What happened, a line each: for people, and to compare runs by. */
export class Trace {
  readonly lines: string[] = [];
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  tell(who: string, what: string): void {
    const seconds = (this.#simulation.clock.monotonic() / 1000).toFixed(3);
    this.lines.push(`${seconds.padStart(9)}  ${who.padEnd(11)} ${this.#named(what)}`);
  }

  wrote(write: Write): void {
    const { user, table, before, after } = write;
    if (table === 'pods') this.#pod(write);
    const what = this.#what(write);
    const verb = after === undefined ? 'deletes' : before === undefined ? 'creates' : 'writes';
    const isTold = table === 'deployments.apps' ? isOperator(user) || user === 'admin' : true;
    if (what !== undefined && isTold) this.tell(user, `${verb} ${what.replaceAll(`${NAMESPACE}/`, '')}`);
  }

  /** The object, and what of it is worth telling. */
  #what({ table, key, before, after }: Write): string | undefined {
    const { truth } = this.#simulation;
    switch (table) {
      case 'canaryreleases.songbird.dev':
        return `the release: ${this.#status(after as ReleaseObject | undefined)}`;
      case 'virtualservices.networking.istio.io':
        return `VirtualService: ${JSON.stringify(truth.weights ?? {})}`;
      case 'destinationrules.networking.istio.io':
        return `DestinationRule: ${truth.subsets.join(' ')}`;
      case 'deployments.apps':
        return `Deployment ${key}: ${(after as Deployment | undefined)?.spec.replicas ?? 0} pods`;
      case 'releasecommands.songbird.dev': {
        const { spec, status } = (after ?? before) as ReleaseCommand;
        return `command ${spec.action} ${spec.revision}: ${status?.phase ?? 'new'} ${status?.message ?? ''}`;
      }
      case 'services':
        return `Service ${key}`;
      default:
        return undefined;
    }
  }

  /** Readiness alone: pods change all the time. */
  #pod({ before, after }: Pick<Write, 'before' | 'after'>): void {
    const [was, is] = [readiness(before), readiness(after)];
    if (was === is) return;
    const revision = (after ?? before)?.metadata.labels?.[LABELS.revision] ?? '';
    const { truth } = this.#simulation;
    this.tell('pods', `${revision}: ${truth.ready(revision)} ready`);
  }

  #status(release: ReleaseObject | undefined): string {
    const {
      phase = '-',
      step,
      stableRevision,
      candidateRevision,
      ending,
      paused,
      attempt,
    } = release?.status ?? {};
    const parts = [
      phase,
      `stable ${stableRevision ?? '-'}`,
      ...(candidateRevision === undefined ? [] : [`candidate ${candidateRevision} #${attempt?.number ?? 0}`]),
      ...(step === undefined ? [] : [`step ${step.weight}% (${step.observedWeight}% observed)`]),
      ...(ending === undefined ? [] : [`ends: ${ending.reason}`]),
      ...(paused === undefined ? [] : [`paused by ${paused.by}`]),
      ...(release?.metadata.deletionTimestamp === undefined ? [] : ['is being deleted']),
    ];
    return parts.join(', ');
  }

  /** With images for hashes. */
  #named(text: string): string {
    let named = text;
    for (const [revision, image] of this.#simulation.truth.images) named = named.replaceAll(revision, image);
    return named;
  }
}

function readiness(object: unknown): string | undefined {
  const { status } = (object ?? {}) as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'False';
}
