import { expect, test } from 'vitest';
import { knownImage } from './images.ts';

test.each([
  ['demo-app:v1', 'v1', 8080],
  ['demo-app', 'latest', 8080],
  ['registry.example.com:5000/team/demo-app:1.2', '1.2', 8080],
  ['demo-app:v2@sha256:0123', 'v2', 8080],
  ['docker.io/istio/examples-bookinfo-reviews-v3:1.20.3', 'v3', 9080],
])('%s runs as version %s at port %i', (image, version, port) => {
  expect(knownImage(image)).toEqual({ version, port });
});

test.each(['', 'nginx', 'my-demo-app:v1', 'demo-app/other:v1', 'examples-bookinfo-ratings-v1:1.20.3'])(
  '%j is not known',
  (image) => {
    expect(knownImage(image)).toBeUndefined();
  },
);
