import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../kube/clock.ts';
import type { ApiClient } from '../../kube/types.ts';
import { GROUP } from '../../api/names.ts';
import type { Access, Person } from './access.ts';

/** Somebody who is let in. */
export interface Visitor {
  readonly name: string;
  /** Whether they may see releases of a namespace, or of all where none is named. */
  readonly maySee: (namespace: string | undefined) => Promise<boolean>;
  /** Whether they may give commands there. */
  readonly mayCommand: (namespace: string) => Promise<boolean>;
  /** Writes as they would. */
  readonly client: () => ApiClient;
}

/** Decides who is let in. */
export interface Gate {
  /** Who asks; undefined where they must show who they are first. */
  visitor(request: IncomingMessage): Promise<Visitor | undefined>;
  /** Takes a token for a session. @returns its cookie; undefined where nobody knows the token */
  open(token: string): Promise<string | undefined>;
  /** Ends the session of a request. */
  close(request: IncomingMessage): void;
}

/** A person's own server: whoever reaches it is that person, with the rights of their kubeconfig. */
export class OwnGate implements Gate {
  readonly #visitor: Visitor;

  constructor(client: ApiClient) {
    const always = () => Promise.resolve(true);
    // What they may not do, the API server refuses.
    this.#visitor = { name: 'you', maySee: always, mayCommand: always, client: () => client };
  }

  visitor(): Promise<Visitor> {
    return Promise.resolve(this.#visitor);
  }

  open(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): void {
    // There is no session.
  }
}

export const COOKIE = 'songbird-session';

/** A session ends after so long, however much it is used (ms). */
const LONGEST_MS = 8 * 3_600_000;
/** A token is shown to the API server again so often (ms): it may have been taken back. */
const REVIEWED_MS = 60_000;

interface Session {
  readonly token: string;
  readonly until: number;
  reviewedAt: number;
  person: Person;
}

/** The cluster's server: people show a token of the cluster, in a session or with each request. */
export class ClusterGate implements Gate {
  readonly #access: Access;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #clientOf: (token: string) => ApiClient;
  readonly #sessions = new Map<string, Session>();

  /** @param clientOf one that acts with a token */
  constructor(access: Access, clock: Pick<Clock, 'monotonic'>, clientOf: (token: string) => ApiClient) {
    this.#access = access;
    this.#clock = clock;
    this.#clientOf = clientOf;
  }

  async visitor(request: IncomingMessage): Promise<Visitor | undefined> {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      const person = await this.#access.whose(bearer);
      return person === undefined ? undefined : this.#visitorOf(person, bearer);
    }
    const id = sessionIn(request);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || session === undefined) return undefined;
    const isKnown = await this.#review(session);
    if (!isKnown) this.#sessions.delete(id);
    return isKnown ? this.#visitorOf(session.person, session.token) : undefined;
  }

  async open(token: string): Promise<string | undefined> {
    const person = await this.#access.whose(token);
    if (person === undefined) return undefined;
    const now = this.#clock.monotonic();
    for (const [id, { until }] of this.#sessions) if (until <= now) this.#sessions.delete(id);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(id, { token, person, until: now + LONGEST_MS, reviewedAt: now });
    return id;
  }

  close(request: IncomingMessage): void {
    const id = sessionIn(request);
    if (id !== undefined) this.#sessions.delete(id);
  }

  async #review(session: Session): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (session.until <= now) return false;
    if (now - session.reviewedAt < REVIEWED_MS) return true;
    const person = await this.#access.whose(session.token);
    if (person === undefined) return false;
    session.person = person;
    session.reviewedAt = now;
    return true;
  }

  #visitorOf(person: Person, token: string): Visitor {
    const may = (verb: string, resource: string) => (namespace: string | undefined) =>
      this.#access.may(person, { verb, group: GROUP, resource, namespace });
    return {
      name: person.name,
      maySee: may('list', 'canaryreleases'),
      mayCommand: may('create', 'releasecommands'),
      client: () => this.#clientOf(token),
    };
  }
}

function sessionIn({ headers }: IncomingMessage): string | undefined {
  const cookies = (headers.cookie ?? '').split(/;\s*/);
  return cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}
