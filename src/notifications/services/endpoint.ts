import { createHmac } from 'node:crypto';
import type { Endpoint, Moment } from '../../api/index.ts';
import { iso } from '../../core/model.ts';
import type { Notice } from '../notice.ts';
import { PLAIN, textOf } from '../text.ts';
import { type Draft, JSON_TYPE, type Service, addressIn, outcomeOf } from './service.ts';

/** The CloudEvents type of each moment. */
const TYPES: Readonly<Record<Moment, string>> = {
  started: 'dev.songbird.release.started',
  step: 'dev.songbird.release.step',
  paused: 'dev.songbird.release.paused',
  held: 'dev.songbird.release.held',
  rollingBack: 'dev.songbird.release.rollingback',
  rolledBack: 'dev.songbird.release.rolledback',
  promoted: 'dev.songbird.release.promoted',
  replaced: 'dev.songbird.release.replaced',
};

/** JSON to an address of the user's own. */
export function webhookService(endpoint: Endpoint): Service {
  return endpointService(endpoint, ({ notice, template }) => ({
    type: JSON_TYPE,
    json: { id: notice.id, type: TYPES[notice.moment], time: iso(notice.at), ...dataOf(notice, template) },
  }));
}

/** A CloudEvent 1.0 in structured mode. */
export function cloudEventsService(endpoint: Endpoint): Service {
  return endpointService(endpoint, ({ notice, template }) => ({
    type: 'application/cloudevents+json; charset=utf-8',
    json: {
      specversion: '1.0',
      id: notice.id,
      source: sourceOf(notice),
      type: TYPES[notice.moment],
      subject: notice.release.name,
      time: iso(notice.at),
      datacontenttype: 'application/json',
      data: dataOf(notice, template),
    },
  }));
}

/** The signature of a request, as its receiver makes it anew: of the time (seconds since the epoch), a dot, and the body. */
export function signatureOf(key: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
}

function endpointService(
  endpoint: Endpoint,
  write: (draft: Draft) => { type: string; json: object },
): Service {
  const { url, urlSecretRef, hmacSecretRef, bearerTokenSecretRef, caSecretRef } = endpoint;
  return {
    updates: false,
    secrets: [urlSecretRef, hmacSecretRef, bearerTokenSecretRef, caSecretRef].filter(
      (ref) => ref !== undefined,
    ),
    request: (draft) => {
      const { read, now, notice } = draft;
      const { type, json } = write(draft);
      const body = JSON.stringify(json);
      const timestamp = String(Math.floor(now / 1000));
      return {
        method: 'POST',
        url: urlSecretRef === undefined ? (url ?? '') : addressIn(urlSecretRef, read).href,
        headers: {
          'content-type': type,
          'idempotency-key': notice.id,
          ...(bearerTokenSecretRef === undefined
            ? {}
            : { authorization: `Bearer ${read(bearerTokenSecretRef)}` }),
          ...(hmacSecretRef === undefined
            ? {}
            : {
                'x-songbird-timestamp': timestamp,
                'x-songbird-signature': signatureOf(read(hmacSecretRef), timestamp, body),
              }),
        },
        body,
        ...(caSecretRef === undefined ? {} : { tls: { ca: read(caSecretRef) } }),
      };
    },
    outcome: outcomeOf,
  };
}

/** Which release, as a URI reference; with the name of the cluster, where it has one, unique among clusters. */
function sourceOf({ cluster, release }: Notice): string {
  const at = cluster === undefined ? '' : `/clusters/${encodeURIComponent(cluster)}`;
  return `${at}/namespaces/${release.namespace}/canaryreleases/${release.name}`;
}

/** Fields that have no value are left out. */
function dataOf(notice: Notice, template: string | undefined): object {
  const { standing, release, cluster, link, moment } = notice;
  const { attempt, previous, version, step, requests, tookMs, reason, verdict } = standing;
  return {
    moment,
    text: textOf(notice, template, PLAIN),
    cluster,
    release,
    attempt: attempt.number,
    revision: { new: attempt.revision === '' ? undefined : attempt.revision, old: previous, version },
    step,
    reason,
    verdict: verdict === '' ? undefined : verdict,
    requests,
    durationSeconds: tookMs === undefined ? undefined : Math.round(tookMs / 1000),
    link,
  };
}
