import { describe, expect, it } from 'vitest';
import { enumerate, PARTS } from './enumerate.ts';
import { AXES, worldAt } from './small-worlds.ts';

describe('decide in small worlds', () => {
  it.each(Array.from({ length: PARTS }, (_, part) => [AXES.status[part] ?? '', part] as const))(
    'with the status: %s',
    (_, part) => {
      // A part of them: `npm run simulate -- --through worlds` looks at them all
      const { worlds, broken } = enumerate(part, 1009);
      expect(broken).toEqual([]);
      expect(worlds).toBeGreaterThan(20);
    },
  );

  it('differ along each axis', () => {
    const place = {
      ...{ status: 'a step watched', stable: 'all pods ready', candidate: 'all pods ready', verdict: 'Pass' },
      ...{ telemetry: 'counted', weights: 'candidate 40', command: 'none', template: 'v2' },
      ...{ manifest: 'sound', rest: 'as it should be' },
    };
    const before = JSON.stringify(worldAt(place).observed);
    for (const [axis, values] of Object.entries(AXES))
      for (const value of values.filter((one) => one !== place[axis as keyof typeof AXES]))
        expect(JSON.stringify(worldAt({ ...place, [axis]: value }).observed), `${axis}: ${value}`).not.toBe(
          before,
        );
  });
});
