import type { NotificationTarget } from '../../api/index.ts';
import { type Format, shortened, textOf } from '../text.ts';
import {
  type Incoming,
  JSON_TYPE,
  type Outcome,
  type Service,
  addressIn,
  fieldsIn,
  outcomeOf,
  textIn,
  waitOf,
} from './service.ts';

/** Slack cuts off what is longer than 40,000 characters; nobody reads as much. */
const LONGEST = 4000;

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Slack's mrkdwn. With `<` escaped, no value can mention anyone or hide a link. */
export const MRKDWN: Format = {
  value: escaped,
  strong: (text) => `*${text.replaceAll('*', '∗')}*`,
  link: (label, url) => `<${escaped(url)}|${escaped(label)}>`,
};

/** Answers that mean: the message cannot be updated, but a new one may be posted. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);
/** Answers that pass. */
const BUSY = new Set([
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

type Slack = NonNullable<NotificationTarget['slack']>;

/** Slack by a bot, whose message is updated, or by an incoming webhook. */
export function slackService({ channel, tokenSecretRef, urlSecretRef, apiURL }: Slack): Service {
  const isBot = tokenSecretRef !== undefined;
  return {
    updates: isBot,
    secrets: [tokenSecretRef, urlSecretRef].filter((ref) => ref !== undefined),
    request: ({ notice, template, update, read }) => {
      const text = shortened(textOf(notice, template, MRKDWN), LONGEST);
      const common = { text, unfurl_links: false, unfurl_media: false };
      if (tokenSecretRef === undefined) {
        const url = urlSecretRef === undefined ? '' : addressIn(urlSecretRef, read).href;
        return { method: 'POST', url, headers: { 'content-type': JSON_TYPE }, body: JSON.stringify(common) };
      }
      const method = update === undefined ? 'chat.postMessage' : 'chat.update';
      // An update without it would make links and names of what looks like them.
      const bot = { ...common, parse: 'none', link_names: false };
      const where =
        update === undefined ? { channel } : { channel: update.channel ?? channel, ts: update.id };
      return {
        method: 'POST',
        url: `${apiURL.replace(/[/]$/, '')}/${method}`,
        headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${read(tokenSecretRef)}` },
        body: JSON.stringify({ ...bot, ...where }),
      };
    },
    outcome: (answer, now) => (isBot ? botOutcome(answer, now) : outcomeOf(answer, now)),
  };
}

/** Slack answers 200 to what it refuses, too. */
function botOutcome(answer: Incoming, now: number): Outcome {
  if (answer.status !== 200) return outcomeOf(answer, now);
  const fields = fieldsIn(answer.body);
  if (fields['ok'] === true) {
    const [id, channel] = [textIn(fields, 'ts'), textIn(fields, 'channel')];
    return id === undefined ? { kind: 'delivered' } : { kind: 'delivered', message: { id, channel } };
  }
  const error = (textIn(fields, 'error') ?? 'no JSON').replace(/[^A-Za-z_ ]/g, '').slice(0, 64);
  if (GONE.has(error)) return { kind: 'gone' };
  const message = `Slack answers ${error}`;
  if (BUSY.has(error) || error === 'no JSON') return { kind: 'busy', message, afterMs: waitOf(answer, now) };
  return { kind: 'refused', message: `${message}: look at the token, its scope chat:write, and the channel` };
}
