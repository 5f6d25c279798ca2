import type { Result } from './hunt.ts';
import type { Mutant } from './mutant.ts';

/**
 * The page about planted bugs, in Markdown.
 *
 * @param results in the order of the mutants
 */
export function pageOf(mutants: readonly Mutant[], results: readonly Result[]): string {
  const caught = results.filter((result) => result.caught).length;
  const known = mutants.filter(({ peer }) => peer !== undefined).length;
  const rows = mutants.map((mutant, index) => rowOf(mutant, results[index]));
  return `# Planted bugs: can the tests fail?

\`npm run simulate:mutants\` plants one bug at a time into the production code, and plays
[simulated lives](reliability.md#simulated-lives) of releases from seed 1 on, until an invariant is broken that the code as it
is keeps in the very same life. Of ${mutants.length} bugs, ${caught} are caught; ${known} are bugs that Flagger or Argo Rollouts have, or
had. A seed is two lives, one without faults and one with all of its own. The command makes this page, with \`-- --write\`.

| Bug | Known from | Caught by | Seeds played |
| --- | --- | --- | ---: |
${rows.join('\n')}
`;
}

function rowOf({ sentence, peer = '' }: Mutant, result: Result | undefined): string {
  const by = result?.caught === true ? `\`${String(result.invariant)}\`` : '**not caught**';
  return `| ${[sentence, peer, by, String(result?.seeds ?? 0)].map(cell).join(' | ')} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}
