import type { DemoResult, ReleaseResult } from './events.ts';
import { counted, fit, type Paint, seconds, thousands, wrap } from './text.ts';

/** What a newcomer is to take away, one block for each release, at most `width` columns wide. */
export function renderSummary({ good, bad }: DemoResult, width: number, paint: Paint): string[] {
  const blocks = [
    block(good, 'a good version', good.outcome === 'Healthy' && good.failed === 0, width, paint),
    block(bad, 'a bad one', bad.outcome === 'RolledBack', width, paint),
  ];
  return blocks.flatMap((lines) => ['', ...lines]).map((line) => fit(line, width));
}

function block(
  result: ReleaseResult,
  what: string,
  asPlanned: boolean,
  width: number,
  paint: Paint,
): string[] {
  const { version, outcome, reason, errorRate } = result;
  const mark = asPlanned ? paint('green', '✓') : paint('red', '✗');
  const end =
    outcome === 'Healthy'
      ? 'went out'
      : outcome === 'RolledBack'
        ? 'came back by itself'
        : `ended ${outcome}`;
  const weights = result.weights.map((weight) => `${weight}%`).join(' → ');
  const indented = (text: string) => wrap(text, width - 4, 6).map((line) => `   ${line}`);
  return [
    ` ${mark} ${paint('bold', version)}, ${what}, ${end}`,
    ...indented(`Its share of the traffic: ${weights === '' ? 'none at any time' : weights}`),
    ...indented(usersOf(result)),
    ...(outcome === 'Healthy' ? [] : indented(`Why: ${reason}`).map((line) => paint('dim', line))),
    ...(outcome === 'RolledBack' && errorRate > 0 ? indented(sparedBy(result)) : []),
  ];
}

function usersOf({ requests, failed, causes, ms, rollbackMs, version }: ReleaseResult): string {
  if (failed === 0) return `${counted(requests, 'request')} in ${seconds(ms)}, and not one failed`;
  const kinds = Object.entries(causes).map(([cause, count]) => `${cause}: ${thousands(count)}`);
  const lost = `${thousands(failed)} of ${counted(requests, 'request')} failed (${kinds.join(', ')})`;
  return rollbackMs === undefined
    ? lost
    : `${lost}; ${seconds(rollbackMs)} after the first of them, ${version} got no more traffic`;
}

/** What the release would have done to users without steps. */
function sparedBy({ version, requests, ms, errorRate }: ReleaseResult): string {
  const lost = Math.round(((requests * 1000) / ms) * errorRate);
  return `Sent to everyone at once, ${version} would have failed about ${counted(lost, 'request')} a second`;
}
