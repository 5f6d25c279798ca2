import type { z } from 'zod';
import { KINDS, type Kind } from './kinds.ts';
import { API_VERSION, GROUP, VERSION } from './names.ts';
import { type StructuralSchema, type Validation, structural } from './structural.ts';

/** An apiextensions.k8s.io/v1 CustomResourceDefinition with one version, as we make it. */
export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string };
  spec: {
    group: string;
    scope: Kind['scope'];
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames: string[];
      categories: string[];
    };
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      additionalPrinterColumns: {
        name: string;
        type: string;
        jsonPath: string;
        description?: string;
        priority?: number;
      }[];
      subresources?: {
        status?: Record<string, never>;
        scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
      };
      schema: { openAPIV3Schema: StructuralSchema };
    }[];
  };
}

/** The definitions of all our kinds, made from their zod schemas. */
export function crds(): CustomResourceDefinition[] {
  return KINDS.map(definition);
}

function definition(kind: Kind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: kind.scope,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [kind.shortName],
        categories: [...kind.categories],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ wide, ...column }) => ({
            ...column,
            ...(wide === true ? { priority: 1 } : {}),
          })),
          ...(kind.status === undefined ? {} : { subresources: subresources(kind) }),
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  };
}

function subresources({ scale }: Kind) {
  return { status: {}, ...(scale === undefined ? {} : { scale: { ...scale } }) };
}

function statusSchema(status: z.ZodType, kind: string): StructuralSchema {
  return { description: 'What is; written by Songbird.', ...structural(status, `${kind}.status`) };
}

function rootSchema(kind: Kind): StructuralSchema {
  const specRule: Validation = {
    rule: 'has(self.spec)',
    message: kind.specMissing,
    fieldPath: '.spec',
    reason: 'FieldValueRequired',
  };
  return {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: { type: 'string', description: API_VERSION },
      kind: { type: 'string', description: kind.kind },
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec: { description: 'What is wanted.', ...structural(kind.spec, `${kind.kind}.spec`) },
      ...(kind.status === undefined ? {} : { status: statusSchema(kind.status, kind.kind) }),
    },
    'x-kubernetes-validations': [
      specRule,
      ...kind.rules.map(({ cel, message }) => ({ rule: cel, message, fieldPath: '.metadata.name' })),
    ],
  };
}
