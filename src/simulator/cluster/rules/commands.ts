import type { CanaryReleaseStatus, HandledCommand } from '../../../api/index.ts';
import { isOperator } from '../process-clock.ts';
import type { Rule, Scene } from './rule.ts';
import { KEY, type ReleaseObject } from '../truth.ts';
import type { Write } from '../true-cluster.ts';

/** A ReleaseCommand is executed at most once, and only where the revision that it names is the one that it is for. */
export class CommandRules implements Rule {
  readonly #scene: Scene;
  /** By uid: those that the status once said were handled. */
  readonly #handled = new Set<string>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  wrote({ table, key, user, before, after }: Write): void {
    if (table !== 'canaryreleases.songbird.dev' || key !== KEY || !isOperator(user)) return;
    const was = (before as ReleaseObject | undefined)?.status ?? {};
    const is = (after as ReleaseObject | undefined)?.status ?? {};
    const known = new Set(was.commands?.map(({ uid }) => uid));
    const handled = is.commands ?? [];
    if (new Set(handled.map(({ uid }) => uid)).size < handled.length)
      this.#scene.broken('commands', 'handles a command twice');
    for (const command of handled) if (!known.has(command.uid)) this.#obeyed(command, was);
  }

  #obeyed({ uid, name, phase }: HandledCommand, was: CanaryReleaseStatus): void {
    if (this.#handled.has(uid)) this.#scene.broken('commands', `handles ${name} again`);
    this.#handled.add(uid);
    const command = this.#scene.memory.commands.get(uid);
    if (command === undefined || phase !== 'Executed' || command.action === 'rollbackTo') return;
    const present = command.action === 'retry' ? was.rejected?.revision : was.candidateRevision;
    if (command.revision !== present)
      this.#scene.broken(
        'commands',
        `executes ${name} for ${command.revision}, but it is ${present ?? 'nobody'}`,
      );
  }
}
