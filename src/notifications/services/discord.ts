import type { NotificationTarget } from '../../api/index.ts';
import { type Format, shortened, textOf } from '../text.ts';
import { JSON_TYPE, type Service, addressIn, fieldsIn, outcomeOf, textIn } from './service.ts';

/** Of a message's content. */
const LONGEST = 2000;
/** Links are shown without a preview. */
const SUPPRESS_EMBEDS = 4;
const UNKNOWN_MESSAGE = 10008;

/** Discord's Markdown. Mentions are switched off for the whole message. */
export const MARKDOWN: Format = {
  value: (text) => text.replace(/[\\*_~`|>#[\]()-]/g, '\\$&'),
  strong: (text) => `**${text}**`,
  // In angle brackets it has no preview after an update either.
  link: (_label, url) => `<${url}>`,
};

type Discord = NonNullable<NotificationTarget['discord']>;

/** Discord by a webhook, whose message is updated. */
export function discordService({ urlSecretRef }: Discord): Service {
  return {
    updates: true,
    secrets: [urlSecretRef],
    request: ({ notice, template, update, read }) => {
      const url = addressIn(urlSecretRef, read);
      const content = shortened(textOf(notice, template, MARKDOWN), LONGEST);
      const message = { content, allowed_mentions: { parse: [] } };
      if (update === undefined) url.searchParams.set('wait', 'true');
      else url.pathname = `${url.pathname.replace(/[/]$/, '')}/messages/${encodeURIComponent(update.id)}`;
      return {
        method: update === undefined ? 'POST' : 'PATCH',
        url: url.href,
        headers: { 'content-type': JSON_TYPE },
        body: JSON.stringify(update === undefined ? { ...message, flags: SUPPRESS_EMBEDS } : message),
      };
    },
    outcome: (answer, now) => {
      const fields = fieldsIn(answer.body);
      if (answer.status === 404 && fields['code'] === UNKNOWN_MESSAGE) return { kind: 'gone' };
      const outcome = outcomeOf(answer, now);
      const id = textIn(fields, 'id');
      return outcome.kind === 'delivered' && id !== undefined
        ? { kind: 'delivered', message: { id } }
        : outcome;
    },
  };
}
