import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { canaryReleases } from '../api/resources.ts';
import type { Clock } from '../kube/clock.ts';
import { Informer } from '../kube/informer.ts';
import { type ApiClient, keyOf } from '../kube/types.ts';
import { type Asset, readAssets } from './server/assets.ts';
import { Board } from './server/board.ts';
import { onceEach } from './server/complaints.ts';
import type { Gate } from './server/gate.ts';
import { type SeenRelease, seen } from './server/seen.ts';
import { dashboardServer } from './server/server.ts';
import { Surroundings } from './server/surroundings.ts';

export { Access } from './server/access.ts';
export { ClusterGate, OwnGate, type TokenClient } from './server/gate.ts';

export interface DashboardSettings {
  /** Sees all releases that are to be shown, their pods and their Events. */
  readonly client: ApiClient;
  /** Only this namespace; undefined for all. */
  readonly namespace?: string | undefined;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Names by which it may be called; undefined where any will do. */
  readonly hosts?: ReadonlySet<string> | undefined;
  /** The files of the page; those beside this module when left out. */
  readonly assets?: ReadonlyMap<string, Asset> | undefined;
  readonly onError: (error: unknown) => void;
}

export interface RunningDashboard {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the dashboard. @throws Error where the port is taken */
export async function startDashboard(settings: DashboardSettings): Promise<RunningDashboard> {
  const { client, clock, namespace, gate, hosts, onError } = settings;
  const board = new Board();
  const complaints = onceEach(onError);
  const set = (release: SeenRelease) => {
    board.set(release);
  };
  const releases = new Informer<SeenRelease>({
    client,
    clock,
    namespace,
    type: canaryReleases,
    handlers: {
      added: set,
      updated: set,
      deleted: ({ metadata }) => {
        board.remove(keyOf(metadata));
      },
    },
    transform: (release) => seen(release),
    onError: (error, phase) => {
      if (phase !== 'handler') board.away(clock.now());
      complaints.onError(error);
    },
    onRecovery: () => {
      board.away(undefined);
      complaints.onRecovery();
    },
  });
  void releases.whenSynced().then(
    () => {
      board.complete();
    },
    // Closed before.
    () => undefined,
  );
  const around = new Surroundings(client, clock, onError);
  const assets = settings.assets ?? (await readAssets());
  const server = dashboardServer({ board, around, gate, assets, clock, hosts, onError });
  server.listen(settings.port, settings.host);
  await once(server, 'listening');
  releases.start();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}/`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await releases.stop();
    },
  };
}
