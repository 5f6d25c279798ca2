import { CATALOGUE, type Reason } from '../src/api/errors.ts';
import { GROUPS, MENDS } from '../src/api/mends.ts';
import { Counter, Histogram } from 'prom-client';
import { OperatorMetrics } from '../src/controllers/metrics.ts';
import type { CustomResourceDefinition } from '../src/api/crd.ts';
import type { StructuralSchema } from '../src/api/structural.ts';

const WARNING =
  '<!-- Made from src/api by `npm run generate`: change the schemas there, not this file. -->\n\n';

/** The reference page of a kind: every field and every rule, from its CRD. */
export function kindPage(crd: CustomResourceDefinition): string {
  const { names, group, scope, versions } = crd.spec;
  const version = versions[0];
  const root = version?.schema.openAPIV3Schema;
  if (version === undefined || root === undefined) throw new Error(`${crd.metadata.name} has no version`);
  const { spec = {}, status } = root.properties ?? {};
  const subresources = Object.keys(version.subresources ?? {});
  return [
    `${WARNING}# ${names.kind}\n`,
    `${root.description ?? ''}\n`,
    `- API version: \`${group}/${version.name}\`, ${scope.toLowerCase()}`,
    `- kubectl: \`${names.plural}\`, short \`${names.shortNames.join(', ')}\`, in ${names.categories.map((name) => `\`kubectl get ${name}\``).join(' and ')}`,
    `- Subresources: ${subresources.length === 0 ? 'none' : subresources.map((name) => `\`${name}\``).join(', ')}\n`,
    `## spec\n`,
    'A required field is required where the object that holds it is given.\n',
    table(['Field', 'Type', 'Default', 'Meaning'], fieldRows('spec', spec)),
    `## Rules\n`,
    'The API server refuses an object that breaks one of these, with this sentence.\n',
    ruleTable(root),
    ...(status === undefined ? [] : statusSection(status)),
    `## Columns of kubectl get\n`,
    table(
      ['Column', 'Field', ''],
      version.additionalPrinterColumns.map((column) => [
        column.name,
        `\`${column.jsonPath.slice(1)}\``,
        [column.description, column.priority === 1 ? 'Only with `-o wide`.' : undefined]
          .filter((text) => text !== undefined)
          .join(' '),
      ]),
    ),
  ].join('\n');
}

function statusSection(status: StructuralSchema): string[] {
  return [
    `## status\n`,
    'Songbird writes it; nobody else should.\n',
    table(
      ['Field', 'Type', 'Meaning'],
      fieldRows('status', status).map(([field = '', type = '', , meaning = '']) => [field, type, meaning]),
    ),
  ];
}

/** The page of all reasons that conditions, Events and log lines carry, with what to do. */
export function reasonsPage(): string {
  const reasons = Object.keys(CATALOGUE) as Reason[];
  return [
    `${WARNING}# Reasons\n`,
    "Every condition, Event and log line of Songbird carries one of these words. The object's own message tells the particulars: which field, which pod, which numbers. [Conditions](../conditions.md) says where to read them.\n",
    ...Object.entries(GROUPS).flatMap(([group, title]) => [
      `## ${title}\n`,
      ...reasons.filter((reason) => MENDS[reason].group === group).map(reasonSection),
    ]),
  ].join('\n');
}

function reasonSection(reason: Reason): string {
  return `### ${reason}\n\n${CATALOGUE[reason]}\n\n**What to do:** ${MENDS[reason].mend}\n`;
}

/** The page of the operator's own metrics. */
export function metricsPage(): string {
  const rows = new OperatorMetrics().registry.getMetricsAsArray().map((metric) => {
    const { name, help, labelNames } = metric as typeof metric & { labelNames: string[] };
    return [`\`${name}\``, kindOf(metric), labelNames.map((label) => `\`${label}\``).join(', '), help];
  });
  return [
    `${WARNING.replace('src/api', 'src/controllers').replace('the schemas', 'the metrics')}# Metrics of the operator\n`,
    'Served at `/metrics` (`--metrics-address`), beside those of the process. [config/monitoring](../../config/monitoring) has alerts and a Grafana dashboard made of them.\n',
    table(['Metric', 'Type', 'Labels', 'Meaning'], rows),
  ].join('\n');
}

function kindOf(metric: unknown): string {
  if (metric instanceof Counter) return 'counter';
  return metric instanceof Histogram ? 'histogram' : 'gauge';
}

/** Path, type, default and meaning of each field. */
function fieldRows(path: string, schema: StructuralSchema): string[][] {
  const needed = requiredOf(schema);
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = `${path}.${name}`;
    const fallback = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
    const row = [
      `\`${at}\``,
      typeOf(field),
      needed.has(name) ? '**required**' : fallback,
      field.description ?? '',
    ];
    const inner = field.items === undefined ? fieldRows(at, field) : fieldRows(`${at}[]`, field.items);
    return [row, ...inner];
  });
}

/** Required in the schema's own words, or by a rule with a better sentence. */
function requiredOf(schema: StructuralSchema): Set<string> {
  const byRule = (schema['x-kubernetes-validations'] ?? [])
    .filter(({ reason }) => reason === 'FieldValueRequired')
    .map(({ fieldPath = '' }) => fieldPath.slice(1));
  return new Set([...(schema.required ?? []), ...byRule]);
}

function typeOf(schema: StructuralSchema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') {
    const most = schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`;
    return `list of ${schema.items === undefined ? 'anything' : typeOf(schema.items)}${most}`;
  }
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  if (schema.format === 'date-time') return 'time (RFC 3339)';
  return `${schema.type ?? 'anything'}${boundsOf(schema)}`;
}

function boundsOf({ minimum, maximum }: StructuralSchema): string {
  if (minimum === undefined) return maximum === undefined ? '' : `, at most ${maximum}`;
  return maximum === undefined ? `, at least ${minimum}` : `, ${minimum} to ${maximum}`;
}

function ruleTable(root: StructuralSchema): string {
  return table(['Field', 'Sentence'], ruleRows('', root));
}

function ruleRows(path: string, schema: StructuralSchema): string[][] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message, fieldPath = '' }) => [
    `\`${`${path}${fieldPath}`.replace(/^[.]/, '')}\``,
    message,
  ]);
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    ruleRows(path === '' ? name : `${path}.${name}`, field),
  );
  return [...own, ...inner, ...(schema.items === undefined ? [] : ruleRows(`${path}[]`, schema.items))];
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Outside of code, where Markdown shows it as it is, `<` would begin a tag. */
function escaped(cell: string): string {
  return cell
    .replaceAll('|', '\\|')
    .split('`')
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll('<', '&lt;')))
    .join('`');
}
