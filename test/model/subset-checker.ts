import ts from 'typescript';
import { FunctionChecker } from './subset-function.ts';
import {
  BINARY,
  type FunctionFacts,
  kindOf,
  lineOf,
  type Pass,
  PREFIX,
  type Reject,
  type Scope,
  WORD_HELPERS,
} from './subset-vocabulary.ts';

/** One place where a file leaves the model subset. */
export interface SubsetProblem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

/** Lists what in `files` (by name as in their imports) is not in the model subset: everything that is not permitted here. */
export function checkSubset(files: Readonly<Record<string, string>>): SubsetProblem[] {
  const problems: SubsetProblem[] = [];
  const sources = Object.entries(files).map(([file, text]) =>
    ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true),
  );
  const facts = new Map<string, FunctionFacts>();
  for (const source of sources) for (const statement of source.statements) collectFunction(source, statement, facts);
  for (const source of sources) checkFile(source, facts, problems);
  reportRecursion(facts, problems);
  reportHiddenWrites(facts, problems);
  return problems;
}

function collectFunction(source: ts.SourceFile, statement: ts.Statement, facts: Map<string, FunctionFacts>): void {
  if (!ts.isFunctionDeclaration(statement) || statement.name === undefined) return;
  facts.set(`${source.fileName}#${statement.name.text}`, {
    file: source.fileName,
    line: lineOf(statement),
    parameters: statement.parameters.map(({ name }) => name.getText()),
    calls: new Set(),
    writes: new Set(),
    passes: [],
  });
}

/** A read-only parameter must not be written through a function that it is passed to. */
function reportHiddenWrites(facts: ReadonlyMap<string, FunctionFacts>, problems: SubsetProblem[]): void {
  const isWritten = ({ callee, index }: Pass): boolean => {
    const target = facts.get(callee);
    return target?.writes.has(target.parameters[index] ?? '') ?? false;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const { passes, writes } of facts.values()) {
      for (const pass of passes) {
        if (writes.has(pass.root) || !isWritten(pass)) continue;
        writes.add(pass.root);
        changed = true;
      }
    }
  }
  for (const { file, passes } of facts.values()) {
    for (const pass of passes) {
      if (pass.writable || !isWritten(pass)) continue;
      problems.push({
        file,
        line: pass.line,
        message: `read-only ${pass.root} is written by ${pass.callee.split('#')[1]}`,
      });
    }
  }
}

function reportRecursion(facts: ReadonlyMap<string, FunctionFacts>, problems: SubsetProblem[]): void {
  const reaches = (from: string, goal: string, seen: Set<string>): boolean => {
    for (const callee of facts.get(from)?.calls ?? []) {
      if (callee === goal) return true;
      if (seen.has(callee)) continue;
      seen.add(callee);
      if (reaches(callee, goal, seen)) return true;
    }
    return false;
  };
  for (const [key, fact] of facts) {
    if (reaches(key, key, new Set())) {
      problems.push({ file: fact.file, line: fact.line, message: `recursion through ${key.split('#')[1]}` });
    }
  }
}

function checkFile(source: ts.SourceFile, facts: ReadonlyMap<string, FunctionFacts>, problems: SubsetProblem[]): void {
  const reject = (node: ts.Node, message: string): void => {
    problems.push({ file: source.fileName, line: lineOf(node), message });
  };
  const module: Scope = new Map();
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) readImport(statement, facts, module, reject);
    else if (ts.isVariableStatement(statement)) readConstant(statement, module, reject);
    else if (ts.isFunctionDeclaration(statement) && statement.name !== undefined) {
      module.set(statement.name.text, { kind: 'function', key: `${source.fileName}#${statement.name.text}` });
    }
  }
  for (const statement of source.statements) {
    if (ts.isFunctionDeclaration(statement)) {
      const key = `${source.fileName}#${statement.name?.text ?? ''}`;
      new FunctionChecker(module, facts.get(key), reject).check(statement);
    } else if (
      !ts.isImportDeclaration(statement) &&
      !ts.isVariableStatement(statement) &&
      !ts.isInterfaceDeclaration(statement) &&
      !ts.isTypeAliasDeclaration(statement)
    ) {
      reject(statement, `${kindOf(statement)} at module level`);
    }
  }
}

function readImport(
  statement: ts.ImportDeclaration,
  facts: ReadonlyMap<string, FunctionFacts>,
  scope: Scope,
  reject: Reject,
): void {
  const clause = statement.importClause;
  if (clause?.isTypeOnly) return;
  const from = ts.isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : '';
  const named = clause?.namedBindings;
  if (clause === undefined || clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) {
    reject(statement, 'import that is not a list of names');
    return;
  }
  for (const element of named.elements) {
    if (element.isTypeOnly) continue;
    const name = (element.propertyName ?? element.name).text;
    const key = `${from.replace(/^\.\//, '')}#${name}`;
    if (facts.has(key)) scope.set(element.name.text, { kind: 'function', key });
    else if (from === '../units/word.ts' && WORD_HELPERS.has(name)) {
      scope.set(element.name.text, name === 'TWO32' ? { kind: 'constant' } : { kind: 'function', key });
    } else reject(element, `import of ${name} from ${from}, which is not in the subset`);
  }
}

function readConstant(statement: ts.VariableStatement, scope: Scope, reject: Reject): void {
  if ((statement.declarationList.flags & ts.NodeFlags.Const) === 0) reject(statement, 'module-level let');
  for (const { name, initializer } of statement.declarationList.declarations) {
    if (initializer === undefined || !isLiteralExpression(initializer)) {
      reject(statement, 'module-level constant that is not a literal');
    } else scope.set(name.getText(), { kind: 'constant' });
  }
}

function isLiteralExpression(node: ts.Expression): boolean {
  if (ts.isNumericLiteral(node) || ts.isStringLiteral(node)) return true;
  if (ts.isPrefixUnaryExpression(node)) return PREFIX.has(node.operator) && isLiteralExpression(node.operand);
  if (ts.isBinaryExpression(node)) {
    return (
      BINARY.has(node.operatorToken.getText()) && isLiteralExpression(node.left) && isLiteralExpression(node.right)
    );
  }
  return node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword;
}
