import { join } from 'node:path';
import { type Log, builtOnce, go, messageOf, toStderr } from '../../e2e/control-plane/go-cache.ts';

/** Absolute paths of the programs by which the chart is checked. */
export interface Tools {
  readonly helm: string;
  readonly kustomize: string;
}

const SOURCE = import.meta.dirname;

/**
 * Finds Helm and kustomize of the versions that go.mod pins: in the cache of the control plane, where Go builds them first if
 * need be.
 * @throws MissingTools when they are not there and there is no Go
 */
export async function findTools(log: Log = toStderr): Promise<Tools> {
  const dir = await builtOnce({
    source: SOURCE,
    name: 'helm',
    log,
    fill: async (into) => {
      log(`Building Helm and kustomize with Go into ${into}: once for each pinned version, some minutes.`);
      await go(SOURCE, ['build', '-ldflags=-s -w', '-o', `${into}/`, 'tool']);
    },
  });
  return { helm: join(dir, 'helm'), kustomize: join(dir, 'kustomize') };
}

if (import.meta.main) {
  try {
    process.stdout.write(`${JSON.stringify(await findTools(), undefined, 2)}\n`);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
