import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseCommand, parseRelease } from './validate.ts';

const SPEC = {
  template: {
    spec: { containers: [{ name: 'reviews', image: 'reviews:v1', ports: [{ containerPort: 9080 }] }] },
  },
  service: { name: 'reviews', port: 9080, portName: 'http' },
  traffic: { istio: { hosts: ['reviews'] } },
  steps: [{ weight: 5, for: '2m' }, { weight: 100 }],
};

function release(spec: unknown, status?: unknown) {
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: { name: 'reviews', namespace: 'bookinfo' },
    spec,
    status,
  };
}

function sentences(object: unknown): string[] {
  const parsed = parseRelease(object);
  return parsed.ok ? [] : parsed.problems.map(({ message }) => message);
}

describe('a CanaryRelease that works', () => {
  it('gets its defaults, and keeps what the pod template says beyond our schema', () => {
    const parsed = parseRelease(release(SPEC));

    expect(parsed).toMatchObject({
      ok: true,
      spec: {
        replicas: 1,
        template: SPEC.template,
        traffic: { istio: { gateways: ['mesh'] } },
        analysis: {
          source: 'proxies',
          minRequests: 50,
          errorRate: {},
          falseRollbacks: '1%',
          tolerance: '0%',
          warmUp: '20s',
          advance: 'dwell',
          onInconclusive: 'rollback',
        },
        progressDeadline: '10m',
        scaleDownDelay: '30s',
        revisionHistoryLimit: 3,
      },
      status: {},
      statusLost: [],
    });
  });
});

describe('a CanaryRelease that an older CRD let through', () => {
  it('is told each thing that is wrong, with its field', () => {
    const bad = {
      ...SPEC,
      replicas: -3,
      service: { name: 'reviews', port: '9080', targetPort: [] },
      steps: [{ weight: 0 }, { for: 'soon' }, { weight: 3.5 }],
      analysis: { source: 'guess', latency: { p99: 5 } },
      version: 'v'.repeat(70),
    };

    expect(sentences(release(bad))).toEqual([
      'spec.replicas must be at least 0, not -3',
      'spec.version must be at most 63 characters long, not 70',
      'spec.service.port must be a number, not "9080"',
      'spec.service.portName is missing: name the port <protocol>[-suffix], such as http or grpc-web, since Istio reads the protocol from it',
      'spec.service.targetPort must be a number or a string, not a list',
      'spec.steps[0].weight must be at least 1, not 0',
      'spec.steps[1].weight: a step of spec.steps has no weight: give it one from 1 to 100, such as {weight: 5, for: 2m}',
      'spec.steps[1].for: write a length of time as a number with its unit: 500ms, 90s, 2m or 1h30m',
      'spec.steps[2].weight must be a whole number, not 3.5',
      'spec.analysis.source must be one of proxies, prometheus, not "guess"',
      'spec.analysis.latency.p99 must be a string, not 5',
    ]);
  });

  it('is told of a missing spec and of a name that is too long for its Deployments', () => {
    expect(sentences({ metadata: { name: 'r'.repeat(53) } })).toEqual([
      'metadata.name must have at most 52 characters: the Deployments of its revisions are called NAME-HASH',
      'spec is missing: give template, service, traffic and steps',
    ]);
  });

  it('still gives its status, so that traffic can go where it is safe', () => {
    const parsed = parseRelease(release({}, { stableRevision: 'aaaa' }));

    expect(parsed.ok).toBe(false);
    expect(parsed.status.stableRevision).toBe('aaaa');
  });
});

