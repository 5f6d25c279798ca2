import { readFile } from 'node:fs/promises';
import type { ServerAccess } from './access.ts';

/** A write that a ServiceAccount sent, as the API server's audit log tells it. */
export interface Written {
  /** When it arrived (ms since the epoch). */
  readonly at: number;
  /** Whose: {@link credentialOf} the access that it was sent with. */
  readonly credential: string;
  readonly verb: string;
  /** `virtualservices shop/reviews`, with a subresource `canaryreleases/status shop/reviews`. */
  readonly what: string;
  /** The HTTP status of the answer. */
  readonly code: number;
}

/** Writes of ServiceAccounts, once each when they are answered, and nothing else. */
export const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'Metadata',
      verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
      userGroups: ['system:serviceaccounts'],
    },
    { level: 'None' },
  ],
};

const CREDENTIAL = 'authentication.kubernetes.io/credential-id';

interface AuditEvent {
  verb: string;
  requestReceivedTimestamp: string;
  user: { extra?: Record<string, string[]> };
  objectRef?: { resource: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/** What the log holds so far. */
export async function readAudit(logFile: string): Promise<Written[]> {
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.endsWith('}'));
  return lines.map((line) => {
    const { verb, requestReceivedTimestamp, user, objectRef, responseStatus } = JSON.parse(
      line,
    ) as AuditEvent;
    const { resource = '', subresource, namespace = '', name = '' } = objectRef ?? {};
    const kind = subresource === undefined ? resource : `${resource}/${subresource}`;
    return {
      at: Date.parse(requestReceivedTimestamp),
      credential: user.extra?.[CREDENTIAL]?.[0] ?? '',
      verb,
      what: `${kind} ${namespace}/${name}`,
      code: responseStatus?.code ?? 0,
    };
  });
}

/** By what the audit log knows the bearer of this token of a ServiceAccount. @throws Error when it is no such token */
export function credentialOf({ token = '' }: Pick<ServerAccess, 'token'>): string {
  const [, payload = ''] = token.split('.');
  const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti?: string };
  if (jti === undefined) throw new Error("the token has no id: it is none of a ServiceAccount's");
  return `JTI=${jti}`;
}
