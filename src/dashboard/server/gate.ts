import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ReleaseCommand } from '../../api/index.ts';
import { releaseCommands } from '../../api/resources.ts';
import type { Clock } from '../../kube/clock.ts';
import { type ApiClient, type ObjectRef, isApiError } from '../../kube/types.ts';
import { whoAmI } from '../../kube/who.ts';
import type { Access, Attributes, Person } from './access.ts';

/** Somebody who is let in. */
export interface Visitor {
  readonly name: string;
  /** The user that the API server takes them for; undefined where it does not say. */
  user(): Promise<string | undefined>;
  /** They came by a session, which they can end. */
  readonly hasSession: boolean;
  /** Whether they may do something. @throws ApiError where the API server does not say */
  may(attributes: Attributes): Promise<boolean>;
  /** Gives an order as they would. @throws ApiError */
  order(command: ReleaseCommand): Promise<ReleaseCommand>;
  /** Reads an order as they would. @throws ApiError */
  ordered(ref: ObjectRef): Promise<ReleaseCommand>;
}

/** Decides who is let in. */
export interface Gate {
  /** Who asks; undefined where they must show who they are first. @throws ApiError */
  visitor(request: IncomingMessage): Promise<Visitor | undefined>;
  /** Takes a token for a session. @returns its cookie; undefined where nobody knows the token @throws ApiError */
  open(token: string): Promise<string | undefined>;
  /** Ends the session of a request. */
  close(request: IncomingMessage): void;
}

/** A person's own server: whoever reaches it is that person, with the rights of their kubeconfig. */
export class OwnGate implements Gate {
  readonly #visitor: Visitor;

  constructor(client: ApiClient, access: Access) {
    let user: Promise<string | undefined> | undefined;
    this.#visitor = {
      name: 'your kubeconfig',
      user: () => (user ??= whoAmI(client)),
      hasSession: false,
      may: async (attributes) => {
        // What the informer of their own client has listed they may see.
        if (attributes.resource === 'canaryreleases') return true;
        try {
          return await access.may('self', attributes);
        } catch (error) {
          // A server that cannot say is asked by doing.
          if (isApiError(error)) return true;
          throw error;
        }
      },
      order: (command) => client.create(releaseCommands, command),
      ordered: (ref) => client.get(releaseCommands, ref),
    };
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
const REVIEWED_MS = 30_000;
/** The oldest ends when there are more: whoever signs in again and again must not fill the memory. */
const MOST_SESSIONS = 5000;

interface Session {
  readonly token: string;
  readonly until: number;
  reviewedAt: number;
  person: Person;
}

/** What acts with a token, and is closed when it has. */
export type TokenClient = Pick<ApiClient, 'create' | 'get'> & { close(): Promise<void> };

/** The cluster's server: people show a token of the cluster, in a session or with each request. */
export class ClusterGate implements Gate {
  readonly #access: Access;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #clientOf: (token: string) => TokenClient;
  readonly #sessions = new Map<string, Session>();

  constructor(access: Access, clock: Pick<Clock, 'monotonic'>, clientOf: (token: string) => TokenClient) {
    this.#access = access;
    this.#clock = clock;
    this.#clientOf = clientOf;
  }

  async visitor(request: IncomingMessage): Promise<Visitor | undefined> {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      const person = await this.#access.whose(bearer);
      return person === undefined ? undefined : this.#visitorOf(person, bearer, false);
    }
    const id = sessionIn(request);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || session === undefined) return undefined;
    const isKnown = await this.#review(session);
    if (!isKnown) this.#sessions.delete(id);
    return isKnown ? this.#visitorOf(session.person, session.token, true) : undefined;
  }

  async open(token: string): Promise<string | undefined> {
    const person = await this.#access.whose(token);
    if (person === undefined) return undefined;
    const now = this.#clock.monotonic();
    for (const [id, { until }] of this.#sessions) if (until <= now) this.#sessions.delete(id);
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= MOST_SESSIONS) this.#sessions.delete(oldest);
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

  #visitorOf(person: Person, token: string, hasSession: boolean): Visitor {
    const acting = async <T>(act: (client: TokenClient) => Promise<T>): Promise<T> => {
      const client = this.#clientOf(token);
      try {
        return await act(client);
      } finally {
        await client.close();
      }
    };
    return {
      name: person.name,
      user: () => Promise.resolve(person.name),
      hasSession,
      may: (attributes) => this.#access.may(person, attributes),
      order: (command) => acting((client) => client.create(releaseCommands, command)),
      ordered: (ref) => acting((client) => client.get(releaseCommands, ref)),
    };
  }
}

function sessionIn({ headers }: IncomingMessage): string | undefined {
  const cookies = (headers.cookie ?? '').split(/;\s*/);
  return cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}