describe('a status that another version wrote', () => {
  const healthy = { observedGeneration: 4, phase: 'Healthy', stableRevision: 'aaaa' };
  const step = {
    index: 2,
    of: 3,
    weight: 40,
    observedWeight: 40,
    startedAt: '2026-01-01T00:00:00Z',
    progressAt: '2026-01-01T00:00:00Z',
  };
  const going = {
    ...healthy,
    candidateRevision: 'bbbb',
    step,
    attempt: { number: 2, startedAt: step.startedAt },
  };

  it('keeps every field that can be read, and names the others', () => {
    const { status, statusLost } = parseRelease(
      release(SPEC, {
        ...healthy,
        phase: 'Dancing',
        message: 7,
        history: [{ revision: 'aaaa' }],
        unheard: 1,
      }),
    );

    expect(status).toEqual({ observedGeneration: 4, stableRevision: 'aaaa', history: [] });
    expect(statusLost).toEqual(['phase', 'message', 'history']);
  });

  it('keeps a release given up, even when the reason cannot be read', () => {
    const { status } = parseRelease(
      release(SPEC, { ...going, ending: { outcome: 'Exploded', reason: 'AnalysisFailed' } }),
    );

    expect(status.ending).toMatchObject({ outcome: 'RolledBack', reason: 'AnalysisFailed' });
    expect(status.step).toEqual(step);
  });

  it('keeps a revision rejected and a release paused', () => {
    const { status } = parseRelease(
      release(SPEC, { ...going, rejected: { revision: 'cccc', at: 5 }, paused: { by: 'magic' } }),
    );

    expect(status.rejected?.revision).toBe('cccc');
    expect(status.paused?.by).toBe('command');
  });

  it('begins the release afresh when its step cannot be read', () => {
    const { status } = parseRelease(release(SPEC, { ...going, step: { index: 'two' } }));

    expect(status).toEqual({ ...healthy, attempt: going.attempt });
  });

  it('rejects the revision when the step of a release that was given up cannot be read', () => {
    const ending = { outcome: 'RolledBack', reason: 'Aborted', message: 'by hand', at: step.startedAt };
    const { status } = parseRelease(release(SPEC, { ...going, step: 'two', ending }));

    expect(status.candidateRevision).toBeUndefined();
    expect(status.rejected).toEqual({
      revision: 'bbbb',
      reason: 'Aborted',
      message: 'by hand',
      at: step.startedAt,
    });
  });

  it('remembers commands that were executed, as long as their names and uids are there', () => {
    const { status } = parseRelease(
      release(SPEC, { ...healthy, commands: [{ name: 'stop', uid: '1', phase: 'Done' }, { uid: '2' }] }),
    );

    expect(status.commands).toMatchObject([{ name: 'stop', uid: '1', phase: 'Executed' }]);
  });

  it('keeps the stable revision whatever the rest is', () => {
    const anyStatus = fc
      .dictionary(
        fc.constantFrom('step', 'ending', 'paused', 'phase', 'history', 'conditions', 'commands', 'analysis'),
        fc.anything(),
      )
      .map((fields) => ({ ...fields, stableRevision: 'aaaa' }));
    fc.assert(
      fc.property(
        anyStatus,
        (status) => parseRelease(release(SPEC, status)).status.stableRevision === 'aaaa',
      ),
    );
  });
});

describe('anything at all', () => {
  it('never makes the parsers throw, and gets at least one sentence when it is refused', () => {
    const partly = fc.record(
      { metadata: fc.anything(), spec: fc.anything(), status: fc.anything() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), partly), (object) => {
        for (const parsed of [parseRelease(object), parseCommand(object)]) {
          expect(parsed.ok || parsed.problems.length > 0).toBe(true);
        }
      }),
    );
  });
});

describe('a ReleaseCommand', () => {
  const command = {
    metadata: { name: 'stop' },
    spec: { release: 'reviews', revision: 'bbbb', action: 'abort' },
  };

  it('is kept for an hour by default', () => {
    expect(parseCommand(command)).toMatchObject({ ok: true, spec: { ...command.spec, ttl: '1h' } });
  });

  it('must say which revision it is about, and what to do', () => {
    const parsed = parseCommand({ ...command, spec: { release: 'reviews', action: 'explode' } });

    expect(parsed).toMatchObject({
      ok: false,
      problems: [
        {
          message:
            'spec.revision is missing: name the revision that this command is about, so that it cannot hit a later one (kubectl get canaryreleases -o wide shows it)',
        },
        {
          message:
            'spec.action must be one of pause, resume, promote, promoteFull, abort, retry, rollbackTo, not "explode"',
        },
      ],
    });
  });
});
