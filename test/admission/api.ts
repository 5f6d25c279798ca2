import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { call } from '../e2e/control-plane/access.ts';
import type { Answer, ServerAccess } from '../e2e/control-plane/access.ts';
import type { ControlPlane } from '../e2e/control-plane/start.ts';
import type { Manifest } from '../fixtures/manifests.ts';

/** A `Status` with its causes, as an API server refuses with. */
export interface Refusal {
  readonly message: string;
  readonly reason: string;
  readonly details?: { readonly causes?: readonly { field?: string; reason?: string; message: string }[] };
}

/** Path of our resources: in a namespace, or of the whole cluster. */
export function pathOf(kind: string, namespace: string): string {
  const scope = kind.startsWith('Cluster') ? '' : `namespaces/${namespace}/`;
  const plural = `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');
  return `/apis/songbird.dev/v1alpha1/${scope}${plural}`;
}

/** Asks the server to create the object without doing it; unknown fields are errors, as kubectl asks for. */
export function dryRun(
  server: ServerAccess,
  { object }: Manifest,
  namespace = object.metadata.namespace ?? 'default',
): Promise<Answer> {
  const path = `${pathOf(object.kind, namespace)}?dryRun=All&fieldValidation=Strict`;
  return call(server, 'POST', path, object);
}

const run = promisify(execFile);

/** Runs kubectl as an administrator. @throws with what it wrote when it fails */
export function kubectl(
  plane: ControlPlane,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  return run(plane.binaries.kubectl, [`--kubeconfig=${plane.kubeconfig}`, ...args]);
}
