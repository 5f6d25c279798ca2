import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, LineCounter, isCollection, isNode, parseAllDocuments } from 'yaml';
import { isObject } from '../../kube/json.ts';
import { contentOf } from '../files.ts';
import { UsageError } from '../usage.ts';

/** One object of a file, and where its fields stand. */
export interface Found {
  readonly file: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** The line of a field by its path (`['spec', 'steps', 0]`), or of the nearest one around it; counted from 1. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

/** What could not be read at all. */
export interface Unreadable {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/**
 * All objects of files and of directories with all that is in them; `-` is standard input, as kustomize and Helm print it.
 *
 * @throws UsageError for a file that is not there
 */
export async function documentsOf(
  paths: readonly string[],
): Promise<{ found: Found[]; unreadable: Unreadable[] }> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const found: Found[] = [];
  const unreadable: Unreadable[] = [];
  for (const file of files) {
    const lines = new LineCounter();
    const content = await contentOf(file);
    // A template of Helm is no YAML before it is rendered.
    for (const document of parseAllDocuments(content, { lineCounter: lines })) {
      const [error] = document.errors;
      if (error === undefined) found.push(...objectsOf(file, document, lines));
      else unreadable.push({ file, line: lines.linePos(error.pos[0]).line, message: error.message });
    }
  }
  return { found, unreadable };
}

const MANIFEST = /\.(ya?ml|json)$/;

async function filesOf(path: string): Promise<string[]> {
  if (path === '-') return [path];
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path, { recursive: true });
    return names
      .filter((name) => MANIFEST.test(name) && !/(^|\/)(node_modules|\.git)\//.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function objectsOf(file: string, document: Document, lines: LineCounter): Found[] {
  const value: unknown = document.toJS();
  if (!isObject(value)) return [];
  const lineOf = (path: readonly (string | number)[]) => lineIn(document, path, lines);
  if (value['kind'] !== 'List' || !Array.isArray(value['items'])) return [{ file, object: value, lineOf }];
  return value['items'].flatMap((item: unknown, index) =>
    isObject(item)
      ? [
          {
            file,
            object: item,
            lineOf: (path: readonly (string | number)[]) => lineOf(['items', index, ...path]),
          },
        ]
      : [],
  );
}

function lineIn(document: Document, path: readonly (string | number)[], lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    // Of a value that stands below its name, the name is where one looks.
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line - (isBlock(node) ? 1 : 0);
  }
  const { contents } = document;
  return isNode(contents) && contents.range ? lines.linePos(contents.range[0]).line : 1;
}

function isBlock(node: unknown): boolean {
  return isCollection(node) && node.flow !== true;
}
