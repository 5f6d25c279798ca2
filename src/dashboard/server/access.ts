import type { Clock } from '../../kube/clock.ts';
import type { ApiClient, KubeObject, ResourceType } from '../../kube/types.ts';

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
const BELIEVED_MS = 30_000;

const review = (group: string, kind: string): ResourceType => ({
  group,
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: false,
});
const tokenReviews = review('authentication.k8s.io', 'TokenReview');
const subjectAccessReviews = review('authorization.k8s.io', 'SubjectAccessReview');

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

  /** @param client one that may create TokenReviews and SubjectAccessReviews (the ClusterRole system:auth-delegator) */
  constructor(client: ApiClient, clock: Pick<Clock, 'monotonic'>) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Whose token it is; undefined where the API server does not know it. @throws ApiError */
  async whose(token: string): Promise<Person | undefined> {
    const { kind } = tokenReviews;
    const asked: TokenReview = {
      apiVersion: 'authentication.k8s.io/v1',
      kind,
      metadata: { name: '' },
      spec: { token },
    };
    const { status } = await this.#client.create<TokenReview>(tokenReviews, asked);
    const { username, uid, groups = [], extra } = status?.user ?? {};
    if (status?.authenticated !== true || username === undefined) return undefined;
    return { name: username, uid, groups, extra };
  }

  /** Whether a person may do something. @throws ApiError */
  may(person: Person, attributes: Attributes): Promise<boolean> {
    const now = this.#clock.monotonic();
    const key = JSON.stringify([person.name, person.groups, attributes]);
    const known = this.#answers.get(key);
    if (known !== undefined && known.until > now) return known.allowed;
    this.#forget(now);
    const allowed = this.#ask(person, attributes);
    this.#answers.set(key, { until: now + BELIEVED_MS, allowed });
    // No answer is none: the next one asks again.
    allowed.catch(() => this.#answers.delete(key));
    return allowed;
  }

  async #ask({ name: user, uid, groups, extra }: Person, attributes: Attributes): Promise<boolean> {
    const { kind } = subjectAccessReviews;
    const spec = { user, uid, groups, extra, resourceAttributes: attributes };
    const asked: AccessReview = { apiVersion: 'authorization.k8s.io/v1', kind, metadata: { name: '' }, spec };
    const { status } = await this.#client.create<AccessReview>(subjectAccessReviews, asked);
    return status?.allowed === true;
  }

  #forget(now: number): void {
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
  }
}
