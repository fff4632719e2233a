import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { err, ok, type Result } from '../units/result.ts';

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** Default export of a module namespace; one that was compiled to CommonJS has it one level deeper. */
function defaultOf(namespace: unknown): unknown {
  const outer: unknown =
    typeof namespace === 'object' && namespace !== null && 'default' in namespace ? namespace.default : undefined;
  const isCommonJs = typeof outer === 'object' && outer !== null && '__esModule' in outer;
  if (!isCommonJs) return outer;
  return 'default' in outer ? outer.default : undefined;
}

/**
 * Loads the default export of a TypeScript or JavaScript module that the user named.
 *
 * Runs the module's code. The error is the loader's message.
 */
export async function importUserModule(path: string): Promise<Result<unknown, string>> {
  const url = pathToFileURL(resolve(path)).href;
  try {
    return ok(defaultOf(await import(url)));
  } catch {
    // Outside a package of type "module" a .ts file counts as CommonJS, which only tsImport loads.
    try {
      return ok(defaultOf(await tsImport(url, import.meta.url)));
    } catch (cause) {
      return err(messageOf(cause));
    }
  }
}
