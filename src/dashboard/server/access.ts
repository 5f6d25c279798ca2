import type { Clock } from '../../kube/clock.ts';
import {
  type ApiClient,
  ApiError,
  type KubeObject,
  type ResourceType,
  isApiError,
} from '../../kube/types.ts';
import { Slots } from './slots.ts';

/** Who somebody is, as the API server says. */
export interface Person {
  readonly name: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>> | undefined;
}

/** What is asked of a person's rights. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Undefined: in all namespaces. */
  readonly namespace: string | undefined;
}

/** An answer is believed for so long (ms): a right that was taken away is gone soon. */
const BELIEVED_MS = 15_000;
/** Questions at a time: who may see a thousand namespaces, or tries tokens, must not keep the API server from the rest. */
const AT_A_TIME = 16;
/** No token is longer. */
const LONGEST_TOKEN = 16 * 1024;

const review = (group: string, kind: string): ResourceType => ({
  group,
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: false,
});
const tokenReviews = review('authentication.k8s.io', 'TokenReview');
const accessReviews = review('authorization.k8s.io', 'SubjectAccessReview');
const ownReviews = review('authorization.k8s.io', 'SelfSubjectAccessReview');

interface TokenReview extends KubeObject {
  readonly spec: { readonly token: string };
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

interface AccessReview extends KubeObject {
  readonly spec: object;
  readonly status?: { readonly allowed?: boolean };
}

/** Asks the API server who a token is of, and what its owner may do, so that a page shows and does what kubectl would. */
export class Access {
  readonly #client: ApiClient;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #answers = new Map<string, { readonly until: number; readonly allowed: Promise<boolean> }>();
  readonly #slots = new Slots(AT_A_TIME);
  #forgottenAt = 0;

  /** @param client one that may create TokenReviews and SubjectAccessReviews (the ClusterRole system:auth-delegator) */
  constructor(client: ApiClient, clock: Pick<Clock, 'monotonic'>) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Whose token it is; undefined where the API server does not know it. @throws ApiError */
  async whose(token: string): Promise<Person | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    const { status } = await this.#review<TokenReview>(tokenReviews, { token });
    const { username, uid, groups = [], extra } = status?.user ?? {};
    if (status?.authenticated !== true || username === undefined) return undefined;
    return { name: username, uid, groups, extra };
  }

  /** Whether a person may do something; `self`: whoever the client is. @throws ApiError */
  may(person: Person | 'self', attributes: Attributes): Promise<boolean> {
    const now = this.#clock.monotonic();
    const key = JSON.stringify([person, attributes]);
    const known = this.#answers.get(key);
    if (known !== undefined && known.until > now) return known.allowed;
    this.#forget(now);
    const allowed = this.#ask(person, attributes);
    this.#answers.set(key, { until: now + BELIEVED_MS, allowed });
    // No answer is none: the next one asks again.
    allowed.catch(() => this.#answers.delete(key));
    return allowed;
  }

  async #ask(person: Person | 'self', resourceAttributes: Attributes): Promise<boolean> {
    const { status } =
      person === 'self'
        ? await this.#review<AccessReview>(ownReviews, { resourceAttributes })
        : await this.#review<AccessReview>(accessReviews, { ...subjectOf(person), resourceAttributes });
    return status?.allowed === true;
  }

  async #review<T extends KubeObject & { spec: object }>(type: ResourceType, spec: T['spec']): Promise<T> {
    const { group, version, kind } = type;
    const asked = { apiVersion: `${group}/${version}`, kind, metadata: { name: '' }, spec } as T;
    try {
      return await this.#slots.run(() => this.#client.create<T>(type, asked));
    } catch (error) {
      if (!isApiError(error, 403)) throw error;
      const mend =
        'bind the ClusterRole system:auth-delegator to its ServiceAccount, as config/dashboard does';
      throw new ApiError(503, error.reason, `the operator may not ask who people are: ${mend}`, {
        cause: error,
      });
    }
  }

  #forget(now: number): void {
    if (now - this.#forgottenAt < BELIEVED_MS) return;
    this.#forgottenAt = now;
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
  }
}

function subjectOf({ name: user, uid, groups, extra }: Person): object {
  return { user, uid, groups, extra };
}
