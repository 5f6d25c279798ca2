import { durationMs } from '../../api/index.ts';
import type { Facts, Side } from './arguments.ts';
import { renderJob } from './job.ts';
import { renderBody, renderHeader } from './json.ts';
import { type Scope, Unrenderable, partsOf } from './placeholders.ts';
import { renderPromQL } from './promql.ts';
import type { ResolvedMetric } from './resolve.ts';
import { renderUrl } from './url.ts';

/** What is to be done for one measurement. */
export type Measure =
  | { readonly kind: 'prometheus'; readonly query: string }
  | {
      readonly kind: 'web';
      readonly url: string;
      readonly method: 'GET' | 'POST';
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | undefined;
      readonly jsonPath: string | undefined;
      readonly timeoutMs: number;
      /** Must not be shown, should an answer repeat them. */
      readonly secrets: readonly string[];
    }
  | { readonly kind: 'job'; readonly spec: Readonly<Record<string, unknown>> };

/**
 * A measurement of a metric that gives a value, with all placeholders filled in.
 * @param windowMs how long the present weight has been observed
 * @throws Unrenderable
 */
export function measureOf(metric: ResolvedMetric, facts: Facts, windowMs: number): Measure {
  const { spec } = metric;
  const scope = { ...metric.scope, ...scopeOf(facts), ...timesOf(metric, windowMs) };
  if (spec.prometheus !== undefined)
    return { kind: 'prometheus', query: renderPromQL(spec.prometheus.query, scope) };
  if (spec.job !== undefined) {
    return { kind: 'job', spec: renderJob(spec.job.spec, scope) as Readonly<Record<string, unknown>> };
  }
  const { web } = spec;
  if (web === undefined) throw new Error(`${metric.name} gives no value`);
  const headers = (web.headers ?? []).map(({ name, value }) => [
    name.toLowerCase(),
    renderHeader(name, value, scope),
  ]);
  return {
    kind: 'web',
    url: renderUrl(web.url, scope),
    method: web.method,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: web.body === undefined ? undefined : renderBody(web.body, scope),
    jsonPath: web.jsonPath,
    timeoutMs: durationMs(web.timeout),
    secrets: Object.values(scope).flatMap((value) => (value.secret === true ? [value.text] : [])),
  };
}

/**
 * The queries for counters of one side of an event metric. They name the side by `revision`, `workload` or `version`:
 * otherwise both sides would be the same. A fresh baseline has a name of its own in `workload` alone.
 * @throws Unrenderable
 */
export function eventQueries(
  metric: ResolvedMetric,
  facts: Facts,
  side: 'candidate' | 'stable',
): { bad: string; all: string } {
  const { events } = metric.spec;
  if (events === undefined) throw new Error(`${metric.name} counts no events`);
  const own = sideScope('', facts[side]);
  const scope = { ...metric.scope, ...releaseScope(facts), ...own };
  // The pods of a fresh baseline have the revision and the version of all stable ones.
  const byWorkload = facts.release.spec.analysis.freshBaseline === true;
  const names = byWorkload ? ['workload'] : Object.keys(own);
  const render = (name: 'bad' | 'all') => {
    const query = events[name];
    if (!partsOf(query).some((part) => typeof part !== 'string' && names.includes(part.path))) {
      throw new Unrenderable(
        'template',
        byWorkload
          ? `${name} cannot tell the fresh baseline from the other stable pods: name what is to be counted by {{ workload }}, or set spec.analysis.freshBaseline to false`
          : `${name} counts both revisions alike: name the one to be counted by {{ revision }}, {{ workload }} or {{ version }}`,
      );
    }
    return renderPromQL(query, scope);
  };
  return { bad: render('bad'), all: render('all') };
}

function scopeOf(facts: Facts): Scope {
  return {
    ...releaseScope(facts),
    ...sideScope('candidate.', facts.candidate),
    ...sideScope('stable.', facts.stable),
  };
}

function releaseScope({ release: { metadata } }: Facts): Scope {
  return {
    'release.name': { text: metadata.name, type: 'string' },
    'release.namespace': { text: metadata.namespace ?? '', type: 'string' },
  };
}

function sideScope(prefix: string, { revision, workload, version }: Side): Scope {
  return {
    [`${prefix}revision`]: { text: revision, type: 'string' },
    [`${prefix}workload`]: { text: workload, type: 'string' },
    [`${prefix}version`]: { text: version, type: 'string' },
  };
}

function timesOf({ spec }: ResolvedMetric, windowMs: number): Scope {
  return {
    interval: { text: spec.interval, type: 'duration' },
    // A range of less than a second has no samples.
    window: { text: `${Math.max(1, Math.floor(windowMs / 1000))}s`, type: 'duration' },
  };
}
