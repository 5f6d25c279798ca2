import { stringify } from 'yaml';
import { crds } from '../src/api/crd.ts';
import { chartFiles } from './chart-files.ts';
import { kindPage, metricsPage, reasonsPage } from './reference.ts';

const WARNING = '# Made from src/api by `npm run generate`: change the schemas there, not this file.\n';

/** Every generated file: its path from the root of the repository, and its text. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const crd of crds()) {
    const text = stringify(crd, { lineWidth: 110, aliasDuplicateObjects: false });
    files.set(`crds/${crd.metadata.name}.yaml`, WARNING + text);
    files.set(`docs/reference/${crd.spec.names.singular}.md`, kindPage(crd));
  }
  files.set('docs/reference/errors.md', reasonsPage());
  files.set('docs/reference/metrics.md', metricsPage());
  for (const [path, text] of chartFiles()) files.set(path, text);
  return files;
}
