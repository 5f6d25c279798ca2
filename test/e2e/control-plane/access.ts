import { Agent, request } from 'undici';

/** How to reach an API server: what a kubeconfig says, in plain fields. */
export interface ServerAccess {
  readonly url: string;
  /** PEM of the certificate to trust; none where the server speaks plain HTTP. */
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const agents = new Map<string | undefined, Agent>();

/** One HTTP call with a JSON answer (or text where the server answers text). Rejects when there is no answer. */
export async function call(
  server: ServerAccess,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await request(server.url + path, {
    method,
    dispatcher: agentFor(server.ca),
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    headers: {
      'content-type': 'application/json',
      ...(server.token === undefined ? {} : { authorization: `Bearer ${server.token}` }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.body.text();
  const json = String(response.headers['content-type']).startsWith('application/json');
  return { status: response.statusCode, body: json ? (JSON.parse(text) as unknown) : text };
}

/** Closes the connections that {@link call} keeps to servers with this certificate. */
export async function disconnect(server: ServerAccess): Promise<void> {
  const agent = agents.get(server.ca);
  agents.delete(server.ca);
  await agent?.destroy();
}

/** A kubeconfig with one context, as JSON, which every reader of YAML takes. */
export function kubeconfigOf(server: ServerAccess, user = 'admin', namespace = 'default'): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'songbird-test',
          cluster: {
            server: server.url,
            ...(server.ca === undefined
              ? {}
              : { 'certificate-authority-data': Buffer.from(server.ca).toString('base64') }),
          },
        },
      ],
      users: [{ name: user, user: { token: server.token } }],
      contexts: [{ name: user, context: { cluster: 'songbird-test', user, namespace } }],
      'current-context': user,
    },
    undefined,
    2,
  );
}

function agentFor(ca: string | undefined): Agent {
  const known = agents.get(ca);
  if (known !== undefined) return known;
  const agent = new Agent(ca === undefined ? {} : { connect: { ca } });
  agents.set(ca, agent);
  return agent;
}
