import type { NotificationTarget } from '../../api/index.ts';
import { PLAIN, shortened, textOf } from '../text.ts';
import { JSON_TYPE, type Service, addressIn, outcomeOf } from './service.ts';

/** Teams takes 28 KB a message, which is 7,000 characters at the worst. */
const LONGEST = 5000;

type Teams = NonNullable<NotificationTarget['teams']>;

/**
 * Microsoft Teams by a workflow, which posts an Adaptive Card. Its text is that of TextRuns: unlike that of a TextBlock it is
 * never read as Markdown, so nothing needs to be escaped.
 */
export function teamsService({ urlSecretRef }: Teams): Service {
  return {
    updates: false,
    secrets: [urlSecretRef],
    request: ({ notice, template, read }) => {
      const { link } = notice;
      // The usual text has the link as a button.
      const shown = template === undefined ? { ...notice, link: undefined } : notice;
      const lines = shortened(textOf(shown, template, PLAIN), LONGEST).split('\n');
      const body = lines.map((text, index) => ({
        type: 'RichTextBlock',
        inlines: [{ type: 'TextRun', text, ...(index === 0 ? { weight: 'Bolder' } : {}) }],
      }));
      const content = {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        msteams: { width: 'Full' },
        body,
        ...(link === undefined
          ? {}
          : { actions: [{ type: 'Action.OpenUrl', title: 'Dashboard', url: link }] }),
      };
      const attachment = {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content,
      };
      return {
        method: 'POST',
        url: addressIn(urlSecretRef, read).href,
        headers: { 'content-type': JSON_TYPE },
        body: JSON.stringify({ type: 'message', attachments: [attachment] }),
      };
    },
    outcome: outcomeOf,
  };
}
