import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../kube/types.ts';
import { gateways, pods, virtualServices } from '../kube/well-known.ts';
import { releaseCommands } from '../api/resources.ts';
import { WatchTroubles } from './watch-troubles.ts';

let said: string[];
let errors: string[];
let troubles: WatchTroubles;

beforeEach(() => {
  said = [];
  errors = [];
  troubles = new WatchTroubles({
    say: (level, sentence) => said.push(`${level}: ${sentence}`),
    onError: (error, where) => errors.push(`${where}: ${String(error)}`),
  });
});

const away = new ApiError(0, 'ConnectionFailed', 'watch pods: no answer from https://10.0.0.1: ECONNREFUSED');
const missing = new ApiError(404, 'NotFound', 'the server could not find the requested resource');

describe('a watch that fails', () => {
  it('is told of once, again when the trouble changes, and once when it is over', () => {
    troubles.failed(pods, away);
    troubles.failed(pods, away);
    troubles.failed(pods, new ApiError(0, 'Timeout', 'nothing was heard'));
    expect(said).toEqual([
      `warn: ${away.message}; until that is over, what is known of pods may be out of date`,
    ]);
    troubles.failed(pods, new ApiError(503, 'ServiceUnavailable', 'not ready'));
    expect(said.at(-1)).toMatch(/^warn: not ready; until/);
    troubles.recovered(pods);
    expect(said.at(-1)).toBe('info: pods can be watched now');
    // Then the same trouble is news again
    troubles.failed(pods, away);
    expect(said).toHaveLength(4);
    expect(errors).toEqual([]);
  });

  it('is told of for each kind by itself', () => {
    troubles.failed(pods, away);
    troubles.failed(gateways, away);
    troubles.recovered(gateways);
    expect(said.map((line) => line.split(':')[0])).toEqual(['warn', 'warn', 'info']);
    troubles.failed(pods, away);
    expect(said).toHaveLength(3);
  });

  it.each([
    [
      virtualServices,
      'this cluster does not serve virtualservices.networking.istio.io (networking.istio.io/v1): install Istio and its CRDs; releases with spec.traffic.istio wait until they are there',
    ],
    [
      releaseCommands,
      'this cluster does not serve releasecommands.songbird.dev (songbird.dev/v1alpha1): install the CRDs of Songbird (kubectl apply -k config/); what needs them waits until they are there',
    ],
    [pods, 'this cluster does not serve pods (v1): nothing is done until it does'],
  ])('because its kind is missing names the kind and the mend (%#)', (type, sentence) => {
    troubles.failed(type, missing);
    expect(said).toEqual([`warn: ${sentence}`]);
  });

  it('because it is forbidden says who must allow it', () => {
    troubles.failed(pods, new ApiError(403, 'Forbidden', 'User "x" cannot list resource "pods"'));
    expect(said).toEqual([
      `warn: User "x" cannot list resource "pods"; give the operator's ClusterRole this permission`,
    ]);
  });

  it('by a fault of ours is an error with its stack, once as long as it stays the same', () => {
    troubles.failed(pods, new TypeError('undefined is not a list'));
    troubles.failed(pods, new TypeError('undefined is not a list'));
    troubles.failed(pods, new TypeError('null is not a list'));
    expect(errors).toEqual([
      'watch of pods: TypeError: undefined is not a list',
      'watch of pods: TypeError: null is not a list',
    ]);
    expect(said).toEqual([]);
  });
});

it('a watch that never failed has nothing to recover from', () => {
  troubles.recovered(pods);
  expect(said).toEqual([]);
});
