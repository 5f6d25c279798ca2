import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** The repository: pages are where they are in it, so that links are the same on the site and in the repository. */
const ROOT = join(import.meta.dirname, '..');

/** What is a page of the site, and what pages show. */
const PAGES = /^(README|ARCHITECTURE|CHANGELOG|CONTRIBUTING)\.md$|^docs\/(?!site\/).*\.md$/;
const IMAGES = /^docs\/images\/.*/;

/** The pages of the site, as paths from the root of the repository. */
export function pagePaths(): string[] {
  return pathsOf(PAGES);
}

/** Puts pages and their images into an empty directory. */
export function copyPages(into: string): void {
  rmSync(into, { recursive: true, force: true });
  for (const path of [...pagePaths(), ...pathsOf(IMAGES)]) {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    cpSync(join(ROOT, path), join(into, path));
  }
}

function pathsOf(wanted: RegExp): string[] {
  const top = readdirSync(ROOT);
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  return [...top, ...below.map((path) => posix.join('docs', path.replaceAll('\\', '/')))]
    .filter((path) => wanted.test(path) && statSync(join(ROOT, path)).isFile())
    .sort();
}

/** The anchor of a heading, as GitHub makes it. */
export function slugOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

/** `README.md` of a directory is its index. */
export const asIndex = (path: string): string => path.replace(/(^|\/)README\.md$/, '$1index.md');

/**
 * Where a link of a page leads on the site: to another page, or, for anything else of the repository, to where that is on the web.
 * @param page path of the page that has the link, from the root of the repository
 * @param repository where files of the repository are shown, such as https://example.com/songbird/blob/main; empty: nowhere
 * @returns undefined for a link that leads nowhere, to be shown as plain text
 */
export function targetOf(page: string, href: string, repository: string): string | undefined {
  if (/^([a-z]+:|#|\/\/)/i.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  const target = posix.normalize(posix.join(dirname(page), decodeURIComponent(path))).replace(/\/$/, '');
  const file = join(ROOT, target);
  const readme = existsSync(file) && statSync(file).isDirectory() ? posix.join(target, 'README.md') : target;
  if (PAGES.test(readme) && existsSync(join(ROOT, readme))) {
    const relative = posix.relative(dirname(page), asIndex(readme));
    return (relative.startsWith('.') ? relative : `./${relative}`) + hash;
  }
  return repository === '' ? undefined : `${repository}/${target}${hash}`;
}
