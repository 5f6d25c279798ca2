/** A Deployment whose requests are asked for: `destination_workload` and its namespace in Istio's metrics. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
}

export function workloadKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

// `instance` and `job` tell the scraped proxies apart, and the scrapes of one proxy by two jobs.
const BY = 'job, instance, destination_workload, destination_workload_namespace';

/** Raw request counters. */
export function requestsQuery(workloads: readonly Workload[]): string {
  return `sum by (${BY}, reporter, response_code, grpc_response_status) (istio_requests_total${matchers(workloads)})`;
}

/** Raw buckets of request durations. */
export function durationsQuery(workloads: readonly Workload[]): string {
  return `sum by (${BY}, reporter, le) (istio_request_duration_milliseconds_bucket${matchers(workloads)})`;
}

/** When the counters were scraped, in seconds since the epoch. */
export function timestampsQuery(workloads: readonly Workload[]): string {
  return `max by (${BY}) (timestamp(istio_requests_total${matchers(workloads)}))`;
}

function matchers(workloads: readonly Workload[]): string {
  const names = alternatives(workloads.map((workload) => workload.name));
  const namespaces = alternatives(workloads.map((workload) => workload.namespace));
  return `{destination_workload=~${names},destination_workload_namespace=~${namespaces}}`;
}

/** A PromQL string with a regular expression of exactly these values. A string's escapes are those of JSON. */
function alternatives(values: readonly string[]): string {
  const literals = [...new Set(values)].sort().map((value) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return JSON.stringify(literals.join('|'));
}
