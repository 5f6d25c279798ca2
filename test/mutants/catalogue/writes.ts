import type { Mutant } from '../mutant.ts';

/** How the API server is written to. */
export const WRITES: readonly Mutant[] = [
  {
    name: 'own-writes-not-awaited',
    sentence: 'A pass does not wait until the cache shows what the last pass wrote.',
    file: 'controllers/canary-release/controller.ts',
    find: '    if (writes.pending(key, lookup)) {',
    replace: '    if (writes.pending(key, lookup) && writes.waitedMs(key) < 0) {',
  },
  {
    name: 'effect-on-an-old-version',
    sentence:
      'An effect that needs no new status is done without asking whether the release is still as it was.',
    file: 'controllers/canary-release/controller.ts',
    find: '      if (release === object) await this.#deps.actor.confirm(object);\n',
    replace: '',
  },
  {
    name: 'command-from-an-old-cache',
    sentence: 'A command is obeyed that only the cache shows as new: it was told long ago what came of it.',
    file: 'controllers/canary-release/controller.ts',
    find: ' || (await this.#deps.actor.isWaiting(namespace, command))) commands',
    replace: ' || namespace !== undefined) commands',
  },
  {
    name: 'status-without-version',
    sentence: 'The status is written whatever version it was decided on.',
    file: 'controllers/canary-release/act.ts',
    find: '    const written = await this.#client.update<KubeObject>(canaryReleases, object, options);',
    replace: `    const { uid } = release.metadata;
    const patch = { metadata: { uid }, status: object.status };
    const written = await this.#client.patch<KubeObject>(canaryReleases, release.metadata, 'merge', patch, options);`,
  },
  {
    name: 'conflict-retried-blindly',
    sentence: 'A status that was decided on an old version is written over the new one.',
    file: 'controllers/canary-release/act.ts',
    find: '    const written = await this.#client.update<KubeObject>(canaryReleases, object, options);',
    replace: `    const written = await this.#client
      .update<KubeObject>(canaryReleases, object, options)
      .catch(async (error: unknown) => {
        if (!isApiError(error, 409)) throw error;
        const { metadata } = await this.#client.get<KubeObject>(canaryReleases, release.metadata);
        return this.#client.update<KubeObject>(canaryReleases, { ...object, metadata }, options);
      });`,
  },
  {
    name: 'apply-without-version',
    sentence: 'Routes and Deployments are applied without naming the version that was looked at.',
    file: 'controllers/canary-release/act.ts',
    find: '    const precondition = resourceVersion === undefined ? {} : { resourceVersion };',
    replace: '    const precondition = resourceVersion === undefined ? {} : {};',
  },
  {
    name: 'object-replaced',
    sentence: 'Objects are replaced whole, with what others wrote into them.',
    peer: 'Flagger #1715: the VirtualService must be its own, whole',
    file: 'controllers/canary-release/act.ts',
    find: `    const applied = await this.#client
      .patch<KubeObject>(`,
    replace: `    const replaced = { ...intent, metadata: { ...metadata, ...precondition, uid: live?.metadata.uid } };
    const send = live === undefined ? undefined : await this.#client.update<KubeObject>(type, replaced as KubeObject);
    const applied = send ?? await this.#client
      .patch<KubeObject>(`,
  },
  {
    name: 'scale-by-full-update',
    sentence:
      'Replicas are changed by an update of the whole object, without the fields that its type does not know.',
    peer: 'client-node: typed reads drop unknown fields, so a later update deletes them',
    file: 'controllers/canary-release/act.ts',
    find: `    const scaled = await this.#client.patch<KubeObject>(
      deployments,
      deployment.metadata,
      'merge',
      { metadata: { uid, resourceVersion }, spec: { replicas } },`,
    replace: `    const { name, namespace, labels, ownerReferences } = deployment.metadata;
    const scaled = await this.#client.update<KubeObject>(
      deployments,
      { ...deployment, metadata: { name, namespace, labels, ownerReferences, uid, resourceVersion }, spec: { ...deployment.spec, replicas } } as KubeObject,`,
  },
  {
    name: 'scale-moves-spec-replicas',
    sentence: 'The manifest’s own replicas are set to what the candidate needs.',
    peer: 'Argo Rollouts #3849, #2857, #4347: the autoscaler scales the wrong side',
    file: 'controllers/canary-release/act.ts',
    find: `    this.#writes.wrote(keyOf(gathered.release.metadata), deployments, scaled);`,
    replace: `    this.#writes.wrote(keyOf(gathered.release.metadata), deployments, scaled);
    const { metadata } = gathered.release;
    const patch = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { replicas } };
    await this.#client.patch(canaryReleases, metadata, 'merge', patch, { fieldManager: FIELD_MANAGER });`,
  },
  {
    name: 'two-effects-a-pass',
    sentence: 'A pass does a second effect on what it saw before the first.',
    file: 'controllers/canary-release/controller.ts',
    find: '        await this.#deps.actor.perform(effect, current);\n',
    replace: `        await this.#deps.actor.perform(effect, current);
        if (effect.kind === 'applyDeployment') await this.#deps.actor.perform(effect, current);
`,
  },
  {
    name: 'finalizer-removed-after-failed-clean-up',
    sentence: 'When routes cannot be taken away on deletion, the object is let go all the same.',
    file: 'controllers/canary-release/act.ts',
    find: '        return this.#routing(release, istioRouter.remove(release, istio), false);',
    replace: `        return this.#routing(release, istioRouter.remove(release, istio), false).catch(() =>
          this.letGo(release),
        );`,
  },
  {
    name: 'finalizer-late',
    sentence: 'The finalizer is added after the routes are made.',
    file: 'core/effects.ts',
    find: '    finalizer(observed) ??\n    stableCapacity(status, observed) ??\n    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??',
    replace:
      '    stableCapacity(status, observed) ??\n    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??\n    finalizer(observed) ??',
  },
  {
    name: 'deletion-leaves-traffic',
    sentence: 'On deletion the routes are taken away while the candidate has its share.',
    peer: 'Flagger #1562: downtime with revertOnDeletion',
    file: 'core/effects.ts',
    find: '    if (back !== undefined) return back;\n',
    replace: '',
  },
  {
    name: 'cache-written-into',
    sentence: 'The status is written into the cached object before the API server has it.',
    peer: 'Argo Rollouts #4073, #3316, #726: the informer’s cache is changed, and rollouts are stuck',
    file: 'controllers/canary-release/controller.ts',
    find: '    const isWritten = deepEqual(status, object.status);',
    replace: `    const isWritten = deepEqual(status, object.status);
    (object as { status: unknown }).status = status;`,
  },
  {
    name: 'transition-time-rewritten',
    sentence: 'Conditions get a new time in every pass.',
    file: 'core/summary.ts',
    find: '    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : iso(now);',
    replace: '    const lastTransitionTime = old === undefined ? iso(now - 1) : iso(now);',
  },
  {
    name: 'status-always-written',
    sentence: 'The status is written even when nothing in it has changed.',
    file: 'controllers/canary-release/controller.ts',
    find: '    const isWritten = deepEqual(status, object.status);',
    replace: '    const isWritten = status === object.status;',
  },
  {
    name: 'taken-over-by-force',
    sentence: 'An object of the same name that is someone else’s is taken over.',
    peer: 'Flagger #1715, #1857: it must own what others made',
    file: 'controllers/canary-release/act.ts',
    find: '    if (live !== undefined && !isOwnedBy(live, release)) {',
    replace:
      '    if (live !== undefined && live.metadata.ownerReferences !== undefined && !isOwnedBy(live, release)) {',
  },
];
