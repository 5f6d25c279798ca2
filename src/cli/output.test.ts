import { describe, expect, it } from 'vitest';
import { redrawer, wantsColor } from './output.ts';

describe('a picture that is drawn anew', () => {
  it('stands where the last one stood, and leaves nothing of it', () => {
    let written = '';
    const redraw = redrawer(
      (text) => {
        written += text;
      },
      () => 4,
    );
    redraw(['one', 'two']);
    expect(written).toBe('\rone\u001b[K\ntwo\u001b[K\n\u001b[J');
    written = '';
    redraw(['three']);
    expect(written).toBe('\u001b[2A\rthree\u001b[K\n\u001b[J');
    written = '';
    redraw(['a', 'b', 'c', 'd', 'e']);
    expect(written.split('\n')).toHaveLength(4);
  });

  it('has colours where they are wanted', () => {
    expect(wantsColor({})).toBe(true);
    expect(wantsColor({ NO_COLOR: '1' })).toBe(false);
    expect(wantsColor({ TERM: 'dumb' })).toBe(false);
  });
});
