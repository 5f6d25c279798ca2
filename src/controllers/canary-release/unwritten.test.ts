import { beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseObject } from '../../api/index.ts';
import { UnwrittenStatuses } from './unwritten.ts';

const KEY = 'shop/cart';

function release(status: unknown, uid = 'a'): CanaryReleaseObject {
  const metadata = { name: 'cart', namespace: 'shop', uid };
  return { apiVersion: 'songbird.dev/v1alpha1', kind: 'CanaryRelease', metadata, status };
}

describe('a status that could not be written', () => {
  let unwritten: UnwrittenStatuses;
  beforeEach(() => {
    unwritten = new UnwrittenStatuses();
    unwritten.keep(KEY, release({ phase: 'Progressing' }), { phase: 'RollingBack' });
  });

  it('is the one to go by, as long as nobody has written another', () => {
    const edited = { ...release({ phase: 'Progressing' }), spec: { replicas: 3 } };
    expect(unwritten.over(KEY, edited)).toEqual({ ...edited, status: { phase: 'RollingBack' } });
    expect(unwritten.over('shop/other', edited)).toBe(edited);
  });

  it('is forgotten once another one is there, be it our own that was written after all', () => {
    const written = release({ phase: 'Healthy' });
    expect(unwritten.over(KEY, written)).toBe(written);
    const back = release({ phase: 'Progressing' });
    expect(unwritten.over(KEY, back)).toBe(back);
  });

  it('is not that of a release made anew under the same name', () => {
    const other = release({ phase: 'Progressing' }, 'b');
    expect(unwritten.over(KEY, other)).toBe(other);
  });

  it('can be forgotten', () => {
    unwritten.forget(KEY);
    const object = release({ phase: 'Progressing' });
    expect(unwritten.over(KEY, object)).toBe(object);
  });
});
