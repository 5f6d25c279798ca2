import { createRequire } from 'node:module';
import type shellModule from '@dot-i/k8s-operator';

/**
 * `@dot-i/k8s-operator` is CommonJS with a `default` of its own, which loaders of ES modules disagree about; `require`
 * gives what it exports, everywhere.
 */
const shell = createRequire(import.meta.url)('@dot-i/k8s-operator') as typeof shellModule;

export const { default: OperatorShell, ResourceEventType, ResourceMetaImpl } = shell;
export type { ResourceEvent, ResourceMeta } from '@dot-i/k8s-operator';
