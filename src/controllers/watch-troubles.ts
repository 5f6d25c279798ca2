import { GROUP } from '../api/index.ts';
import { type ResourceType, apiVersionOf, isApiError } from '../kube/types.ts';

/** What is to be told of watches. */
export interface WatchTroublesOptions {
  /** A sentence for people. */
  readonly say: (level: 'info' | 'warn', sentence: string) => void;
  /** Something that no API server answers: a fault of this program. */
  readonly onError: (error: unknown, where: string) => void;
}

const ISTIO = 'networking.istio.io';

/**
 * Watches fail again and again while the API server is away or a kind is missing. Of each kind this says once what is
 * wrong, once more when that changes, and once when it is over.
 */
export class WatchTroubles {
  readonly #options: WatchTroublesOptions;
  /** By kind, what was said last. */
  readonly #known = new Map<string, string>();

  constructor(options: WatchTroublesOptions) {
    this.#options = options;
  }

  failed(type: ResourceType, error: unknown): void {
    const name = nameOf(type);
    const sort = isApiError(error) ? String(error.code) : String(error);
    if (this.#known.get(name) === sort) return;
    this.#known.set(name, sort);
    if (isApiError(error)) this.#options.say('warn', sentenceOf(type, error.code, error.message));
    else this.#options.onError(error, `watch of ${name}`);
  }

  recovered(type: ResourceType): void {
    const name = nameOf(type);
    if (this.#known.delete(name)) this.#options.say('info', `${name} can be watched now`);
  }
}

function sentenceOf(type: ResourceType, code: number, message: string): string {
  switch (code) {
    case 404:
      return `this cluster does not serve ${nameOf(type)} (${apiVersionOf(type)}): ${mendOf(type)}`;
    case 403:
      return `${message}; give the operator's ClusterRole this permission`;
    default:
      return `${message}; until that is over, what is known of ${nameOf(type)} may be out of date`;
  }
}

function mendOf({ group }: ResourceType): string {
  switch (group) {
    case GROUP:
      return 'install the CRDs of Songbird (kubectl apply -k config/); what needs them waits until they are there';
    case ISTIO:
      return 'install Istio and its CRDs; releases with spec.traffic.istio wait until they are there';
    default:
      return 'nothing is done until it does';
  }
}

function nameOf({ plural, group }: ResourceType): string {
  return group === '' ? plural : `${plural}.${group}`;
}
