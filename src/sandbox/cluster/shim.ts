import type { KubeObject } from '../../kube/types.ts';
import type { FieldError } from './errors.ts';
import { at, listOf, objectOf, textOf, type JsonObject } from './object.ts';

export interface CompiledVersion {
  prepare(object: JsonObject, old: JsonObject | undefined): JsonObject;
  validate(object: JsonObject, old: JsonObject | undefined): FieldError[];
  hasStatus: boolean;
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
}

export function compileCrd(crd: KubeObject): { versions: Map<string, CompiledVersion> } {
  const versions = new Map<string, CompiledVersion>();
  for (const item of listOf(at(crd as unknown as JsonObject, 'spec', 'versions')).map(objectOf)) {
    const scale = at(item, 'subresources', 'scale');
    versions.set(textOf(item['name']), {
      prepare: (object) => object,
      validate: () => [],
      hasStatus: at(item, 'subresources', 'status') !== undefined,
      ...(scale === undefined
        ? {}
        : {
            scale: {
              specReplicasPath: textOf(objectOf(scale)['specReplicasPath']),
              statusReplicasPath: textOf(objectOf(scale)['statusReplicasPath']),
              labelSelectorPath: textOf(objectOf(scale)['labelSelectorPath']),
            },
          }),
    });
  }
  return { versions };
}
