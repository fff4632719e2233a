import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/* The project's own sources as data, for tests about them. */

const ROOT = new URL('../', import.meta.url);

/** A source file, parsed. */
export interface SourceText {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  /** Every module that it names, types and dynamic imports included. */
  readonly imports: readonly Import[];
}

export interface Import {
  /** Path relative to the repository, or a package name. */
  readonly to: string;
  readonly isPackage: boolean;
}

/** Calls `visit` for every node below `node`. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, child => walk(child, visit));
}

/** Specifier of an import, export, import type, dynamic import or `new URL('...', import.meta.url)`. */
function specifierOf(node: ts.Node): string | undefined {
  const literal = (of: ts.Node | undefined): string | undefined =>
    of !== undefined && ts.isStringLiteralLike(of) ? of.text : undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literal(node.arguments[0]);
  }
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL' || node.arguments?.length !== 2)
    return undefined;
  const target = literal(node.arguments[0]);
  return node.arguments[1]!.getText() === 'import.meta.url' && target !== undefined && /\.(ts|js)$/.test(target)
    ? target
    : undefined;
}

function resolve(path: string, specifier: string): Import {
  if (!specifier.startsWith('.')) return { to: specifier, isPackage: true };
  const url = new URL(specifier, new URL(path, 'file:///'));
  return { to: url.pathname.slice(1), isPackage: false };
}

/** Reads and parses one file; for files that a test makes up, `text` is given. */
export function parseSource(path: string, text = readFileSync(new URL(path, ROOT), 'utf8')): SourceText {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  walk(tree, node => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push(resolve(path, specifier));
  });
  return { path, text, tree, imports };
}

/** All source files below the given folders. */
export function sourceFiles(...folders: readonly string[]): readonly SourceText[] {
  return folders.flatMap(folder =>
    readdirSync(new URL(folder, ROOT), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && /\.(ts|js)$/.test(entry.name))
      .map(entry => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(ROOT).length).replaceAll('\\', '/'))
      .sort()
      .map(path => parseSource(path)),
  );
}

/** Paths that can be reached from `from` by imports, itself included. */
export function reachable(files: readonly SourceText[], from: readonly string[]): ReadonlySet<string> {
  const byPath = new Map(files.map(file => [file.path, file]));
  const found = new Set<string>();
  const open = [...from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path) || !byPath.has(path)) continue;
    found.add(path);
    for (const { to } of byPath.get(path)!.imports) open.push(to);
  }
  return found;
}
