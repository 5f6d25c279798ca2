import type { CanaryReleaseStatus, HandledCommand } from '../api/index.ts';
import { durationMs } from '../api/index.ts';
import { end } from './lifecycle.ts';
import { type CommandEffect, type Effect, type Observed, type PendingCommand, iso } from './model.ts';

/** Either the status that a command leads to, or the reason why it is refused. */
type Outcome = { status: CanaryReleaseStatus; done: string } | { refused: string };

/**
 * Executes the oldest command that has not been handled. What was handled is written to status together with its result,
 * before anyone is told: a crash in between repeats nothing.
 */
export function obeyCommand(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const alive = (status.commands ?? []).filter((handled) =>
    observed.commands.some((command) => command.uid === handled.uid && command.finishedAt === undefined),
  );
  const command = observed.commands
    .filter((candidate) => candidate.finishedAt === undefined)
    .filter((candidate) => !alive.some((handled) => handled.uid === candidate.uid))
    .sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1))[0];
  const kept = { ...status, commands: alive };
  if (command === undefined) return kept;
  const outcome = execute(command, kept, observed, now);
  const handled: HandledCommand = {
    name: command.name,
    uid: command.uid,
    at: iso(now),
    ...('refused' in outcome
      ? { phase: 'Refused' as const, message: outcome.refused }
      : { phase: 'Executed' as const, message: outcome.done }),
  };
  const base = 'refused' in outcome ? kept : outcome.status;
  return { ...base, commands: [...alive, handled] };
}

/** Tells commands their result, and clears away those whose time is over. */
export function commandEffect(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): Effect | undefined {
  const untold = status.commands?.[0];
  if (untold !== undefined) return { kind: 'finishCommand', ...untold };
  const expired = observed.commands.find((command) => (expiresAt(command) ?? Infinity) <= now);
  return expired === undefined ? undefined : { kind: 'deleteCommand', name: expired.name, uid: expired.uid };
}

/**
 * Commands for a release that is not there are refused, oldest first, and cleared away like all others.
 * @returns at most one effect, and when the next is due (ms since the epoch)
 */
export function orphanEffect(
  release: string,
  commands: readonly PendingCommand[],
  now: number,
): { effect: CommandEffect | undefined; requeueAt: number | undefined } {
  const [waiting] = commands
    .filter(({ finishedAt }) => finishedAt === undefined)
    .sort((a, b) => a.createdAt - b.createdAt);
  if (waiting !== undefined) {
    const { name, uid } = waiting;
    const message = `there is no CanaryRelease ${release} in this namespace: name one that exists in spec.release`;
    return {
      effect: { kind: 'finishCommand', name, uid, phase: 'Refused', message, at: iso(now) },
      requeueAt: now,
    };
  }
  const [next] = commands
    .map((command) => ({ command, at: expiresAt(command) ?? Infinity }))
    .sort((a, b) => a.at - b.at);
  if (next === undefined) return { effect: undefined, requeueAt: undefined };
  if (next.at > now) return { effect: undefined, requeueAt: next.at };
  const { name, uid } = next.command;
  return { effect: { kind: 'deleteCommand', name, uid }, requeueAt: now };
}

/** When the object of a handled command is to be deleted (ms since the epoch). */
export function expiresAt(command: PendingCommand): number | undefined {
  return command.finishedAt === undefined ? undefined : command.finishedAt + durationMs(command.spec.ttl);
}

function execute(
  command: PendingCommand,
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): Outcome {
  switch (command.spec.action) {
    case 'retry':
      return retry(command, status);
    case 'rollbackTo':
      return rollbackTo(command, status, observed, now);
    case 'pause':
    case 'resume':
    case 'promote':
    case 'promoteFull':
    case 'abort':
      return steer(command, status, now);
  }
}

