import { Optional } from '@marcbachmann/cel-js';
import { labelValueFaults, nameFaults, qualifiedNameFaults, type NameRule } from '../../cluster/names.ts';
import { fitsFormat } from '../formats.ts';
import { Opaque, type Functions } from './functions.ts';

/** What `format.dns1123Label()` and its like give: a check with sentences. */
export class NamedFormat extends Opaque {
  readonly name: string;
  readonly faults: (text: string) => string[];

  constructor(name: string, faults: (text: string) => string[]) {
    super();
    this.name = name;
    this.faults = faults;
  }

  override toString(): string {
    return this.name;
  }
}

function named(rule: NameRule): (text: string) => string[] {
  return (text) => nameFaults(text, rule);
}

/** A prefix is right when something could follow it. */
function prefix(rule: NameRule): (text: string) => string[] {
  return (text) => nameFaults(/[-.]$/.test(text) ? `${text.slice(0, -1)}a` : text, rule);
}

function fits(format: string, sentence: string): (text: string) => string[] {
  return (text) => (fitsFormat(format, text) ? [] : [sentence]);
}

const FORMATS: Readonly<Record<string, (text: string) => string[]>> = {
  dns1123Label: named('label'),
  dns1123Subdomain: named('subdomain'),
  dns1035Label: named('rfc1035'),
  dns1123LabelPrefix: prefix('label'),
  dns1123SubdomainPrefix: prefix('subdomain'),
  dns1035LabelPrefix: prefix('rfc1035'),
  qualifiedName: qualifiedNameFaults,
  labelValue: labelValueFaults,
  uri: (text) => (fitsFormat('uri', text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`]),
  uuid: fits('uuid', 'does not match the UUID format'),
  byte: fits('byte', 'invalid base64'),
  date: fits('date', 'invalid date'),
  datetime: fits('datetime', 'invalid datetime'),
};

export const TYPE = 'kubernetes.NamedFormat';

function formatNamed(name: string): NamedFormat | undefined {
  const faults = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  return faults === undefined ? undefined : new NamedFormat(name, faults);
}

export const namedFormats: Functions = {
  [`Namespace.format.named(string): optional<${TYPE}>`]: (_: unknown, name: string) =>
    Optional.of(formatNamed(name)),
  ...Object.fromEntries(
    Object.entries(FORMATS).map(([name, faults]) => [
      `Namespace.format.${name}(): ${TYPE}`,
      () => new NamedFormat(name, faults),
    ]),
  ),
  [`${TYPE}.validate(string): optional<list<string>>`]: ({ faults }: NamedFormat, text: string) => {
    const found = faults(text);
    return found.length === 0 ? Optional.none() : Optional.of(found);
  },
};
