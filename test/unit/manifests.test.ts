import { describe, expect, it } from 'vitest';
import { parseCommand, parsePolicy, parseRelease, parseTemplate } from '../../src/api/index.ts';
import { invalidManifests, validManifests } from '../fixtures/manifests.ts';
import type { Manifest } from '../fixtures/manifests.ts';

// The API server is asked about the same files in test/admission.
const invalid = await invalidManifests();
const valid = await validManifests();

/** The name that the API server would make. */
function named(object: Manifest['object']): Manifest['object'] {
  const { name, generateName = '' } = object.metadata;
  return { ...object, metadata: { ...object.metadata, name: name ?? `${generateName}x7k2p` } };
}

function parse({ object }: Manifest) {
  switch (object.kind) {
    case 'ReleaseCommand':
      return parseCommand(named(object));
    case 'AnalysisTemplate':
    case 'ClusterAnalysisTemplate':
      return parseTemplate(named(object));
    case 'NotificationPolicy':
      return parsePolicy(named(object));
    default:
      return parseRelease(named(object));
  }
}

describe('our own rules', () => {
  it.each(invalid.map((manifest) => [manifest.file, manifest] as const))(
    'refuse %s, with the field and the mend',
    (_, manifest) => {
      const { field, sentence } = manifest;
      const located = sentence.startsWith(field) ? sentence : `${field}: ${sentence}`;
      expect(parse(manifest)).toMatchObject({
        ok: false,
        problems: [{ reason: 'InvalidSpec', message: located }],
      });
    },
  );

  it.each(valid.map((manifest) => [manifest.file, manifest] as const))('take %s', (_, manifest) => {
    expect(parse(manifest)).toMatchObject({ ok: true });
  });
});

describe('a manifest', () => {
  it('can be so wrong that it gets several sentences, one for each field', () => {
    const [first, second] = ['no-port', 'no-steps'].map((file) => invalid.find((m) => m.file === file));
    const { spec } = first!.object as unknown as { spec: Record<string, unknown> };
    const { steps: _, ...rest } = spec;
    const parsed = parseRelease({ ...first!.object, spec: rest });
    expect(parsed).toMatchObject({
      ok: false,
      problems: [{ message: first!.sentence }, { message: second!.sentence }],
    });
  });
});
