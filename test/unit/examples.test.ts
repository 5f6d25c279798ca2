import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { measureOf } from '../../src/analysis/templates/render.ts';
import { resolveMetrics } from '../../src/analysis/templates/resolve.ts';
import { type CanaryRelease, parseRelease, parseTemplate } from '../../src/api/index.ts';

const FOLDER = join(import.meta.dirname, '../../examples/templates');

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

async function manifests(): Promise<Manifest[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml'));
  return Promise.all(
    names.map(async (name) => parse(await readFile(join(FOLDER, name), 'utf8')) as Manifest),
  );
}

describe('examples/templates', async () => {
  const all = await manifests();
  const object = all.find(({ kind }) => kind === 'CanaryRelease')!;
  const parsed = parseRelease(object);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('; '));
  const templates = all.filter(({ kind }) => kind.endsWith('AnalysisTemplate'));
  const side = (revision: string) => ({ revision, workload: `reviews-${revision}`, version: revision });
  const release: CanaryRelease = { ...object, spec: parsed.spec, status: {} };
  const facts = { release, candidate: side('new'), stable: side('old'), secret: () => ({ text: 'token' }) };

  it('can be used as they are by the release that names them', () => {
    const resolution = resolveMetrics(facts, ({ kind, name }) => {
      const template = templates.find((one) => one.kind === kind && one.metadata.name === name);
      return template === undefined ? undefined : parseTemplate(template);
    });
    expect(resolution.problems).toEqual([]);
    expect(resolution.values.map((metric) => measureOf(metric, facts, 60_000).kind)).toEqual([
      'prometheus',
      'job',
    ]);
    expect(resolution.events.map(({ name }) => name)).toEqual(['failed-orders/orders']);
  });

  it.each(templates.map((template) => [template.metadata.name, template] as const))(
    '%s needs no argument that its release does not give',
    (name, template) => {
      const { kind } = template;
      const ref = { kind: kind as 'AnalysisTemplate', name, args: { shop: 'eu' } };
      const named = {
        ...release,
        spec: { ...release.spec, analysis: { ...release.spec.analysis, templates: [ref] } },
      };
      const { problems } = resolveMetrics({ ...facts, release: named }, () => parseTemplate(template));
      expect(problems.filter(({ message }) => !message.includes('args.shop is no argument'))).toEqual([]);
    },
  );
});
