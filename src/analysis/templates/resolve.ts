import { createHash } from 'node:crypto';
import {
  type AnalysisTemplateSpec,
  type ArgSpec,
  type Checked,
  type MetricSpec,
  type Problem,
  type Reason,
  type SecretKeyRef,
  type TemplateRef,
  durationMs,
} from '../../api/index.ts';
import { BadExpression, compile } from '../values/expression.ts';
import { parseJsonPath } from '../values/json-path.ts';
import type { ValueMetric } from '../values/metric.ts';
import { type Facts, argumentsOf } from './arguments.ts';
import { type Scope, Unrenderable } from './placeholders.ts';
import { eventQueries, measureOf } from './render.ts';

/** A metric of spec.analysis or of one of its templates, with the values of its arguments. */
export interface ResolvedMetric extends ValueMetric {
  /** The arguments' values by path, `args.shop`. */
  readonly scope: Scope;
}

/** All metrics of a release beside the built-in ones, or why they cannot be used. */
export interface Resolution {
  readonly values: readonly ResolvedMetric[];
  readonly events: readonly ResolvedMetric[];
  /** When there is one, nothing of the rest may be used. */
  readonly problems: readonly Problem[];
}

/** The template that a reference names; undefined when there is none. */
export type TemplateLookup = (ref: TemplateRef) => Checked<AnalysisTemplateSpec> | undefined;

interface Source {
  readonly metrics: readonly MetricSpec[];
  readonly args: readonly ArgSpec[];
  readonly ref: TemplateRef | undefined;
  /** Where the release names it. */
  readonly field: string;
  /** Put before the names of its metrics. */
  readonly prefix: string;
}

/**
 * Finds the templates of a release, gives their arguments values, and checks that every metric can be measured with them,
 * so that a release with a wrong one does not even start.
 */
export function resolveMetrics(facts: Facts, lookup: TemplateLookup): Resolution {
  const { analysis } = facts.release.spec;
  const { sources, problems } = sourcesOf(facts, lookup);
  const metrics: ResolvedMetric[] = [];
  for (const source of sources) {
    const filled =
      source.ref === undefined ? undefined : argumentsOf(source.args, source.ref, source.field, facts);
    if (filled !== undefined && filled.problems.length > 0) problems.push(...filled.problems);
    else {
      for (const [index, spec] of source.metrics.entries()) {
        const metric = resolved(spec, source, filled?.scope ?? {});
        problems.push(...problemsOf(metric, source, index, facts));
        metrics.push(metric);
      }
    }
  }
  const watches = analysis.errorRate !== undefined || analysis.latency !== undefined;
  if (problems.length === 0 && !watches && metrics.every(({ spec }) => spec.dryRun === true)) {
    problems.push({
      reason: 'TemplateInvalid',
      message:
        'spec.analysis decides nothing, since all metrics of its templates are dry runs: set errorRate, latency, or a metric that is no dry run',
    });
  }
  return {
    values: metrics.filter(({ spec }) => spec.events === undefined),
    events: metrics.filter(({ spec }) => spec.events !== undefined),
    problems,
  };
}

/** The Secrets that the arguments of a release come from. */
export function secretsOf(facts: Pick<Facts, 'release'>, lookup: TemplateLookup): SecretKeyRef[] {
  return sourcesOf(facts, lookup).sources.flatMap(({ args, ref }) =>
    args
      .filter((arg) => ref?.args === undefined || !Object.hasOwn(ref.args, arg.name))
      .flatMap((arg) => arg.valueFrom?.secretKeyRef ?? []),
  );
}

