import type { SecretValue } from '../../analysis/templates/arguments.ts';
import type { Problem, SecretKeyRef } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { type ApiClient, type KubeObject, isApiError } from '../../kube/types.ts';
import { secrets as secretsType } from '../../kube/well-known.ts';

type Secret = KubeObject & { data?: Record<string, string> };

/** How long a Secret counts as known, and how soon one that could not be read is asked for again (ms). */
const FRESH_MS = 60_000;
const RETRY_MS = 5_000;
const MOST_KNOWN = 1000;

interface Entry {
  /** When it was read (monotonic ms); undefined while it never was. */
  at: number | undefined;
  data: Readonly<Record<string, string>> | undefined;
  problem: string | undefined;
  reading: Promise<void> | undefined;
}

export interface SecretsDependencies {
  readonly client: ApiClient;
  readonly clock: Clock;
}

/**
 * The Secrets that analyses name, each asked for by its name when a release needs it. None is watched or listed, so the
 * right to get them is all that the operator needs, and a cluster may leave it out.
 */
export class Secrets {
  readonly #deps: SecretsDependencies;
  readonly #known = new Map<string, Entry>();

  constructor(dependencies: SecretsDependencies) {
    this.#deps = dependencies;
  }

  /** A value as it was last read. */
  lookup(namespace: string, { name, key }: SecretKeyRef): SecretValue {
    const entry = this.#known.get(`${namespace}/${name}`);
    if (entry?.data !== undefined) return valueIn(entry.data, name, key);
    return { problem: unreadable(entry?.problem ?? `Secret ${name} has not been read yet`) };
  }

  /** Reads those that are not known, or not any more, unless they are being read. */
  refresh(namespace: string, names: readonly string[]): Promise<unknown> {
    if (this.#known.size > MOST_KNOWN) this.#known.clear();
    const now = this.#deps.clock.monotonic();
    const reads = [...new Set(names)].flatMap((name) => {
      const id = `${namespace}/${name}`;
      const entry = this.#known.get(id) ?? {
        at: undefined,
        data: undefined,
        problem: undefined,
        reading: undefined,
      };
      this.#known.set(id, entry);
      const age = now - (entry.at ?? -Infinity);
      if (age >= (entry.problem === undefined ? FRESH_MS : RETRY_MS)) {
        entry.reading ??= this.#read(entry, namespace, name).finally(() => {
          entry.reading = undefined;
        });
      }
      return entry.reading ?? [];
    });
    return Promise.all(reads);
  }

  async #read(entry: Entry, namespace: string, name: string): Promise<void> {
    const { client, clock } = this.#deps;
    try {
      const { data = {} } = await client.get<Secret>(secretsType, { namespace, name });
      Object.assign(entry, { data, problem: undefined });
    } catch (error) {
      entry.problem = sentence(error, namespace, name);
      // While the API server is away, what was read before still holds.
      if (isApiError(error, 404) || isApiError(error, 403)) entry.data = undefined;
    }
    entry.at = clock.monotonic();
  }
}

function valueIn(data: Readonly<Record<string, string>>, name: string, key: string): SecretValue {
  const encoded = Object.hasOwn(data, key) ? data[key] : undefined;
  if (encoded === undefined) {
    const keys = Object.keys(data).join(', ');
    return { problem: unreadable(`Secret ${name} has no key ${key}: it has ${keys === '' ? 'none' : keys}`) };
  }
  // Most were made from a file, or by echo.
  return {
    text: Buffer.from(encoded, 'base64')
      .toString('utf8')
      .replace(/\r?\n$/, ''),
  };
}

function sentence(error: unknown, namespace: string, name: string): string {
  if (isApiError(error, 404)) return `Secret ${name} does not exist in namespace ${namespace}: make it`;
  if (isApiError(error, 403)) {
    return `the operator may not read Secret ${name} in namespace ${namespace}: kubectl apply -k config/secrets, or bind the ClusterRole songbird-secrets to it in this namespace`;
  }
  const why = error instanceof Error ? error.message : String(error);
  return `Secret ${name} in namespace ${namespace} can't be read: ${why}`;
}

function unreadable(message: string): Problem {
  return { reason: 'SecretUnreadable', message };
}
