import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NotificationTarget } from '../../api/index.ts';
import { PLACEHOLDERS, parsePolicy } from '../../api/index.ts';
import { notice } from '../testing.ts';
import { PLAIN, textOf } from '../text.ts';
import { MARKDOWN } from './discord.ts';
import { BadAddress, type Draft, type Incoming, serviceOf, waitOf } from './index.ts';
import { MRKDWN } from './slack.ts';

const SECRETS: Readonly<Record<string, string>> = {
  token: 'xoxb-1',
  slack: 'https://hooks.slack.com/services/T/B/x',
  discord: 'https://discord.com/api/webhooks/1/abc?thread_id=9',
  teams: 'https://prod.westeurope.logic.azure.com/workflows/1?sig=x',
  hmac: 'key of the team',
  bearer: 'bearer',
  nowhere: 'ftp://example.com/secret',
};
const ref = (key: string) => ({ name: 'notifications', key });

/** A target as the API gives it, with its defaults. */
function target(service: object): NotificationTarget {
  const parsed = parsePolicy({
    metadata: { name: 'team' },
    spec: { targets: [{ name: 'one', ...service }] },
  });
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return parsed.spec.targets[0]!;
}

function draft(more: Partial<Draft> = {}): Draft {
  return {
    notice: notice(),
    template: undefined,
    update: undefined,
    read: ({ key }) => SECRETS[key] ?? '',
    now: Date.UTC(2030, 0, 1),
    ...more,
  };
}

function request(service: object, more?: Partial<Draft>) {
  const { body, ...rest } = serviceOf(target(service)).service.request(draft(more));
  return { ...rest, text: body, body: JSON.parse(body) as Record<string, unknown> };
}

function outcome(service: object, answer: Partial<Incoming>) {
  return serviceOf(target(service)).service.outcome({ status: 200, body: '', ...answer }, 0);
}

const bot = { slack: { channel: 'C1', tokenSecretRef: ref('token') } };
const discord = { discord: { urlSecretRef: ref('discord') } };
const teams = { teams: { urlSecretRef: ref('teams') } };

describe('Slack', () => {
  it('gets one message from a bot, and updates of it', () => {
    const post = request(bot);
    expect(post).toMatchObject({
      method: 'POST',
      url: 'https://slack.com/api/chat.postMessage',
      headers: { authorization: 'Bearer xoxb-1' },
      body: { channel: 'C1', parse: 'none', unfurl_links: false },
    });
    const answer = outcome(bot, { body: '{"ok":true,"ts":"17.1","channel":"C0"}' });
    expect(answer).toEqual({ kind: 'delivered', message: { id: '17.1', channel: 'C0' } });
    expect(request(bot, { update: { id: '17.1', channel: 'C0' } })).toMatchObject({
      url: 'https://slack.com/api/chat.update',
      body: { channel: 'C0', ts: '17.1' },
    });
  });

  it('gets a message through an incoming webhook', () => {
    const { url, body, headers } = request({ slack: { urlSecretRef: ref('slack') } });
    expect(url).toBe(SECRETS['slack']);
    expect(headers).not.toHaveProperty('authorization');
    expect(body['text']).toContain('shop/cart in eu-1: revision new was rolled back to old');
  });

  it.each([
    ['{"ok":false,"error":"message_not_found"}', 'gone'],
    ['{"ok":false,"error":"ratelimited"}', 'busy'],
    ['{"ok":false,"error":"channel_not_found"}', 'refused'],
    ['<html>down</html>', 'busy'],
  ])('that answers %s is %s, though it says 200', (body, kind) => {
    expect(outcome(bot, { body })).toMatchObject({ kind });
  });

  it('mentions nobody and links nowhere by a value', () => {
    const { body } = request(bot, { notice: notice('<!channel> <https://evil.example|ok> & more') });
    expect(body['text']).toContain('&lt;!channel&gt; &lt;https://evil.example|ok&gt; &amp; more');
  });
});

describe('Discord', () => {
  it('gets one message that mentions nobody, and updates of it, in the thread of its URL', () => {
    const post = request(discord);
    expect(post.method).toBe('POST');
    expect(post.url).toBe('https://discord.com/api/webhooks/1/abc?thread_id=9&wait=true');
    expect(post.body).toMatchObject({ allowed_mentions: { parse: [] } });
    expect(outcome(discord, { body: '{"id":"55"}' })).toEqual({ kind: 'delivered', message: { id: '55' } });
    const update = request(discord, { update: { id: '55' } });
    expect(update.method).toBe('PATCH');
    expect(update.url).toBe('https://discord.com/api/webhooks/1/abc/messages/55?thread_id=9');
    expect(update.body).toMatchObject({ allowed_mentions: { parse: [] } });
  });

  it('tells a message that is gone from a webhook that is', () => {
    expect(outcome(discord, { status: 404, body: '{"code":10008}' })).toEqual({ kind: 'gone' });
    expect(outcome(discord, { status: 404, body: '{"code":10015}' })).toMatchObject({ kind: 'refused' });
  });

  it('gets no more than it takes', () => {
    const template = '{{ verdict }} '.repeat(20);
    const { body } = request(discord, { notice: notice('*'.repeat(3000)), template });
    expect(Array.from(String(body['content'])).length).toBeLessThanOrEqual(2000);
  });
});

