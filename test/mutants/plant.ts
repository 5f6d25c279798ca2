import { registerHooks } from 'node:module';
import { type Mutant, mutated, urlOf } from './mutant.ts';

/** The world of the simulator and its rules: they must not have the bug that they are to show. */
const WORLD = /\/src\/(simulator|sandbox)\/|\.testing\.ts$/;
/** It starts the operators. */
const STARTS = '/src/simulator/cluster/simulation.ts';
const SOUND = '?sound';

/**
 * From now on this thread loads the file of the mutant with its bug, and with it all production code; what the simulator itself
 * takes from the file it gets as it is. To be called before any of it is imported.
 */
export function plant(mutant: Mutant): void {
  const target = urlOf(mutant);
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      const { parentURL = '' } = context;
      const isWorld = WORLD.test(parentURL) && !parentURL.endsWith(STARTS);
      return resolved.url === target && isWorld ? { ...resolved, url: `${target}${SOUND}` } : resolved;
    },
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: mutated(mutant, textOf(loaded.source)) };
    },
  });
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
}
