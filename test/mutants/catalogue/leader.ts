import type { Mutant } from '../mutant.ts';

/** Who may write. */
export const LEADER: readonly Mutant[] = [
  {
    name: 'lease-not-asked',
    sentence: 'Writes do not ask whether the lease is still held.',
    file: 'kube/rate-limit.ts',
    find: '    this.#options.beforeWrite?.(write);',
    replace: '',
  },
  {
    name: 'leader-by-name',
    sentence:
      'Who holds the lease by the last record that it saw takes itself for the leader, however long ago that was.',
    file: 'controllers/lead.ts',
    find: '      if (elector?.isLeader() === true) return;',
    replace: '      if (elector?.leader === identity) return;',
  },
  {
    name: 'lease-by-wall-clock',
    sentence: 'Whether the lease of another has expired is told by its time and the wall clock.',
    peer: 'kubernetes-leader-election of npm: by the wall clock',
    file: 'kube/lease.ts',
    find: '    return clock.monotonic() < this.#changedAt + duration;',
    replace: `    return clock.now() < Date.parse(this.#lease?.spec?.renewTime ?? '') + duration;`,
  },
  {
    name: 'lease-held-too-long',
    sentence: 'A leader that cannot renew its lease goes on for longer than others wait.',
    file: 'kube/leader-election.ts',
    find: `      if (attempt.outcome === 'held') this.#validUntil = attempt.since + this.#renewDeadlineMs;`,
    replace: `      if (attempt.outcome === 'held') this.#validUntil = clock.monotonic() + 5 * this.#renewDeadlineMs;`,
  },
  {
    name: 'lease-taken-at-once',
    sentence: 'The lease of another is taken without waiting for its end.',
    file: 'kube/lease.ts',
    find: `    return this.#isOthers() ? { outcome: 'other' } : this.#write();`,
    replace: `    return this.#isOthers() && this.#lease?.spec?.leaseTransitions !== 0 ? { outcome: 'other' } : this.#write();`,
  },
  {
    name: 'lease-never-given-back',
    sentence: 'A process that has lost the lease goes on working.',
    file: 'kube/leader-election.ts',
    find: `      if (attempt.outcome === 'other') this.#validUntil = -Infinity;`,
    replace: `      if (attempt.outcome === 'other') this.#validUntil = clock.monotonic() + this.#renewDeadlineMs;`,
  },
];
