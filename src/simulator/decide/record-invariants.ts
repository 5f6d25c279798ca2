import { isDeepStrictEqual } from 'node:util';
import { type Pass, holds } from './pass.ts';

/** A course is written every few seconds: it stays smaller than this. */
const MOST_BYTES = 16_384;

/** `quiet`: the record of a release is written together with something else, or not at all; and it stays small. */
export function checkRecord({ before, after }: Pass): void {
  const { course: was, ...restBefore } = before;
  const { course: is, ...restAfter } = after;
  if (was === is) return;
  const isAlone = !isDeepStrictEqual(was, is) && isDeepStrictEqual(restBefore, restAfter);
  holds('quiet', !isAlone, 'the course of the release alone is the reason of a write');
  const bytes = is === undefined ? 0 : JSON.stringify(is).length;
  holds('quiet', bytes <= MOST_BYTES, () => `the course of the release has ${bytes} bytes`);
}
