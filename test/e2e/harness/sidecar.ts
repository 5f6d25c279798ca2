import { ADMIN_PORT, pipe, STATS_PORT, tcp } from './envoy.ts';
import type { Bootstrap } from './envoy.ts';
import { upstreamHttp } from './mesh-config.ts';

const MANAGER =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
};

/**
 * A pod's proxy, as Istio would inject it: what comes to `podIP:port` goes to the app, through the cluster
 * `inbound|PORT||`; its statistics are at `podIP:15090/stats/prometheus`.
 */
export function sidecarBootstrap(
  podIP: string,
  ports: readonly { readonly port: number; readonly socket: string }[],
): Bootstrap {
  return {
    static_resources: {
      listeners: [
        ...ports.map(({ port }) => listener(`inbound_${port}`, podIP, port, '/', inboundCluster(port))),
        listener('stats', podIP, STATS_PORT, '/stats/prometheus', 'prometheus_stats'),
      ],
      clusters: [
        ...ports.map(({ port, socket }) => staticCluster(inboundCluster(port), pipe(socket))),
        staticCluster('prometheus_stats', tcp(podIP, ADMIN_PORT)),
      ],
    },
    // As in Istio's proxies, only what somebody reads is kept: a scrape stays small.
    stats_config: {
      stats_matcher: {
        inclusion_list: {
          patterns: [{ prefix: 'cluster.inbound|' }, { prefix: 'http.inbound_' }, { prefix: 'server.' }],
        },
      },
    },
  };
}

/** The name that Istio gives the cluster from a sidecar to its app; it begins the names of its statistics. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

function listener(name: string, address: string, port: number, prefix: string, cluster: string): object {
  return {
    name,
    address: tcp(address, port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': MANAGER,
              stat_prefix: name,
              generate_request_id: false,
              server_header_transformation: 'PASS_THROUGH',
              route_config: {
                virtual_hosts: [
                  {
                    name,
                    domains: ['*'],
                    routes: [{ match: { prefix }, route: { cluster, timeout: '0s' } }],
                  },
                ],
              },
              http_filters: [ROUTER],
            },
          },
        ],
      },
    ],
  };
}

function staticCluster(name: string, address: object): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: upstreamHttp(),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
  };
}
