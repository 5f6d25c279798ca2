import { beforeEach, describe, expect, it } from 'vitest';
import type { Effect } from '../../core/model.ts';
import { ApiError, type KubeObject } from '../../kube/types.ts';
import { services } from '../../kube/well-known.ts';
import { releaseCommands } from '../../api/resources.ts';
import { Stage, failure } from './act.testing.ts';
import { RefusedWrite } from './act.ts';
import { isStale } from './controller.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.set();
});

const of = (name: string) => ({ namespace: 'shop', name });

describe('a command', () => {
  const command: KubeObject & { spec: unknown } = {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'ReleaseCommand',
    metadata: of('stop'),
    spec: { release: 'cart', revision: 'one', action: 'abort' },
  };
  const finish = (uid: string): Effect => ({
    kind: 'finishCommand',
    name: 'stop',
    uid,
    phase: 'Executed',
    message: 'aborted',
    at: '2030-01-01T00:00:00.000Z',
  });

  it('is told what came of it, and is deleted, by its uid', async () => {
    const { uid = '' } = (await stage.admin.create(releaseCommands, command)).metadata;
    await stage.perform(finish(uid));
    const told = await stage.live(releaseCommands, 'stop');
    expect(told).toMatchObject({
      status: { phase: 'Executed', message: 'aborted', finishedAt: '2030-01-01T00:00:00.000Z' },
    });
    expect(stage.written()).toMatchObject([
      {
        verb: 'patch',
        subresource: 'status',
        body: { metadata: { uid } },
        options: { fieldManager: 'songbird' },
      },
    ]);
    expect([stage.waitsWith(undefined), stage.waitsWith(told)]).toEqual([true, false]);
    await stage.perform({ kind: 'deleteCommand', name: 'stop', uid });
    expect(await failure(stage.live(releaseCommands, 'stop'))).toMatchObject({ code: 404 });
  });

  it('that is gone, or whose name another has now, is nobody to be told', async () => {
    await stage.perform(finish('uid-of-before'));
    await stage.perform({ kind: 'deleteCommand', name: 'stop', uid: 'uid-of-before' });
    await stage.admin.create(releaseCommands, command);
    await stage.perform(finish('uid-of-before'));
    await stage.perform({ kind: 'deleteCommand', name: 'stop', uid: 'uid-of-before' });
    expect(await stage.live(releaseCommands, 'stop')).not.toHaveProperty('status.phase');
  });

  it('that is made anew in between is not the one to be told', async () => {
    const { uid = '' } = (await stage.admin.create(releaseCommands, command)).metadata;
    stage.meanwhile = async () => {
      await stage.admin.delete(releaseCommands, of('stop'));
      await stage.admin.create(releaseCommands, command);
    };
    expect(isStale(await failure(stage.perform(finish(uid))))).toBe(true);
    await stage.perform(finish(uid));
    expect(await stage.live(releaseCommands, 'stop')).not.toHaveProperty('status.phase');
  });

  it('of which the API server says something else is tried again', async () => {
    const { uid = '' } = (await stage.admin.create(releaseCommands, command)).metadata;
    stage.meanwhile = async () => {
      throw new ApiError(500, 'InternalError', 'etcdserver: request timed out');
    };
    expect(await failure(stage.perform(finish(uid)))).toMatchObject({ code: 500 });
    stage.meanwhile = async () => {
      throw new ApiError(500, 'InternalError', 'etcdserver: request timed out');
    };
    expect(await failure(stage.perform({ kind: 'deleteCommand', name: 'stop', uid }))).toMatchObject({
      code: 500,
    });
  });
});

describe('an answer that trying again cannot change', () => {
  const forbidden =
    'services "cart" is forbidden: User "songbird" cannot patch resource "services" in API group "" in the namespace "shop"';

  it.each([
    [
      'a missing permission',
      new ApiError(403, 'Forbidden', forbidden),
      'PermissionDenied',
      `applyDeployment cart-one: ${forbidden}; give the operator's ClusterRole this permission`,
    ],
    [
      'a quota, or the like',
      new ApiError(403, 'Forbidden', 'exceeded quota: compute'),
      'ApiWriteFailed',
      'applyDeployment cart-one was refused: exceeded quota: compute',
    ],
    [
      'a webhook that refuses',
      new ApiError(400, 'BadRequest', 'admission webhook "x" denied the request: no'),
      'ApiWriteFailed',
      'applyDeployment cart-one was refused as invalid: admission webhook "x" denied the request: no; mend spec accordingly',
    ],
    [
      'an invalid object',
      new ApiError(422, 'Invalid', 'spec.template: Invalid value'),
      'ApiWriteFailed',
      'applyDeployment cart-one was refused as invalid: spec.template: Invalid value; mend spec accordingly',
    ],
  ])('is %s: it says what was refused and what to do', async (_what, answer, reason, message) => {
    stage.meanwhile = async () => {
      throw answer;
    };
    const error = await failure(stage.perform({ kind: 'applyDeployment', revision: 'one', replicas: 1 }));
    expect(error).toBeInstanceOf(RefusedWrite);
    expect(error).toMatchObject({ problem: { reason, message }, cause: answer });
    expect(stage.waitsWith(undefined)).toBe(false);
  });

  it.each([
    new ApiError(0, 'Timeout', 'no answer within 10 s'),
    new ApiError(409, 'AlreadyExists', 'services "cart" already exists'),
    new ApiError(429, 'TooManyRequests', 'later'),
    new ApiError(500, 'InternalError', 'oops'),
    new ApiError(503, 'ServiceUnavailable', 'apiserver not ready'),
  ])('is not $code $reason: it is tried again', async (answer) => {
    stage.meanwhile = async () => {
      throw answer;
    };
    expect(await failure(stage.perform({ kind: 'applyService' }))).toBe(answer);
    expect(stage.waitsWith(undefined)).toBe(false);
    await stage.perform({ kind: 'applyService' });
    expect((await stage.live(services, 'cart')).metadata.name).toBe('cart');
  });
});

it('a template that the API server cannot decode, which it answers with 500, is for a person to mend', async () => {
  stage.meanwhile = async () => {
    throw new ApiError(
      500,
      'InternalError',
      'failed to create typed patch object: .env[0].value: expected string',
    );
  };
  const refused = await failure(stage.perform({ kind: 'applyDeployment', revision: 'one', replicas: 1 }));
  expect(refused).toBeInstanceOf(RefusedWrite);
  expect(refused).toHaveProperty('problem.message', expect.stringContaining('expected string'));
});
