import type { Json } from '../../../kube/types.ts';
import { type FieldError, invalidValue, requiredValue } from '../errors.ts';
import { objectOf, textOf, type JsonObject, type Stored } from '../object.ts';
import type { Rules } from '../resource.ts';
import type { TypeSchema } from './types.ts';
import { alwaysAs, int, microTime, objectReference, optional, struct, text, time } from './types.ts';

const source: TypeSchema = { ...struct({ component: text, host: text }), always: true };
const series = struct({ count: int, lastObservedTime: microTime });

/** Fields of a core/v1 Event, which is how events are stored. */
export const coreEventFields: Readonly<Record<string, TypeSchema>> = {
  involvedObject: { ...objectReference, always: true },
  reason: text,
  message: text,
  source,
  firstTimestamp: alwaysAs(time, null),
  lastTimestamp: alwaysAs(time, null),
  count: int,
  type: text,
  eventTime: alwaysAs(microTime, null),
  series,
  action: text,
  related: objectReference,
  reportingComponent: alwaysAs(optional(text), ''),
  reportingInstance: alwaysAs(optional(text), ''),
};

/** Fields of an events.k8s.io/v1 Event. */
export const newEventFields: Readonly<Record<string, TypeSchema>> = {
  eventTime: alwaysAs(microTime, null),
  series,
  reportingController: text,
  reportingInstance: text,
  action: text,
  reason: text,
  regarding: { ...objectReference, always: true },
  related: objectReference,
  note: text,
  type: text,
  deprecatedSource: source,
  deprecatedFirstTimestamp: alwaysAs(time, null),
  deprecatedLastTimestamp: alwaysAs(time, null),
  deprecatedCount: int,
};

/** Names of fields that differ, core/v1 first. */
const RENAMED = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const;

function rename(event: Stored, names: ReadonlyMap<string, string>, apiVersion: string): Stored {
  const renamed: JsonObject = {};
  for (const [field, value] of Object.entries(event)) {
    // Only core/v1 shows these when they are empty.
    if (value === '' && names === TO_NEW) continue;
    renamed[names.get(field) ?? field] = value;
  }
  return { ...renamed, apiVersion, kind: 'Event', metadata: event.metadata };
}

const TO_NEW = new Map<string, string>(RENAMED);
const TO_CORE = new Map<string, string>(RENAMED.map(([core, renamed]) => [renamed, core]));

/** A stored event as events.k8s.io/v1 shows it. */
export function toNewEvent(event: Stored): Stored {
  return rename(event, TO_NEW, 'events.k8s.io/v1');
}

/** An events.k8s.io/v1 event as it is stored. */
export function toCoreEvent(event: Stored): Stored {
  const core = rename(event, TO_CORE, 'v1');
  return {
    ...core,
    reportingComponent: core['reportingComponent'] ?? '',
    reportingInstance: core['reportingInstance'] ?? '',
  };
}

function selectable(event: Stored): Record<string, string | undefined> {
  const involved = objectOf(event['involvedObject'] ?? event['regarding']);
  const fields: Record<string, string | undefined> = {};
  for (const field of ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']) {
    fields[`involvedObject.${field}`] = textOf(involved[field]);
    fields[`regarding.${field}`] = textOf(involved[field]);
  }
  return {
    ...fields,
    reason: textOf(event['reason']),
    reportingComponent: textOf(event['reportingComponent'] ?? event['reportingController']),
    source: textOf(objectOf(event['source'] ?? event['deprecatedSource'])['component']),
    type: textOf(event['type']),
  };
}

function wrongNamespace(namespace: Json | undefined, event: Stored): FieldError[] {
  const given = textOf(namespace);
  if ((given || 'default') === event.metadata.namespace) return [];
  return [invalidValue('involvedObject.namespace', given, 'does not match event.namespace')];
}

/** The rules of core/v1 Events. */
export const coreEventRules: Partial<Rules> = {
  createOnUpdate: true,
  validate: (event) => wrongNamespace(objectOf(event['involvedObject'])['namespace'], event),
  selectable,
};

/** The rules of events.k8s.io/v1 Events, which are stricter. */
export const newEventRules: Partial<Rules> = {
  createOnUpdate: true,
  validate: (event, old) => {
    const errors = wrongNamespace(objectOf(event['regarding'])['namespace'], event);
    if (old !== undefined) return errors;
    const timed = textOf(event['eventTime']) !== '';
    if (!timed) errors.push(requiredValue('eventTime'));
    for (const field of ['reportingController', 'reportingInstance', 'action', 'reason']) {
      if (timed && textOf(event[field]) === '') errors.push(requiredValue(field));
    }
    const type = textOf(event['type']);
    if (type !== 'Normal' && type !== 'Warning') {
      // The real server shows the value in the reason alone.
      errors.push(invalidValue('type', '', `has invalid value: ${type}`));
    }
    return errors;
  },
  selectable,
};
