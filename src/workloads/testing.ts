import { type CanaryRelease, canaryReleaseSpec } from '../api/index.ts';

/** A CanaryRelease for tests: Bookinfo's reviews, with what the test changes in its spec. */
export function aRelease(spec: Record<string, unknown> = {}): CanaryRelease {
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: {
      name: 'reviews',
      namespace: 'bookinfo',
      uid: 'uid-reviews',
      resourceVersion: '7',
      generation: 1,
      creationTimestamp: '2030-01-01T00:00:00Z',
    },
    spec: canaryReleaseSpec.parse({
      replicas: 3,
      template: {
        metadata: { labels: { team: 'shop' } },
        spec: { containers: [{ name: 'reviews', image: 'reviews:v1', ports: [{ containerPort: 9080 }] }] },
      },
      service: { name: 'reviews', port: 9080, portName: 'http' },
      traffic: { istio: { hosts: ['reviews'] } },
      steps: [{ weight: 5, for: '2m' }, { weight: 100 }],
      ...spec,
    }),
    status: {},
  };
}
