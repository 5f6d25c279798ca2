/** Words of the command line that order something of a release, and what each does. */
export const ORDERS = {
  pause: 'holds the candidate at its weight',
  resume: 'goes on from a pause',
  promote: 'passes the present step now; with --full all that remain',
  abort: 'takes the candidate back',
  retry: 'tries the revision that was rolled back again',
  'rollback-to': 'returns to an earlier revision at once',
} as const;

export type OrderWord = keyof typeof ORDERS;
