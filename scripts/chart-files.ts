import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { crds } from '../src/api/crd.ts';

const CONFIG = new URL('../config/', import.meta.url);
const INTO = 'charts/songbird/files';
const WARNING = '# Made by `npm run generate`: change config/ or src/api, not this file.\n';
const ROLES = ['operator-role.yaml', 'user-roles.yaml', 'secrets/cluster-role.yaml', 'dashboard/role.yaml'];

/**
 * What the chart has in common with config/, once: CRDs, rules of roles, alerts and the dashboard. Helm reads them as files,
 * since braces in them are no templates.
 */
export function chartFiles(): [path: string, text: string][] {
  return [
    ...crds().map((crd): [string, string] => [
      `${INTO}/crds/${crd.metadata.name}.yaml`,
      // An uninstall would take all releases with the CRDs, and their pods with the releases.
      yaml({ ...crd, metadata: { ...crd.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } } }),
    ]),
    ...ROLES.flatMap(rolesIn).map(({ metadata, rules }): [string, string] => [
      `${INTO}/rbac/${metadata.name}.yaml`,
      yaml(rules),
    ]),
    [`${INTO}/monitoring/rules.yaml`, yaml((parse(read('monitoring/prometheus-rule.yaml')) as Rule).spec)],
    [`${INTO}/monitoring/dashboard.json`, read('monitoring/dashboard.json')],
  ];
}

interface Rule {
  readonly spec: unknown;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: unknown;
}

function rolesIn(file: string): Role[] {
  return parseAllDocuments(read(file))
    .map((document) => document.toJS() as Role)
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
}

function read(file: string): string {
  return readFileSync(new URL(file, CONFIG), 'utf8');
}

function yaml(value: unknown): string {
  return WARNING + stringify(value, { lineWidth: 110, aliasDuplicateObjects: false });
}
