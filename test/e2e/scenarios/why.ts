import type { MetricStatus } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { type Context, expect } from './context.ts';

const SEEN_MS = 10_000;
const BOUNDS = { estimate: 'estimate', atLeast: 'at_least', atMost: 'at_most' } as const;

export interface Event extends KubeObject {
  type?: string;
  reason?: string;
  message?: string;
}

/**
 * Checks that a release which was rolled back by evidence says why, and the same everywhere: in status the counts of both
 * sides, the ratio with its interval, the evidence and its limit, and the sentence, which is an Event too; and in the
 * operator's metrics the same numbers.
 * @returns what status says of this metric
 */
export async function expectExplained(context: Context, name: string): Promise<MetricStatus> {
  const { analysis, rejected } = await context.status();
  const metric = analysis?.metrics.find((entry) => entry.name === name);
  if (metric === undefined) throw new Error(`status says nothing of ${name}: ${JSON.stringify(analysis)}`);
  const { candidate, stable, ratio, evidence, needed, verdict, message } = metric;
  expect('the verdict is Fail', verdict === 'Fail', verdict);
  expect('both sides are counted', candidate.all >= candidate.bad && stable.all > stable.bad, metric);
  // Where the limit decides early, the ratio may still be anything above a little.
  expect('the candidate is seen to be worse', candidate.bad > 0 && (ratio?.atLeast ?? 0) > 0.1, metric);
  expect(
    'the estimate lies in its interval',
    (ratio?.estimate ?? Infinity) >= (ratio?.atLeast ?? 0) &&
      (ratio?.estimate ?? 0) <= (ratio?.atMost ?? Infinity),
    ratio,
  );
  expect('the evidence is above its limit', needed !== undefined && evidence >= needed, metric);
  const sentence =
    /^\S+: [\d,]+ of [\d,]+ on the candidate, [\d,]+ of [\d,]+ on stable( at this weight)?; .*(times as often|over the limit).*; evidence \S+ passed \d+ after [\d.]+ s/;
  // Where the limit decides early, or by the present weight, the sentence says that instead of a ratio nobody knows yet.
  expect('a sentence says it all', sentence.test(message), message);
  expect('it is the reason of the rollback', rejected?.message.includes(message) === true, rejected);
  await expectEvent(
    context,
    (event) =>
      event.type === 'Warning' &&
      event.reason === 'AnalysisFailed' &&
      event.message?.includes(message) === true,
  );
  await expectMeasured(context, metric);
  return metric;
}

/** Waits for an Event of the namespace. */
export async function expectEvent(context: Context, wanted: (event: Event) => boolean): Promise<void> {
  await context.bed.eventually('there is an Event that says so', SEEN_MS, async () =>
    (await eventsOf(context)).some(wanted),
  );
}

/** The Events of the namespace. */
export function eventsOf({ bed, namespace }: Context): Promise<Event[]> {
  return bed.kube.list<Event>('Event', namespace);
}

async function expectMeasured(context: Context, metric: MetricStatus): Promise<void> {
  const { name, candidate, stable, ratio, evidence, needed } = metric;
  const text = await context.operator.metrics();
  const own = { namespace: context.namespace, release: 'shop', metric: name };
  const same = (series: string, labels: Readonly<Record<string, string>>, wanted: number | undefined) => {
    const found = sample(text, series, { ...own, ...labels });
    expect(`${series} ${JSON.stringify(labels)} is as in status`, found === wanted, { found, wanted });
  };
  for (const [side, counts] of Object.entries({ candidate, stable })) {
    same('songbird_analysis_events', { side, kind: 'all' }, counts.all);
    same('songbird_analysis_events', { side, kind: 'bad' }, counts.bad);
  }
  for (const [field, bound] of Object.entries(BOUNDS)) {
    same('songbird_analysis_bad_ratio', { bound }, ratio?.[field as keyof typeof BOUNDS]);
  }
  same('songbird_analysis_evidence_log10', {}, evidence);
  same('songbird_analysis_evidence_needed_log10', {}, needed);
}

/** The value of the series with just these labels in Prometheus's text format. */
function sample(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  for (const line of text.split('\n')) {
    const [, found, inside = '', value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (found !== name) continue;
    const own = [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text_]) => [label, text_]);
    if (JSON.stringify(own.sort()) === wanted) return Number(value);
  }
  return undefined;
}
