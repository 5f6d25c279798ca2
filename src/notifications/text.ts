import { partsOf } from '../analysis/templates/placeholders.ts';
import type { Placeholder } from '../api/index.ts';
import { type Notice, numbersOf, symbolOf, valuesOf } from './notice.ts';

/** How a service writes text. */
export interface Format {
  /** A value so that the service shows it as it is: it can neither format nor mention. */
  value(text: string): string;
  /** Of what `value` gave. */
  strong(text: string): string;
  link(label: string, url: string): string;
}

export const PLAIN: Format = { value: (text) => text, strong: (text) => text, link: (_label, url) => url };

/** Sentences of Kubernetes and of analyses can be long; a message is to be read at a glance (characters). */
const LONGEST_VALUE = 900;

/**
 * The text of a message.
 *
 * @param template with placeholders, that the rules of the API let through; the usual text when undefined
 */
export function textOf(notice: Notice, template: string | undefined, format: Format): string {
  if (template !== undefined) return rendered(notice, template, format);
  const { standing, headline, link } = notice;
  const value = (text: string) => format.value(shortened(text, LONGEST_VALUE));
  const lines = [
    format.strong(`${symbolOf(notice)} ${value(headline)}`),
    value(standing.verdict),
    value(numbersOf(notice)),
    link === undefined ? '' : format.link('Dashboard', link),
  ];
  return lines.filter((line) => line !== '').join('\n');
}

function rendered(notice: Notice, template: string, format: Format): string {
  const values: Readonly<Record<string, string>> = valuesOf(notice);
  return partsOf(template)
    .map((part) => {
      if (typeof part === 'string') return part;
      const text = Object.hasOwn(values, part.path) ? (values[part.path as Placeholder] ?? '') : '';
      return format.value(shortened(text, LONGEST_VALUE));
    })
    .join('');
}

/** At most so many characters, none cut in two. */
export function shortened(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
