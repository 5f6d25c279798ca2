import { readFile, readdir } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

const WEB = new URL('../web/', import.meta.url);

/**
 * The files of the page by their names, as a browser takes them: TypeScript without its types. scripts/build.ts puts them in
 * place of this module, where there is no folder to read.
 */
export async function readWebFiles(): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(WEB)).filter((name) => !/\.json$|test/.test(name));
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(new URL(name, WEB), 'utf8')] as const),
  );
  return Object.fromEntries(
    files.map(([name, text]) => [name, name.endsWith('.ts') ? stripped(text) : text]),
  );
}

/** Node warns that it might change how it does this; the tests would tell, and nobody else needs to know. */
function stripped(text: string): string {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}
