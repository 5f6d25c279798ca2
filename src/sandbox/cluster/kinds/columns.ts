import { at, listOf, numberOf, objectOf, textOf, type JsonObject, type Stored } from '../object.ts';
import { selectorText } from '../selectors.ts';
import type { Column } from '../resource.ts';

type Value = (object: Stored, now: number) => string | number;

function column(name: string, value: Value, type = 'string', priority = 0): Column {
  return { name, type, ...(name === 'Name' ? { format: 'name' } : {}), priority, value };
}

function wide(name: string, value: Value): Column {
  return column(name, value, 'string', 1);
}

const name = column('Name', ({ metadata }) => metadata.name);
const ageColumn = column('Age', ({ metadata }, now) => age(metadata.creationTimestamp, now));

/** The time since an RFC 3339 moment in the style of kubectl: `90s`, `5m30s`, `3h`, `2d`. */
export function age(since: string | undefined, now: number): string {
  const from = since === undefined ? NaN : Date.parse(since);
  return Number.isNaN(from) ? '<unknown>' : duration(now - from);
}

/** A duration in ms in the style of kubectl: two units at most, and the smaller only where it matters. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return two(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;
}

function count(object: Stored, ...path: string[]): number {
  return numberOf(at(object, ...path));
}

function orNone(value: string): string {
  return value === '' ? '<none>' : value;
}

function templateContainers(object: Stored, field: string): string {
  return listOf(at(object, 'spec', 'template', 'spec', 'containers'))
    .map((container) => textOf(objectOf(container)[field]))
    .join(',');
}

const containers = wide('Containers', (object) => templateContainers(object, 'name'));
const images = wide('Images', (object) => templateContainers(object, 'image'));
const selector = wide('Selector', (object) => orNone(selectorText(objectOf(at(object, 'spec', 'selector')))));

/** What kubectl shows as the status of a pod: the most telling of phase, container states and deletion. */
export function podStatusText(pod: Stored): string {
  const status = objectOf(pod['status']);
  let shown = textOf(status['reason']) || textOf(status['phase']) || 'Unknown';
  for (const item of listOf(status['containerStatuses'])) {
    const state = objectOf(objectOf(item)['state']);
    const waiting = textOf(at(state, 'waiting', 'reason'));
    const terminated = objectOf(state['terminated']);
    if (waiting !== '') shown = waiting;
    else if (state['terminated'] !== undefined) {
      shown = textOf(terminated['reason']) || `ExitCode:${numberOf(terminated['exitCode'])}`;
    }
  }
  return pod.metadata.deletionTimestamp === undefined ? shown : 'Terminating';
}

function containerStatuses(pod: Stored): JsonObject[] {
  return listOf(at(pod, 'status', 'containerStatuses')).map(objectOf);
}

export const podColumns: Column[] = [
  name,
  column('Ready', (pod) => {
    const ready = containerStatuses(pod).filter((status) => status['ready'] === true).length;
    return `${ready}/${listOf(at(pod, 'spec', 'containers')).length}`;
  }),
  column('Status', podStatusText),
  column('Restarts', (pod) =>
    String(containerStatuses(pod).reduce((sum, status) => sum + numberOf(status['restartCount']), 0)),
  ),
  ageColumn,
  wide('IP', (pod) => orNone(textOf(at(pod, 'status', 'podIP')))),
  wide('Node', (pod) => orNone(textOf(at(pod, 'spec', 'nodeName')))),
  wide('Nominated Node', (pod) => orNone(textOf(at(pod, 'status', 'nominatedNodeName')))),
  wide('Readiness Gates', () => '<none>'),
];

export const deploymentColumns: Column[] = [
  name,
  column(
    'Ready',
    (object) => `${count(object, 'status', 'readyReplicas')}/${count(object, 'spec', 'replicas')}`,
  ),
  column('Up-to-date', (object) => count(object, 'status', 'updatedReplicas')),
  column('Available', (object) => count(object, 'status', 'availableReplicas')),
  ageColumn,
  containers,
  images,
  selector,
];

