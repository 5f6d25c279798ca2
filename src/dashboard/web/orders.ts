import type { Detail } from '../wire.ts';

/** What somebody can order: the word, what it says on the button, and what is asked before. */
export interface Order {
  readonly action: string;
  readonly label: string;
  readonly revision: string;
  readonly question: string;
  readonly isDanger: boolean;
}

/** What the operator would execute now. */
export function ordersFor(
  detail: Pick<Detail, 'candidate' | 'stable' | 'rejected' | 'retired' | 'paused' | 'phase'>,
): Order[] {
  const { candidate, stable, phase, paused } = detail;
  if (phase === 'RollingBack') return [];
  if (candidate !== undefined && stable !== undefined) return ordersOf(candidate, paused);
  return atRest(detail);
}

/** What can be ordered of a release that is under way. */
function ordersOf(revision: string, isPaused: boolean): Order[] {
  return [
    {
      action: 'abort',
      label: 'Abort',
      revision,
      question: `Revision ${revision} loses its traffic now, and is not tried again by itself.`,
      isDanger: true,
    },
    isPaused
      ? {
          action: 'resume',
          label: 'Resume',
          revision,
          question: 'It goes on from its weight.',
          isDanger: false,
        }
      : {
          action: 'pause',
          label: 'Pause',
          revision,
          question: 'It stays at its weight until someone resumes it.',
          isDanger: false,
        },
    {
      action: 'promote',
      label: 'Next step',
      revision,
      question: 'The present step passes without further analysis.',
      isDanger: false,
    },
    {
      action: 'promoteFull',
      label: 'Promote fully',
      revision,
      question: `Revision ${revision} gets all traffic, whatever the analysis says from now on.`,
      isDanger: true,
    },
  ];
}

/** What can be ordered while nothing is under way. */
function atRest({ stable, rejected, retired }: Pick<Detail, 'stable' | 'rejected' | 'retired'>): Order[] {
  const orders: Order[] = [];
  if (rejected !== undefined)
    orders.push({
      action: 'retry',
      label: `Retry ${rejected}`,
      revision: rejected,
      question: `Revision ${rejected}, which was rolled back, goes out again from the first step.`,
      isDanger: false,
    });
  // One that was taken back is tried again, not returned to.
  const earlier = retired.find((revision) => revision !== rejected && revision !== stable);
  if (earlier !== undefined)
    orders.push({
      action: 'rollbackTo',
      label: `Return to ${earlier}`,
      revision: earlier,
      question: `All traffic goes to revision ${earlier} at once.`,
      isDanger: true,
    });
  return orders;
}
