import { stringify } from 'yaml';
import { eventMetrics } from '../../analysis/event-metric.ts';
import {
  type CanaryReleaseSpec,
  type Step,
  durationMs,
  formatDuration,
  formatPercent,
} from '../../api/index.ts';
import { podsFor } from '../../core/steps.ts';
import { type Manifest, readManifest } from '../manifest.ts';
import { commandOf } from '../command.ts';
import { EXIT } from '../shell.ts';
import { OUTPUT_OPTION, UsageError, formatOf } from '../usage.ts';
import { wrapped } from '../view/style.ts';
import { table } from '../view/table.ts';

const HELP = `kubectl songbird explain -f FILE [options]

What a CanaryRelease says, written out: its steps with their pods and times, what passes them, what ends them, and all
defaults. Needs no cluster.

  -f, --file FILE      the manifest; - is standard input
  --release NAME       which CanaryRelease, where the file has several
  -o, --output yaml    the spec with all defaults`;

const COLUMNS = 100;

export const explain = commandOf(
  HELP,
  {
    options: {
      file: { type: 'string', short: 'f' },
      release: { type: 'string' },
      ...OUTPUT_OPTION,
    },
  },
  async ({ values }, { output }) => {
    const { file } = values;
    if (file === undefined) throw new UsageError('which manifest? kubectl songbird explain -f FILE');
    const format = formatOf(values.output, ['yaml', 'json']);
    const manifest = await readManifest(file, values.release);
    const { spec } = manifest;
    if (format === 'json') output.print(JSON.stringify(spec, null, 2));
    else if (format === 'yaml') output.print(stringify(spec).trimEnd());
    else {
      const width = Math.min(COLUMNS, output.columns ?? COLUMNS);
      for (const line of linesOf(manifest, width)) output.print(line);
    }
    return EXIT.done;
  },
);

function linesOf({ name, namespace, spec }: Manifest, width: number): string[] {
  return [
    ...wrapped(`How a new version of ${namespace}/${name} goes out:`, width),
    '',
    ...stepTable(spec, width),
    '',
    ...sentences(spec).flatMap((sentence) =>
      wrapped(sentence, width - 2).map((line, at) => (at === 0 ? `- ${line}` : `  ${line}`)),
    ),
  ];
}

function stepTable({ steps, replicas }: CanaryReleaseSpec, width: number): string[] {
  let earliest = 0;
  const rows = steps.map((step, index) => {
    const row = [
      String(index + 1),
      `${step.weight}%`,
      `${100 - step.weight}%`,
      String(podsFor(step.weight, replicas)),
      watchedText(step),
      earliest === 0 ? 'at once' : formatDuration(earliest),
    ];
    earliest += step.for === undefined ? 0 : durationMs(step.for);
    return row;
  });
  return table(['STEP', 'NEW', 'STABLE', 'NEW PODS', 'WATCHED', 'AFTER'], rows, width);
}

function watchedText({ for: dwell, pause }: Step): string {
  const time = dwell === undefined ? 'until it passes' : formatDuration(durationMs(dwell));
  return pause === true ? `${time}, then until a person resumes` : time;
}

function sentences(spec: CanaryReleaseSpec): string[] {
  const { analysis, progressDeadline, scaleDownDelay, revisionHistoryLimit, service, traffic } = spec;
  const { advance, minRequests, onInconclusive, falseRollbacks, tolerance, source } = analysis;
  const own = (analysis.metrics ?? []).length + (analysis.templates ?? []).length;
  const hosts = traffic.istio?.hosts.join(', ') ?? '';
  const early =
    advance === 'onEvidence' ? ', or earlier, once evidence shows that the new version does no harm' : '';
  const undecided =
    onInconclusive === 'pause'
      ? 'pauses for a person when there is no verdict, and is taken back when something else is missing'
      : 'is taken back';
  return [
    `Requests to ${hosts} are split by a VirtualService and a DestinationRule; the Service is ${service.name}, port ${service.port} (${service.portName}).`,
    `Requests are counted ${source === 'proxies' ? "by the pods' own proxies" : 'by Prometheus'}. A step passes when its time is over${early}, at least ${minRequests} requests were served at its weight, and nothing is against it.`,
    ...eventMetrics(analysis).map((metric) => metricSentence(metric, tolerance)),
    ...(own === 0 ? [] : [`${own} more of spec.analysis.metrics and templates must pass at each step.`]),
    `A healthy version is rolled back by mistake in at most ${falseRollbacks} of releases, over all metrics and steps.`,
    `A failing version loses its traffic at once. A step that gets no further within ${formatDuration(durationMs(progressDeadline))} ${undecided}.`,
    `After the last step the old version's pods stay for ${formatDuration(durationMs(scaleDownDelay)) || 'no time'}, and ${revisionHistoryLimit} earlier Deployments without pods, to return to.`,
    ...(analysis.freshBaseline === true
      ? ['Beside the new pods run as many fresh ones of the stable version, to compare with.']
      : []),
  ];
}

function metricSentence(metric: ReturnType<typeof eventMetrics>[number], tolerance: string): string {
  const worse =
    tolerance === '0%'
      ? 'worse than the stable version'
      : `worse than the stable version by more than ${tolerance}`;
  if (metric.kind === 'slow')
    return `${metric.name}: fails with evidence that it is ${worse}, or that more than ${formatPercent(metric.limit)} of requests take longer than ${formatDuration(metric.slowerThanMs)}.`;
  const limit =
    metric.limit === undefined ? '' : `, or that more than ${formatPercent(metric.limit)} of requests fail`;
  return `${metric.name}: fails with evidence that it is ${worse}${limit}.`;
}