export const replicaSetColumns: Column[] = [
  name,
  column('Desired', (object) => count(object, 'spec', 'replicas'), 'integer'),
  column('Current', (object) => count(object, 'status', 'replicas'), 'integer'),
  column('Ready', (object) => count(object, 'status', 'readyReplicas'), 'integer'),
  ageColumn,
  containers,
  images,
  selector,
];

function servicePorts(service: Stored): string {
  const ports = listOf(at(service, 'spec', 'ports')).map((item) => {
    const port = objectOf(item);
    const node = port['nodePort'] === undefined ? '' : `:${numberOf(port['nodePort'])}`;
    return `${numberOf(port['port'])}${node}/${textOf(port['protocol'])}`;
  });
  return orNone(ports.join(','));
}

export const serviceColumns: Column[] = [
  name,
  column('Type', (service) => textOf(at(service, 'spec', 'type'))),
  column('Cluster-IP', (service) => orNone(textOf(at(service, 'spec', 'clusterIP')))),
  column('External-IP', (service) => {
    const external = listOf(at(service, 'spec', 'externalIPs'))
      .map(textOf)
      .join(',');
    if (at(service, 'spec', 'type') === 'ExternalName') return textOf(at(service, 'spec', 'externalName'));
    return at(service, 'spec', 'type') === 'LoadBalancer' ? external || '<pending>' : orNone(external);
  }),
  column('Port(s)', servicePorts),
  ageColumn,
  wide('Selector', (service) =>
    orNone(selectorText({ matchLabels: objectOf(at(service, 'spec', 'selector')) })),
  ),
];

export const namespaceColumns: Column[] = [
  name,
  column('Status', (namespace) => textOf(at(namespace, 'status', 'phase'))),
  ageColumn,
];

function entries(object: Stored, ...fields: string[]): number {
  return fields.reduce((sum, field) => sum + Object.keys(objectOf(object[field])).length, 0);
}

export const configMapColumns: Column[] = [
  name,
  column('Data', (object) => entries(object, 'data', 'binaryData')),
  ageColumn,
];

export const secretColumns: Column[] = [
  name,
  column('Type', (secret) => textOf(secret['type'])),
  column('Data', (secret) => entries(secret, 'data'), 'integer'),
  ageColumn,
];

export const serviceAccountColumns: Column[] = [
  name,
  column('Secrets', (account) => listOf(account['secrets']).length),
  ageColumn,
];

export const leaseColumns: Column[] = [
  name,
  column('Holder', (lease) => textOf(at(lease, 'spec', 'holderIdentity'))),
  ageColumn,
];

export const crdColumns: Column[] = [
  name,
  column('Created At', ({ metadata }) => metadata.creationTimestamp ?? '<unknown>', 'date'),
];

function involved(event: Stored): JsonObject {
  return objectOf(event['involvedObject'] ?? event['regarding']);
}

function lastSeen(event: Stored): string | undefined {
  const latest =
    textOf(at(event, 'series', 'lastObservedTime')) ||
    textOf(event['lastTimestamp'] ?? event['deprecatedLastTimestamp']) ||
    textOf(event['eventTime']);
  return latest === '' ? undefined : latest;
}

export const eventColumns: Column[] = [
  column('Last Seen', (event, now) => age(lastSeen(event), now)),
  column('Type', (event) => textOf(event['type'])),
  column('Reason', (event) => textOf(event['reason'])),
  column('Object', (event) => {
    const { kind, name: called } = involved(event);
    return `${textOf(kind).toLowerCase()}/${textOf(called)}`;
  }),
  wide('Subobject', (event) => textOf(involved(event)['fieldPath'])),
  wide('Source', (event) => textOf(event['reportingComponent'] ?? event['reportingController'])),
  column('Message', (event) => textOf(event['message'] ?? event['note']).trim()),
  wide('First Seen', (event, now) => age(event.metadata.creationTimestamp, now)),
  wide('Count', (event) => String(numberOf(event['count'] ?? event['deprecatedCount'], 1))),
  { ...wide('Name', ({ metadata }) => metadata.name), format: 'name' },
];
