import type { NotificationTarget, ServiceName } from '../../api/index.ts';
import { discordService } from './discord.ts';
import { cloudEventsService, webhookService } from './endpoint.ts';
import type { Service } from './service.ts';
import { slackService } from './slack.ts';
import { teamsService } from './teams.ts';

export * from './service.ts';

/** The service that a target is. */
export function serviceOf({ slack, teams, discord, webhook, cloudEvents }: NotificationTarget): {
  readonly name: ServiceName;
  readonly service: Service;
} {
  if (slack !== undefined) return { name: 'slack', service: slackService(slack) };
  if (teams !== undefined) return { name: 'teams', service: teamsService(teams) };
  if (discord !== undefined) return { name: 'discord', service: discordService(discord) };
  if (webhook !== undefined) return { name: 'webhook', service: webhookService(webhook) };
  if (cloudEvents !== undefined) return { name: 'cloudEvents', service: cloudEventsService(cloudEvents) };
  throw new Error('a target without a service passed its rules');
}
