import { GROUP } from '../../api/names.ts';
import type { Visitor } from './gate.ts';

/** What a person may do with the release that they look at. */
export interface Rights {
  readonly mayCommand: boolean;
  readonly maySeePods: boolean;
  readonly maySeeEvents: boolean;
}

export const NO_RIGHTS: Rights = { mayCommand: false, maySeePods: false, maySeeEvents: false };

type Of = Pick<Visitor, 'may'>;

/** Whether a person may see the releases of a namespace; of all where none is named. @throws ApiError */
export function maySee(visitor: Of, namespace: string | undefined): Promise<boolean> {
  return visitor.may({ verb: 'list', group: GROUP, resource: 'canaryreleases', namespace });
}

/** Whether a person may give orders in a namespace. @throws ApiError */
export function mayCommand(visitor: Of, namespace: string): Promise<boolean> {
  return visitor.may({ verb: 'create', group: GROUP, resource: 'releasecommands', namespace });
}

/** @throws ApiError */
export async function rightsIn(visitor: Of, namespace: string): Promise<Rights> {
  const may = (group: string, resource: string) => visitor.may({ verb: 'list', group, resource, namespace });
  const [command, pods, events, oldEvents] = await Promise.all([
    mayCommand(visitor, namespace),
    may('', 'pods'),
    may('events.k8s.io', 'events'),
    // The same Events under their older name, which the cluster's role view has.
    may('', 'events'),
  ]);
  return { mayCommand: command, maySeePods: pods, maySeeEvents: events || oldEvents };
}

/** Of all these namespaces, whether a person may see their releases. @throws ApiError */
export async function seenOf(
  visitor: Of,
  namespaces: Iterable<string>,
): Promise<ReadonlyMap<string, boolean>> {
  const everywhere = await maySee(visitor, undefined);
  const asked = [...namespaces].map(async (namespace): Promise<[string, boolean]> => [
    namespace,
    everywhere || (await maySee(visitor, namespace)),
  ]);
  return new Map(await Promise.all(asked));
}
