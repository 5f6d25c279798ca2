import { describe, expect, it } from 'vitest';
import { ExpositionError } from '../exposition.ts';
import { increase } from '../series.ts';
import { parseStatistics, StatisticsError } from './statistics.ts';

function tallyOf(text: string) {
  const { flavour, series } = parseStatistics(text);
  return { flavour, tally: increase(undefined, { time: 0, series }).get('') };
}

// As Envoy 1.40 prints them, shortened.
const ENVOY = `# TYPE envoy_cluster_external_upstream_rq counter
envoy_cluster_external_upstream_rq{envoy_response_code="503",envoy_cluster_name="inbound|9080||"} 1
# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="inbound|9080||"} 6
envoy_cluster_upstream_rq{envoy_response_code="404",envoy_cluster_name="inbound|9080||"} 1
envoy_cluster_upstream_rq{envoy_response_code="503",envoy_cluster_name="inbound|9080||"} 2
envoy_cluster_upstream_rq{envoy_response_code="500",envoy_cluster_name="outbound|9080||ratings"} 70
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="inbound|9080||"} 9
# TYPE envoy_server_live gauge
envoy_server_live{} 1
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="inbound|9080||",le="25"} 4
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="inbound|9080||",le="50"} 9
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="inbound|9080||",le="+Inf"} 9
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="inbound|9080||"} 190.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="inbound|9080||"} 9
`;

const istio = (labels: string) =>
  `istio_requests_total{reporter="destination",source_workload="web",${labels},connection_security_policy="mutual_tls"}`;

describe('parseStatistics', () => {
  it("counts an Envoy's inbound requests", () => {
    expect(tallyOf(ENVOY)).toEqual({
      flavour: 'envoy',
      tally: {
        requests: 9,
        failed: 2,
        durations: [{ bounds: [25, 50, Infinity], counts: [4, 9, 9] }],
      },
    });
  });

  it("knows the shorter names that Istio's bootstrap gives to Envoy's labels", () => {
    const text = 'envoy_cluster_upstream_rq{response_code="503",cluster_name="inbound|80||"} 3\n';
    expect(tallyOf(text).tally).toMatchObject({ requests: 3, failed: 3 });
  });

  it("prefers Istio's metrics where they are, and counts what this proxy served, not what it called", () => {
    const text =
      ENVOY +
      `${istio('response_code="200",grpc_response_status=""')} 10\n` +
      `${istio('response_code="503",grpc_response_status=""')} 3\n` +
      'istio_requests_total{reporter="source",response_code="500",grpc_response_status=""} 50\n';
    expect(tallyOf(text)).toMatchObject({ flavour: 'istio', tally: { requests: 13, failed: 3 } });
  });

  it.each([
    ['0', 0],
    ['1', 0],
    ['2', 1],
    ['3', 0],
    ['4', 1],
    ['5', 0],
    ['7', 0],
    ['8', 0],
    ['10', 0],
    ['12', 1],
    ['13', 1],
    ['14', 1],
    ['15', 1],
    ['16', 0],
  ])('takes gRPC status %s for %i failed calls', (status, failed) => {
    const text = `${istio(`response_code="200",grpc_response_status="${status}"`)} 1\n`;
    expect(tallyOf(text).tally).toMatchObject({ requests: 1, failed });
  });

  it('finds nothing in the answer of a proxy that has served nothing', () => {
    expect(tallyOf('envoy_server_live{} 1\n').tally).toBeUndefined();
  });

  it('refuses what is no statistics of a proxy', () => {
    expect(() => parseStatistics('<html><body>Welcome</body></html>')).toThrow(StatisticsError);
    expect(() => parseStatistics('go_goroutines 12\n')).toThrow(/none begins with envoy_ or istio_/);
    expect(() => parseStatistics('')).toThrow(/the answer is empty/);
  });

  it('refuses broken numbers rather than count nonsense', () => {
    expect(() => parseStatistics(`${istio('response_code="200"')} NaN\n`)).toThrow(StatisticsError);
    expect(() => parseStatistics(`${istio('response_code="200"')} -1\n`)).toThrow(StatisticsError);
    expect(() => parseStatistics(`${istio('response_code="200"')} x\n`)).toThrow(ExpositionError);
    const cut = ENVOY.replace(/^.*le="\+Inf".*\n/m, '');
    expect(() => parseStatistics(cut)).toThrow(/\+Inf/);
  });
});
