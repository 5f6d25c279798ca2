import { z } from 'zod';
import { type NotificationPolicyStatus, notificationPolicyStatus } from './notification-policy.ts';
import { type ReleaseCommandStatus, releaseCommandStatus } from './release-command.ts';
import { type CanaryReleaseStatus, canaryReleaseStatus } from './status.ts';

/** What could be read of a status, and the fields that could not. */
export interface Salvaged<Status> {
  readonly value: Status;
  readonly lost: readonly string[];
}

type JsonObject = Record<string, unknown>;

const EPOCH = '1970-01-01T00:00:00.000Z';
const UNREADABLE = 'this part of status could not be read';

/**
 * What stands in for the parts of these fields that cannot be read. Losing them would let traffic rise where it must
 * not: a release that was given up, a revision that was rejected, a pause.
 */
const SAFEST: JsonObject = {
  attempt: { number: 1, startedAt: EPOCH },
  paused: { by: 'command', message: UNREADABLE, since: EPOCH },
  ending: { outcome: 'RolledBack', reason: 'Aborted', message: UNREADABLE, at: EPOCH },
  rejected: { reason: 'Aborted', message: UNREADABLE, at: EPOCH },
};

/** The same for entries of lists: as long as its name and uid are there, no command is executed twice. */
const SAFEST_ENTRY: JsonObject = {
  commands: { phase: 'Executed', message: UNREADABLE, at: EPOCH },
};

/**
 * The status of a CanaryRelease as far as it can be read, field by field: one that an older or newer version wrote must
 * not cost the stable revision. Takes anything and never throws.
 */
export function salvageReleaseStatus(raw: unknown): Salvaged<CanaryReleaseStatus> {
  const { kept, lost } = readable(canaryReleaseStatus.shape, raw);
  const value = canaryReleaseStatus.parse(kept);
  return { value: lost.includes('step') ? withoutRelease(value) : value, lost };
}

/** The same for a ReleaseCommand. */
export function salvageCommandStatus(raw: unknown): Salvaged<ReleaseCommandStatus> {
  const { kept, lost } = readable(releaseCommandStatus.shape, raw);
  return { value: releaseCommandStatus.parse(kept), lost };
}

/** The same for a NotificationPolicy. */
export function salvagePolicyStatus(raw: unknown): Salvaged<NotificationPolicyStatus> {
  const { kept, lost } = readable(notificationPolicyStatus.shape, raw);
  return { value: notificationPolicyStatus.parse(kept), lost };
}

/** A release whose place in the steps is lost begins afresh, unless it was given up: then its revision is rejected. */
function withoutRelease(status: CanaryReleaseStatus): CanaryReleaseStatus {
  const { candidateRevision, step, analysis, paused, promotion, resumedStep, ending, ...rest } = status;
  if (candidateRevision === undefined || ending?.outcome !== 'RolledBack') return rest;
  const { reason, message, at } = ending;
  return { ...rest, rejected: { revision: candidateRevision, reason, message, at } };
}

function readable(shape: Record<string, z.ZodOptional>, raw: unknown): { kept: JsonObject; lost: string[] } {
  const kept: JsonObject = {};
  const lost: string[] = [];
  if (raw === undefined || raw === null) return { kept, lost };
  if (!isObject(raw)) return { kept, lost: Object.keys(shape) };
  for (const [name, schema] of Object.entries(shape)) {
    const value = Object.hasOwn(raw, name) ? raw[name] : undefined;
    if (value === undefined || value === null) continue;
    if (schema.safeParse(value).success) kept[name] = value;
    else {
      lost.push(name);
      const rest = remains(schema.unwrap(), value, SAFEST[name], SAFEST_ENTRY[name]);
      if (rest !== undefined) kept[name] = rest;
    }
  }
  return { kept, lost };
}

/** What is left of a value that doesn't fit its schema: of a list its good entries, of an object with a fallback that. */
function remains(schema: z.core.$ZodType, value: unknown, safest: unknown, safestEntry?: unknown): unknown {
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    const { element } = schema;
    return value
      .map((entry: unknown) => (fits(element, entry) ? entry : remains(element, entry, safestEntry)))
      .filter((entry) => entry !== undefined);
  }
  if (!(schema instanceof z.ZodObject) || !isObject(safest)) return undefined;
  const fields = isObject(value) ? value : {};
  const shape: Record<string, z.core.$ZodType> = schema.shape;
  const good = Object.entries(shape).filter(
    ([name, field]) => Object.hasOwn(fields, name) && fits(field, fields[name]),
  );
  const whole = { ...safest, ...Object.fromEntries(good.map(([name]) => [name, fields[name]])) };
  return fits(schema, whole) ? whole : undefined;
}

function fits(schema: z.core.$ZodType, value: unknown): boolean {
  return z.safeParse(schema, value).success;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
