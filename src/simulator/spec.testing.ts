import { canaryReleaseSpec } from '../api/index.ts';

/** A release of three pods that nobody but tests would write. */
export function spec(change: object = {}) {
  return canaryReleaseSpec.parse({
    replicas: 3,
    template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    service: { name: 'app', port: 80, portName: 'http' },
    traffic: { istio: { hosts: ['app'] } },
    steps: [{ weight: 5, for: '1m' }, { weight: 50, for: '2m' }, { weight: 100 }],
    ...change,
  });
}
