import { type FieldError, invalidValue, requiredValue } from '../errors.ts';
import { numberOf, objectOf, textOf, type JsonObject, type Stored } from '../object.ts';
import type { Rules } from '../resource.ts';
import type { TypeSchema } from './types.ts';
import { int, microTime, objectReference, optional, preset, struct, text, time } from './types.ts';

const source: TypeSchema = { ...struct({ component: text, host: text }), always: true };
const series = struct({ count: int, lastObservedTime: microTime });

/** Fields of a core/v1 Event, which is how events are stored. */
export const coreEventFields: Readonly<Record<string, TypeSchema>> = {
  involvedObject: { ...objectReference, always: true },
  reason: text,
  message: text,
  source,
  firstTimestamp: time,
  lastTimestamp: time,
  count: int,
  type: text,
  eventTime: microTime,
  series,
  action: text,
  related: objectReference,
  reportingComponent: preset(optional(text), ''),
  reportingInstance: preset(optional(text), ''),
};

/** Fields of an events.k8s.io/v1 Event. */
export const newEventFields: Readonly<Record<string, TypeSchema>> = {
  eventTime: microTime,
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
  deprecatedFirstTimestamp: time,
  deprecatedLastTimestamp: time,
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
  for (const [field, value] of Object.entries(event)) renamed[names.get(field) ?? field] = value;
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
  return rename(event, TO_CORE, 'v1');
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

/** The rules of core/v1 Events. */
export const coreEventRules: Partial<Rules> = {
  createOnUpdate: true,
  validate: (event) => {
    const { namespace } = objectOf(event['involvedObject']);
    const expected = textOf(namespace) || 'default';
    return expected === event.metadata.namespace
      ? []
      : [invalidValue('involvedObject.namespace', textOf(namespace), 'does not match event.namespace')];
  },
  selectable,
};

/** The rules of events.k8s.io/v1 Events, which are stricter. */
export const newEventRules: Partial<Rules> = {
  createOnUpdate: true,
  validate: (event, old) => {
    if (old !== undefined) return [];
    const errors: FieldError[] = [];
    // Events of the old kind have no eventTime; they are read-only here.
    if (textOf(event['eventTime']) === '') errors.push(requiredValue('eventTime'));
    if (numberOf(event['deprecatedCount']) === 0) {
      for (const field of ['reportingController', 'reportingInstance', 'action', 'reason'] as const) {
        if (textOf(event['eventTime']) !== '' && textOf(event[field]) === '')
          errors.push(requiredValue(field));
      }
    }
    const type = textOf(event['type']);
    if (type !== 'Normal' && type !== 'Warning') {
      errors.push(invalidValue('type', type, `has invalid value: ${type}`));
    }
    return errors;
  },
  selectable,
};
