import type { Mutant } from '../mutant.ts';

/** How a release goes from step to step, and when it ends. */
export const STEPS: readonly Mutant[] = [
  {
    name: 'ticks-not-kept',
    sentence:
      'How long a weight has been there is kept in memory: after a restart its time is taken as over.',
    peer: 'Flagger #635: the time of the tick is not kept, and steps advance early after a restart',
    file: 'controllers/canary-release/controller.ts',
    find: '    const decision = decide(observed, clock.now());',
    replace: `    const { status: { step }, analysis } = observed;
    const memory = this as unknown as { seen?: Set<string>; late?: string };
    memory.seen ??= new Set();
    if (step !== undefined && memory.seen.size === 0) memory.late = step.startedAt;
    if (step !== undefined) memory.seen.add(step.startedAt);
    const isOver = step?.observedAt !== undefined && memory.late === step.startedAt && analysis !== undefined;
    const decision = decide(
      isOver ? { ...observed, analysis: { ...analysis, uncountedMs: -3_600_000 } } : observed,
      clock.now(),
    );`,
  },
  {
    name: 'dwell-from-order',
    sentence: 'The time of a step counts from when it was ordered, not from when its weight was observed.',
    file: 'core/window.ts',
    find: `  if (step.observedAt === undefined) return undefined;
  return ms(step.observedAt) + dwellMs`,
    replace: `  if (step.observedAt === undefined) return undefined;
  return ms(step.startedAt) + dwellMs`,
  },
  {
    name: 'observed-before-the-mesh',
    sentence: 'A weight counts as observed when it is written, before the mesh has taken it over.',
    file: 'core/window.ts',
    find: '  const reached = observedWeight === wanted && observed.traffic.effective && serves;',
    replace: '  const reached = observedWeight === wanted && serves;',
  },
  {
    name: 'window-survives-lost-weight',
    sentence: 'A step whose weight was lost goes on as if it had been there all the time.',
    file: 'core/window.ts',
    find: `step: observedAt === undefined ? located : closeWindow(located, !serves) };`,
    replace: `step: located };`,
  },
  {
    name: 'effect-before-status',
    sentence:
      'The effect comes first and the status after it: a crash in between leaves what nobody ordered.',
    peer: 'Argo Rollouts #4128: the status step comes after the traffic, and may never come',
    file: 'controllers/canary-release/controller.ts',
    find: `    const { release, failure } = await this.#intend(key, object, decision);
    const { effect } = decision;`,
    replace: `    const { effect } = decision;
    if (effect?.kind === 'route') {
      await this.#deps.actor.perform(effect, gathered);
      await this.#intend(key, object, decision);
      return { at: clock.now() };
    }
    const { release, failure } = await this.#intend(key, object, decision);`,
  },
  {
    name: 'double-step-after-restart',
    sentence: 'After a restart the step that was in progress is taken as done: two steps are taken as one.',
    peer: 'Flagger #635: a job runs at once at the start of the operator',
    file: 'controllers/canary-release/controller.ts',
    find: '    const decision = decide(observed, clock.now());',
    replace: `    const memory = this as unknown as { begun?: boolean };
    const { step } = observed.status;
    const next = observed.spec.steps.find(({ weight }) => weight > (step?.weight ?? 100));
    const again = memory.begun !== true && step?.observedAt !== undefined && next !== undefined;
    memory.begun = true;
    const decision = decide(
      again ? { ...observed, status: { ...observed.status, step: { ...step, weight: next.weight } } } : observed,
      clock.now(),
    );`,
  },
  {
    name: 'step-skipped-after-promote',
    sentence: 'The command promote passes the next step, too.',
    file: 'core/progress.ts',
    find: `    ...(promotion === 'full' ? { promotion } : {}),`,
    replace: `    ...(promotion === undefined ? {} : { promotion }),`,
  },
  {
    name: 'promotion-without-readiness',
    sentence: 'At 100% the candidate becomes stable before all of its pods are ready.',
    peer: 'Flagger #1202: the promotion ignores readiness',
    file: 'core/progress.ts',
    find: '  if (step.weight === 100) return staffed ? promote(status, observed, now) : status;',
    replace: '  if (step.weight === 100) return promote(status, observed, now);',
  },
  {
    name: 'deadline-never-fires',
    sentence: 'A step that gets no further waits for ever.',
    peer: 'Argo Rollouts #4626: the deadline never fires',
    file: 'core/giving-up.ts',
    find: '  if (due === undefined || now < due) return status;',
    replace: '  if (due === undefined || now < due + 86_400_000) return status;',
  },
  {
    name: 'deadline-from-each-restart',
    sentence: 'The deadline of a step counts from the start of the operator.',
    peer: 'Flagger: what was waited before a restart is forgotten',
    file: 'controllers/canary-release/controller.ts',
    find: '    const decision = decide(observed, clock.now());',
    replace: `    const memory = this as unknown as { begun?: boolean };
    const { step } = observed.status;
    const isFirst = memory.begun !== true && step !== undefined;
    memory.begun = true;
    const progressAt = new Date(clock.now()).toISOString();
    const decision = decide(
      isFirst ? { ...observed, status: { ...observed.status, step: { ...step, progressAt } } } : observed,
      clock.now(),
    );`,
  },
  {
    name: 'deadline-put-off',
    sentence: 'Each time that a candidate loses its weight and gets it back, its deadline begins anew.',
    file: 'core/window.ts',
    find: 'const MOST_FRESH_STARTS = 3;',
    replace: 'const MOST_FRESH_STARTS = Infinity;',
  },
  {
    name: 'pause-ignored',
    sentence: 'A paused release goes on.',
    file: 'core/progress.ts',
    find: '  if (status.paused !== undefined || observed.problems.length > 0) return status;',
    replace: '  if (observed.problems.length > 0) return status;',
  },
  {
    name: 'pause-ends-at-the-deadline',
    sentence: 'A release that somebody paused is rolled back at the deadline.',
    file: 'core/giving-up.ts',
    find: '  if (paused !== undefined) return undefined;',
    replace: '',
  },
  {
    name: 'weight-goes-on-during-pause',
    sentence: 'A weight that was on its way when somebody paused is raised all the same.',
    file: 'core/effects.ts',
    find: '  if (paused !== undefined && !isBegun(step)) return false;',
    replace: '',
  },
  {
    name: 'commands-executed-twice',
    sentence: 'A command is executed again in each pass until it was told what came of it.',
    file: 'core/commands.ts',
    find: '    .filter((candidate) => !alive.some((handled) => handled.uid === candidate.uid))',
    replace: '',
  },
  {
    name: 'command-for-another-revision',
    sentence: 'A command is executed whatever revision it names.',
    file: 'core/commands.ts',
    find: '  if (candidate !== revision) {',
    replace: '  if (candidate === undefined) {',
  },
  {
    name: 'clock-skips-a-step',
    sentence: 'Time that the wall clock jumped over counts as watched.',
    file: 'core/window.ts',
    find: ' && observed.timeSkipped !== true;',
    replace: ';',
  },
  {
    name: 'mistake-goes-on',
    sentence: 'A release goes on by a manifest that cannot work.',
    file: 'core/progress.ts',
    find: '  if (status.paused !== undefined || observed.problems.length > 0) return status;',
    replace: '  if (status.paused !== undefined) return status;',
  },
];