function sourcesOf({ release }: Pick<Facts, 'release'>, lookup: TemplateLookup) {
  const { templates = [], metrics = [] } = release.spec.analysis;
  const problems: Problem[] = [];
  const sources: Source[] = [{ metrics, args: [], ref: undefined, field: 'spec.analysis', prefix: '' }];
  const seen = new Map<string, number>();
  for (const [index, ref] of templates.entries()) {
    const field = `spec.analysis.templates[${index}]`;
    const template = lookup(ref);
    if (template === undefined) {
      const where =
        ref.kind === 'AnalysisTemplate' ? ` in namespace ${release.metadata.namespace ?? ''}` : '';
      const message = `${field}: there is no ${ref.kind} ${ref.name}${where}: make it, or mend kind and name`;
      problems.push({ reason: 'TemplateNotFound', message });
    } else if (!template.ok) {
      const said = template.problems.map(({ message }) => message).join('; ');
      problems.push({ reason: 'TemplateInvalid', message: `${ref.kind} ${ref.name}: ${said}` });
    } else {
      const times = (seen.get(ref.name) ?? 0) + 1;
      seen.set(ref.name, times);
      const prefix = times === 1 ? `${ref.name}/` : `${ref.name}#${times}/`;
      const { args = [], metrics: own } = template.spec;
      sources.push({ metrics: own, args, ref, field, prefix });
    }
  }
  return { sources, problems };
}

function resolved(spec: MetricSpec, { prefix }: Source, scope: Scope): ResolvedMetric {
  const open = Object.entries(scope).filter(([, value]) => value.secret !== true);
  // Who is weighed, who decides and how much is allowed may change in mid-release; what a measurement means may not.
  const { dryRun, weight, critical, ...meaning } =
    spec.events === undefined ? spec : { ...spec, events: { ...spec.events, max: undefined } };
  const definition = createHash('sha256')
    .update(JSON.stringify([meaning, open]))
    .digest('hex')
    .slice(0, 8);
  const args = Object.fromEntries(
    open.map(([path, { text, type }]): [string, unknown] => {
      const name = path.slice('args.'.length);
      if (type === 'number') return [name, Number(text)];
      if (type === 'duration') return [name, durationMs(text) / 1000];
      return [name, type === 'boolean' ? text === 'true' : text];
    }),
  );
  return { name: `${prefix}${spec.name}`, definition, spec, args, scope };
}

/** Tries everything of a metric that can be wrong, with the values that it has now. */
function problemsOf(metric: ResolvedMetric, { ref }: Source, index: number, facts: Facts): Problem[] {
  const { spec } = metric;
  const at =
    ref === undefined ? `spec.analysis.metrics[${index}]` : `${ref.kind} ${ref.name}: spec.metrics[${index}]`;
  const attempts: [where: string, attempt: () => unknown][] = [
    ['success', () => (spec.success === undefined ? undefined : compile(spec.success))],
    ['failure', () => (spec.failure === undefined ? undefined : compile(spec.failure))],
    ['web.jsonPath', () => pathOf(spec)],
    spec.events === undefined
      ? [sourceOf(spec), () => measureOf(metric, facts, 1000)]
      : ['events', () => eventQueries(metric, facts, 'candidate')],
  ];
  return attempts.flatMap(([where, attempt]) => {
    try {
      attempt();
      return [];
    } catch (error) {
      if (!(error instanceof Unrenderable) && !(error instanceof BadExpression)) throw error;
      return [{ reason: reasonOf(error, ref), message: `${at}.${where}: ${error.message}` }];
    }
  });
}

function pathOf({ web }: MetricSpec): unknown {
  if (web?.jsonPath === undefined) return undefined;
  try {
    return parseJsonPath(web.jsonPath);
  } catch (error) {
    throw new Unrenderable('template', error instanceof Error ? error.message : String(error));
  }
}

function sourceOf(spec: MetricSpec): string {
  return spec.prometheus !== undefined ? 'prometheus.query' : spec.web !== undefined ? 'web' : 'job';
}

function reasonOf(error: Unrenderable | BadExpression, ref: TemplateRef | undefined): Reason {
  if (error instanceof Unrenderable && error.fault === 'argument') return 'ArgumentInvalid';
  return ref === undefined ? 'InvalidSpec' : 'TemplateInvalid';
}
