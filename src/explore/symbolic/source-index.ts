import ts from 'typescript';

/** A function of the model subset, with what its names mean. */
export interface SubsetFunction {
  readonly name: string;
  readonly file: string;
  readonly parameters: readonly string[];
  readonly body: ts.Block;
}

/** The parsed files of a model. */
export interface SourceIndex {
  /** By `file#name`. */
  readonly functions: ReadonlyMap<string, SubsetFunction>;
  /** What a name in a file means: `file#name` of a function, a constant, or the name of a word helper. */
  readonly names: ReadonlyMap<string, ReadonlyMap<string, Meaning>>;
}

export type Meaning =
  | { readonly kind: 'function'; readonly key: string }
  | { readonly kind: 'helper'; readonly name: string }
  | { readonly kind: 'constant'; readonly node: ts.Expression };

const helperModule = '../units/word.ts';

function readImport(statement: ts.ImportDeclaration, names: Map<string, Meaning>): void {
  const named = statement.importClause?.namedBindings;
  const from = ts.isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : '';
  if (statement.importClause?.isTypeOnly || named === undefined || !ts.isNamedImports(named)) return;
  for (const element of named.elements) {
    const name = (element.propertyName ?? element.name).text;
    const key = `${from.replace(/^\.\//, '')}#${name}`;
    names.set(element.name.text, from === helperModule ? { kind: 'helper', name } : { kind: 'function', key });
  }
}

/** Parses the files of a model (by name as in their imports); they are known to be in the subset. */
export function indexSources(files: Readonly<Record<string, string>>): SourceIndex {
  const functions = new Map<string, SubsetFunction>();
  const names = new Map<string, Map<string, Meaning>>();
  for (const [file, text] of Object.entries(files)) {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
    const local = new Map<string, Meaning>();
    names.set(file, local);
    for (const statement of source.statements) {
      if (ts.isImportDeclaration(statement)) readImport(statement, local);
      else if (ts.isVariableStatement(statement)) {
        for (const { name, initializer } of statement.declarationList.declarations)
          if (initializer !== undefined) local.set(name.getText(), { kind: 'constant', node: initializer });
      } else if (ts.isFunctionDeclaration(statement) && statement.name !== undefined && statement.body !== undefined) {
        const name = statement.name.text;
        const key = `${file}#${name}`;
        const parameters = statement.parameters.map(parameter => parameter.name.getText());
        functions.set(key, { name, file, parameters, body: statement.body });
        local.set(name, { kind: 'function', key });
      }
    }
  }
  return { functions, names };
}
