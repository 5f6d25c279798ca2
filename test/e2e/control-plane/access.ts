import { Agent, request } from 'undici';

/** How to reach an API server: what a kubeconfig says, in plain fields. */
export interface ServerAccess {
  readonly url: string;
  /** PEM of the certificate to trust; none where the server speaks plain HTTP. */
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  /** PEM of a client certificate and of its key, where the server knows us by these. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const agents = new Map<string, Agent>();

/** One HTTP call with a JSON answer (or text where the server answers text). Rejects when there is no answer. */
export async function call(
  server: ServerAccess,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await request(server.url + path, {
    method,
    dispatcher: agentFor(server),
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

/** Closes the connections that {@link call} keeps to servers with these certificates. */
export async function disconnect(server: ServerAccess): Promise<void> {
  const agent = agents.get(certificatesOf(server));
  agents.delete(certificatesOf(server));
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
            'certificate-authority-data': base64(server.ca),
          },
        },
      ],
      users: [
        {
          name: user,
          user: {
            token: server.token,
            'client-certificate-data': base64(server.cert),
            'client-key-data': base64(server.key),
          },
        },
      ],
      contexts: [{ name: user, context: { cluster: 'songbird-test', user, namespace } }],
      'current-context': user,
    },
    undefined,
    2,
  );
}

/** Connections are known to the server by their certificate, so that different ones must not share any. */
function agentFor(server: ServerAccess): Agent {
  const known = agents.get(certificatesOf(server));
  if (known !== undefined) return known;
  const agent = newAgent(server);
  agents.set(certificatesOf(server), agent);
  return agent;
}

/** Connections to this server, with the certificates of its access. */
export function newAgent({ ca, cert, key }: ServerAccess): Agent {
  return new Agent({ connect: { ca, cert, key } });
}

function certificatesOf({ ca, cert, key }: ServerAccess): string {
  return JSON.stringify([ca, cert, key]);
}

function base64(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString('base64');
}
