import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { OperatorMetrics } from '../../src/controllers/metrics.ts';

const CONFIG = new URL('../../config/monitoring/', import.meta.url);
const read = (name: string) => readFile(new URL(name, CONFIG), 'utf8');

/** What the operator exports, histograms by their three parts. */
async function exported(): Promise<Set<string>> {
  const metrics = await new OperatorMetrics().registry.getMetricsAsJSON();
  return new Set(
    metrics.flatMap(({ name, type }) =>
      String(type) === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name],
    ),
  );
}

describe('config/monitoring', () => {
  it('asks only for metrics that the operator has', async () => {
    const known = await exported();
    for (const file of ['dashboard.json', 'prometheus-rule.yaml']) {
      const asked = (await read(file)).match(/songbird_[a-z0-9_]+/g) ?? [];
      expect(asked.length).toBeGreaterThan(5);
      expect(asked.filter((name) => !known.has(name))).toEqual([]);
    }
  });

  it('has panels that each say what they show, side by side without gaps below another', async () => {
    interface Panel {
      readonly title: string;
      readonly type: string;
      readonly description?: string;
      readonly gridPos: { readonly x: number; readonly w: number };
    }
    const { panels } = JSON.parse(await read('dashboard.json')) as { panels: Panel[] };
    for (const { title, type, description, gridPos } of panels) {
      if (type !== 'row') expect(description, title).toBeTruthy();
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    }
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it('has alerts that say what is so, and what to do', async () => {
    const { spec } = parse(await read('prometheus-rule.yaml')) as {
      spec: {
        groups: { rules: { alert: string; annotations: { summary?: string; description?: string } }[] }[];
      };
    };
    for (const { alert, annotations } of spec.groups.flatMap(({ rules }) => rules)) {
      expect(alert).toMatch(/^Songbird/);
      expect(annotations.summary, alert).toBeTruthy();
      expect(annotations.description, alert).toBeTruthy();
    }
  });
});