function steer(command: PendingCommand, status: CanaryReleaseStatus, now: number): Outcome {
  const refused = refusal(command, status);
  if (refused !== undefined) return { refused };
  const { name, spec } = command;
  const weight = status.step?.observedWeight ?? 0;
  switch (spec.action) {
    case 'abort':
      return {
        status: end(status, 'RolledBack', 'Aborted', `aborted by the command ${name}`, now),
        done: `revision ${spec.revision} is being taken back`,
      };
    case 'pause': {
      const message = `paused by the command ${name}`;
      return {
        status: { ...status, paused: { by: 'command', message, since: iso(now) } },
        done: `paused at ${weight}%`,
      };
    }
    case 'resume':
      return { status: resumed(status, now), done: `goes on from ${weight}%` };
    case 'promote':
      return {
        status: { ...resumed(status, now), promotion: 'step' },
        done: `${status.step?.weight ?? 0}% passes without further analysis`,
      };
    case 'promoteFull':
      return {
        status: { ...resumed(status, now), promotion: 'full' },
        done: 'goes to 100% without further analysis',
      };
    case 'retry':
    case 'rollbackTo':
      throw new Error(`${spec.action} is no command to a candidate`);
  }
}

/** Why a command to the candidate cannot be executed. */
function refusal({ spec }: PendingCommand, status: CanaryReleaseStatus): string | undefined {
  const { action, revision } = spec;
  const { candidateRevision: candidate, stableRevision: stable, paused, ending } = status;
  if (candidate !== revision) {
    const present = candidate === undefined ? 'no release is in progress' : `the candidate is ${candidate}`;
    return `${action} is for revision ${revision}, but ${present}`;
  }
  if (ending !== undefined) return `revision ${revision} is already being taken back: ${ending.message}`;
  if (stable === undefined) return `${action} needs a stable revision, and ${revision} is the first one`;
  if (action === 'pause' && paused !== undefined) return `already paused: ${paused.message}`;
  if (action === 'resume' && paused === undefined) return 'the release is not paused';
  return undefined;
}

/** Lifts a pause; the deadline counts from now. */
function resumed(status: CanaryReleaseStatus, now: number): CanaryReleaseStatus {
  const { paused, ...rest } = status;
  if (paused === undefined || rest.step === undefined) return rest;
  return {
    ...rest,
    step: { ...rest.step, progressAt: iso(now) },
    ...(paused.by === 'step' ? { resumedStep: rest.step.weight } : {}),
  };
}

function retry(command: PendingCommand, status: CanaryReleaseStatus): Outcome {
  const { rejected, ...rest } = status;
  if (rejected?.revision !== command.spec.revision) {
    const present = rejected === undefined ? 'none was rolled back' : `${rejected.revision} was rolled back`;
    return { refused: `retry is for revision ${command.spec.revision}, but ${present}` };
  }
  return { status: rest, done: `revision ${rejected.revision} is tried again from the first step` };
}

function rollbackTo(
  command: PendingCommand,
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): Outcome {
  const { revision } = command.spec;
  if (status.candidateRevision !== undefined) {
    return { refused: `revision ${status.candidateRevision} is still in progress: abort it first` };
  }
  if (status.stableRevision === undefined || status.stableRevision === revision) {
    return { refused: `revision ${revision} is not an earlier one: nothing to return from` };
  }
  if (revision === observed.target) {
    return {
      refused: `revision ${revision} is the one of spec.template: it goes out by itself, or by retry`,
    };
  }
  if (observed.workloads[revision] === undefined) {
    return {
      refused: `revision ${revision} has no Deployment any more; spec.revisionHistoryLimit keeps more of them`,
    };
  }
  if (observed.spec.replicas === 0) {
    return { refused: 'nothing serves, since spec.replicas is 0: set it above 0 first' };
  }
  const { analysis, ...rest } = status;
  return {
    status: {
      ...rest,
      candidateRevision: revision,
      attempt: { number: (status.attempt?.number ?? 0) + 1, startedAt: iso(now), returning: true },
      promotion: 'full',
      step: { index: 0, of: 1, weight: 100, observedWeight: 0, startedAt: iso(now), progressAt: iso(now) },
      rejected: {
        revision: observed.target,
        reason: 'Aborted',
        message: `the command ${command.name} returned to revision ${revision}`,
        at: iso(now),
      },
    },
    done: `returning to revision ${revision}`,
  };
}

/** The next time at which a handled command is to be cleared away (ms since the epoch). */
export function nextExpiry(observed: Observed): number | undefined {
  const times = observed.commands.map(expiresAt).filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