describe('Microsoft Teams', () => {
  it('gets an Adaptive Card whose text is no Markdown, with the link as a button', () => {
    const { url, body } = request(teams, {
      notice: notice('**all** [x](y)', 'https://songbird.example.com/'),
    });
    expect(url).toBe(SECRETS['teams']);
    expect(body).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            body: [
              { type: 'RichTextBlock', inlines: [{ type: 'TextRun', weight: 'Bolder' }] },
              { type: 'RichTextBlock', inlines: [{ text: '**all** [x](y)' }] },
              { inlines: [{ text: '1,234 requests in 1m30s, 14 failed' }] },
            ],
            actions: [{ type: 'Action.OpenUrl', url: 'https://songbird.example.com/#/shop/cart' }],
          },
        },
      ],
    });
    expect(outcome(teams, { status: 202 })).toEqual({ kind: 'delivered' });
  });
});

describe('a webhook', () => {
  it('gets JSON, signed as its receiver can check', () => {
    const { headers, text, body } = request({
      webhook: { url: 'http://audit/in', hmacSecretRef: ref('hmac'), bearerTokenSecretRef: ref('bearer') },
    });
    const { 'x-songbird-timestamp': time = '', 'x-songbird-signature': signature } = headers;
    // As docs/notifications.md tells receivers to do it.
    const expected = createHmac('sha256', 'key of the team').update(`${time}.${text}`).digest('hex');
    expect(signature).toBe(`v1=${expected}`);
    expect(Number(time)).toBe(Date.UTC(2030, 0, 1) / 1000);
    expect(headers['authorization']).toBe('Bearer bearer');
    expect(body).toEqual({
      id: headers['idempotency-key'],
      type: 'dev.songbird.release.rolledback',
      time: '2030-01-01T00:34:50.000Z',
      moment: 'rolledBack',
      text: expect.stringMatching(/^❌ shop\/cart in eu-1/) as string,
      cluster: 'eu-1',
      release: { namespace: 'shop', name: 'cart', uid: 'uid-1' },
      attempt: 2,
      revision: { new: 'new', old: 'old' },
      reason: 'AnalysisFailed',
      verdict: 'errors: 14 of 312 on the candidate',
      requests: { all: 1234, failed: 14 },
      durationSeconds: 90,
    });
  });
});

describe('CloudEvents', () => {
  it('are events of version 1.0 in structured mode', () => {
    const { headers, body } = request({ cloudEvents: { url: 'http://broker/default' } });
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(body).toMatchObject({
      specversion: '1.0',
      type: 'dev.songbird.release.rolledback',
      source: '/clusters/eu-1/namespaces/shop/canaryreleases/cart',
      subject: 'cart',
      datacontenttype: 'application/json',
      data: { moment: 'rolledBack', verdict: 'errors: 14 of 312 on the candidate' },
    });
    expect(body['id']).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('an answer', () => {
  const hook = { webhook: { url: 'http://audit/in' } };

  it.each([
    [204, 'delivered'],
    [429, 'busy'],
    [500, 'busy'],
    [503, 'busy'],
    [302, 'refused'],
    [401, 'refused'],
    [404, 'refused'],
  ])('of status %s means that it is %s', (status, kind) => {
    expect(outcome(hook, { status })).toMatchObject({ kind });
  });

  it('says when to come back, within reason', () => {
    const wait = (retryAfter?: string) => waitOf({ status: 429, body: '', retryAfter }, 0);
    expect(wait('30')).toBe(30_000);
    expect(wait('0')).toBe(1000);
    expect(wait('1e9')).toBe(3_600_000);
    expect(wait('Thu, 01 Jan 1970 00:02:00 GMT')).toBe(120_000);
    expect(wait('soon')).toBeUndefined();
    expect(wait()).toBeUndefined();
  });
});

describe('an address from a Secret', () => {
  it('must be one of the web, and is not shown', () => {
    const send = () => request({ teams: { urlSecretRef: ref('nowhere') } });
    expect(send).toThrow(BadAddress);
    expect(send).toThrow('key nowhere of Secret notifications holds no URL with http:// or https://');
  });
});

describe('a text', () => {
  it('may name all that there is, and two braces', () => {
    const template = Object.keys(PLACEHOLDERS)
      .map((name) => `${name}={{ ${name} }}`)
      .join('\n');
    const text = textOf(notice('bad', 'https://songbird.example.com'), `${template} {{ "{{" }}`, PLAIN);
    expect(text).toContain('release.name=cart\n');
    expect(text).toContain('revision.new=new\nrevision.old=old\n');
    expect(text).toContain('duration=1m30s\nlink=https://songbird.example.com/#/shop/cart\n');
    expect(text.endsWith(' {{')).toBe(true);
    expect(text).not.toContain('undefined');
  });

  it('keeps what its author wrote, and escapes what stands for a placeholder', () => {
    const template = '<!here> *{{ release.name }}* {{ verdict }}';
    expect(textOf(notice('<a>'), template, MRKDWN)).toBe('<!here> *cart* &lt;a&gt;');
    expect(textOf(notice('@everyone **x**'), template, MARKDOWN)).toContain('@everyone \\*\\*x\\*\\*');
  });

  it('that the rules let through can be written, and no other', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '{{',
      '}}',
      ' ',
      'link',
      'verdict',
      'constructor',
      '"{{"',
      '\n',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const parsed = parsePolicy({
          metadata: { name: 'team' },
          spec: { text, targets: [{ name: 'one', ...teams }] },
        });
        if (!parsed.ok) return;
        expect(textOf(notice(), text, PLAIN)).not.toContain('undefined');
      }),
    );
  });
});
