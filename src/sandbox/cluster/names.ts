import type { JsonObject } from './object.ts';
import { type FieldError, invalidValue, requiredValue } from './errors.ts';

/** The rule that names of a kind follow. */
export type NameRule = 'subdomain' | 'label' | 'rfc1035' | 'path';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const RFC1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';

interface Rule {
  readonly pattern: RegExp;
  readonly longest: number;
  readonly sentence: string;
}

function rule(source: string, longest: number, sentence: string, ...examples: string[]): Rule {
  const shown = examples.map((example) => `'${example}'`).join(',  or ');
  return {
    pattern: new RegExp(`^${source}$`),
    longest,
    sentence: `${sentence} (e.g. ${shown}, regex used for validation is '${source}')`,
  };
}

const RULES: Record<Exclude<NameRule, 'path'>, Rule> = {
  subdomain: rule(
    SUBDOMAIN,
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    'example.com',
  ),
  label: rule(
    LABEL,
    63,
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    'my-name',
    '123-abc',
  ),
  rfc1035: rule(
    RFC1035,
    63,
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    'my-name',
    'abc-123',
  ),
};

const NAME_PART =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_RULE = rule(QUALIFIED, 63, NAME_PART, 'MyName', 'my.name', '123-abc');
const VALUE_RULE = rule(
  LABEL_VALUE,
  63,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  'MyValue',
  'my_value',
  '12345',
);
const KEY_RULE = rule(
  CONFIG_KEY,
  253,
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  'key.name',
  'KEY_NAME',
  'key-name',
);

function faults(value: string, { pattern, longest, sentence }: Rule): string[] {
  return [
    ...(value.length > longest ? [`must be no more than ${longest} characters`] : []),
    ...(pattern.test(value) ? [] : [sentence]),
  ];
}

/** What is wrong with an object's name, as sentences; none when it is fine. */
export function nameFaults(name: string, kind: NameRule): string[] {
  if (kind !== 'path') return faults(name, RULES[kind]);
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** What is wrong with a label's or annotation's key: an optional DNS prefix, a slash, and a name. */
export function qualifiedNameFaults(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${NAME_PART} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const ofPrefix =
    prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : faults(prefix, RULES.subdomain).map((fault) => `prefix part ${fault}`);
  const ofName = name === '' ? ['name part must be non-empty'] : [];
  return [...ofPrefix, ...ofName, ...faults(name, QUALIFIED_RULE).map((fault) => `name part ${fault}`)];
}

/** What is wrong with a label's value. */
export function labelValueFaults(value: string): string[] {
  return faults(value, VALUE_RULE);
}

/** What is wrong with a key of a ConfigMap or Secret. */
export function configKeyFaults(key: string): string[] {
  if (key === '.' || key === '..') return [`must not be '${key}'`];
  return faults(key, KEY_RULE);
}

/** Validates `metadata.labels`, `spec.selector` and other maps of labels. */
export function validateLabels(labels: JsonObject, field: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameFaults(key).map((why) => invalidValue(field, key, why)),
    ...labelValueFaults(typeof value === 'string' ? value : '').map((why) =>
      invalidValue(field, value ?? null, why),
    ),
  ]);
}

const ANNOTATIONS_LIMIT = 256 * 1024;

/** Validates `metadata.annotations` and other maps of annotations. */
export function validateAnnotations(annotations: JsonObject, field: string): FieldError[] {
  const errors = Object.keys(annotations).flatMap((key) =>
    // Keys of annotations are compared in lower case, those of labels as they are.
    qualifiedNameFaults(key.toLowerCase()).map((why) => invalidValue(field, key, why)),
  );
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + (typeof value === 'string' ? value.length : 0),
    0,
  );
  if (size > ANNOTATIONS_LIMIT) {
    const message = `Too long: may not be more than ${ANNOTATIONS_LIMIT} bytes`;
    errors.push({ field, reason: 'FieldValueTooLong', message });
  }
  return errors;
}

/** Validates `metadata.name` (or `generateName`, as a prefix) by the kind's rule. */
export function validateName(name: string, generateName: string, kind: NameRule): FieldError[] {
  const errors: FieldError[] = [];
  if (generateName !== '') {
    const prefix = generateName.endsWith('-') ? `${generateName.slice(0, -1)}a` : generateName;
    for (const why of nameFaults(prefix, kind)) {
      errors.push(invalidValue('metadata.generateName', generateName, why));
    }
  }
  if (name === '') return [...errors, requiredValue('metadata.name', 'name or generateName is required')];
  return [...errors, ...nameFaults(name, kind).map((why) => invalidValue('metadata.name', name, why))];
}
