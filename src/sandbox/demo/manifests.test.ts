import { expect, test } from 'vitest';
import { parseRelease } from '../../api/index.ts';
import { readCrds, readShop, shopRelease } from './manifests.ts';

test('the release is valid in every version that the demo applies', async () => {
  for (const version of ['v1', 'v2', 'v3']) {
    const release = shopRelease(await readShop(), version, version === 'v3' ? 0.3 : 0);
    expect(parseRelease(release)).toMatchObject({ ok: true, spec: { version } });
  }
});

test('a version changes the image and the version alone; the API version stays', async () => {
  const text = JSON.stringify(shopRelease(await readShop(), 'v1'));
  const next = JSON.stringify(shopRelease(await readShop(), 'v2'));
  expect(next).toContain('"songbird.dev/v1alpha1"');
  expect(next.replaceAll(':v2"', ':v1"').replaceAll('"v2"', '"v1"')).toBe(text);
});

test('only the bad one is told to fail', async () => {
  expect(JSON.stringify(shopRelease(await readShop(), 'v2'))).not.toContain('ERROR_RATE');
  expect(JSON.stringify(shopRelease(await readShop(), 'v3', 0.3))).toContain(
    '{"name":"ERROR_RATE","value":"0.3"}',
  );
});

test('Songbird’s CRDs and Istio’s are installed', async () => {
  const names = (await readCrds()).map(({ metadata }) => metadata.name).sort();
  expect(names).toEqual([
    'analysistemplates.songbird.dev',
    'canaryreleases.songbird.dev',
    'clusteranalysistemplates.songbird.dev',
    'destinationrules.networking.istio.io',
    'gateways.networking.istio.io',
    'notificationpolicies.songbird.dev',
    'releasecommands.songbird.dev',
    'virtualservices.networking.istio.io',
  ]);
});
