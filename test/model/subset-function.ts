import ts from 'typescript';
import {
  ASSIGNMENT,
  BINARY,
  type FunctionFacts,
  isWritable,
  kindOf,
  lineOf,
  MATH,
  type Meaning,
  PREFIX,
  type Reject,
  type Scope,
} from './subset-vocabulary.ts';

const isLiteral = (node: ts.Expression): boolean =>
  ts.isNumericLiteral(node) ||
  ts.isStringLiteral(node) ||
  node.kind === ts.SyntaxKind.TrueKeyword ||
  node.kind === ts.SyntaxKind.FalseKeyword;

/** Checks one function declaration. */
export class FunctionChecker {
  private readonly module: Scope;
  private readonly facts: FunctionFacts | undefined;
  private readonly reject: Reject;

  constructor(module: Scope, facts: FunctionFacts | undefined, reject: Reject) {
    this.module = module;
    this.facts = facts;
    this.reject = reject;
  }

  check(node: ts.FunctionDeclaration): void {
    for (const modifier of node.modifiers ?? []) {
      if (modifier.kind !== ts.SyntaxKind.ExportKeyword) this.reject(node, `${modifier.getText()} function`);
    }
    if (node.asteriskToken !== undefined) this.reject(node, 'generator function');
    if (node.body === undefined || node.name === undefined) {
      this.reject(node, 'function without name and body');
      return;
    }
    const scope: Scope = new Map(this.module);
    for (const parameter of node.parameters) {
      const plain =
        ts.isIdentifier(parameter.name) &&
        parameter.initializer === undefined &&
        parameter.dotDotDotToken === undefined;
      if (!plain) this.reject(parameter, 'parameter that is not a plain name');
      const root = parameter.name.getText();
      scope.set(root, { kind: 'parameter', root, writable: isWritable(parameter) });
    }
    this.block(node.body, scope);
  }

  private block(node: ts.Block, outer: Scope): void {
    const scope = new Map(outer);
    for (const statement of node.statements) this.statement(statement, scope);
  }

  private statement(node: ts.Statement, scope: Scope): void {
    if (ts.isBlock(node)) this.block(node, scope);
    else if (ts.isVariableStatement(node)) this.variables(node.declarationList, scope);
    else if (ts.isForStatement(node)) this.loop(node, scope);
    else if (ts.isExpressionStatement(node)) this.effect(node.expression, scope);
    else if (ts.isIfStatement(node)) {
      this.expression(node.expression, scope);
      this.statement(node.thenStatement, scope);
      if (node.elseStatement !== undefined) this.statement(node.elseStatement, scope);
    } else if (ts.isReturnStatement(node)) {
      if (node.expression !== undefined) this.expression(node.expression, scope);
    } else if (ts.isBreakStatement(node) || ts.isContinueStatement(node)) {
      if (node.label !== undefined) this.reject(node, 'label');
    } else this.reject(node, `${kindOf(node)} is not in the subset`);
  }

  private variables(list: ts.VariableDeclarationList, scope: Scope): void {
    const isConst = (list.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.Const;
    const isLet = (list.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.Let;
    if (!isConst && !isLet) this.reject(list, 'declaration other than const and let');
    for (const { name, initializer } of list.declarations) {
      if (!ts.isIdentifier(name)) this.reject(name, 'destructuring');
      if (initializer === undefined) {
        this.reject(list, 'variable without initial value');
        continue;
      }
      this.expression(initializer, scope);
      const alias = isConst ? this.rootOf(initializer, scope) : undefined;
      scope.set(name.getText(), alias ?? { kind: isConst ? 'const' : 'let' });
    }
  }

  /**
   * `for (let i = start; i < bound; i++)`, or downwards with a start that is a bound too: bounds do not depend on the state's values, and the
   * body leaves i alone.
   */
  private loop(node: ts.ForStatement, outer: Scope): void {
    const scope = new Map(outer);
    const { initializer, condition, incrementor } = node;
    const declaration =
      initializer !== undefined && ts.isVariableDeclarationList(initializer) ? initializer.declarations[0] : undefined;
    if (declaration?.initializer === undefined || !ts.isIdentifier(declaration.name)) {
      this.reject(node, 'loop without counter');
      return;
    }
    const counter = declaration.name.text;
    this.expression(declaration.initializer, scope);
    scope.set(counter, { kind: 'loop' });
    const compares =
      condition !== undefined && ts.isBinaryExpression(condition) && condition.left.getText() === counter;
    const operator = compares ? condition.operatorToken.getText() : '';
    const isUp = (operator === '<' || operator === '<=') && incrementor?.getText() === `${counter}++`;
    const isDown = (operator === '>' || operator === '>=') && incrementor?.getText() === `${counter}--`;
    const bounded =
      compares && this.isBound(condition.right, scope) && (isUp || this.isBound(declaration.initializer, scope));
    if (!bounded) this.reject(node, 'loop whose bound is not a constant, configuration or array length');
    if (!isUp && !isDown) this.reject(node, 'loop that does not count by one towards its bound');
    this.statement(node.statement, scope);
  }

  private isBound(node: ts.Expression, scope: Scope): boolean {
    if (ts.isNumericLiteral(node)) return true;
    if (ts.isParenthesizedExpression(node)) return this.isBound(node.expression, scope);
    if (ts.isIdentifier(node)) {
      const meaning = scope.get(node.text);
      return meaning?.kind === 'constant' || (meaning?.kind === 'parameter' && meaning.root === 'config');
    }
    if (ts.isBinaryExpression(node)) {
      return (
        BINARY.has(node.operatorToken.getText()) && this.isBound(node.left, scope) && this.isBound(node.right, scope)
      );
    }
    if (!ts.isPropertyAccessExpression(node)) return false;
    if (node.name.text === 'length') return true;
    const meaning = this.rootOf(node, scope);
    return meaning?.kind === 'parameter' && meaning.root === 'config';
  }

  /** Assignment, increment or a call for its effect. */
  private effect(node: ts.Expression, scope: Scope): void {
    const isStep =
      (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) &&
      (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken);
    if (ts.isCallExpression(node)) this.call(node, scope);
    else if (isStep) this.target(node.operand, scope);
    else if (ts.isBinaryExpression(node) && ASSIGNMENT.has(node.operatorToken.getText())) {
      this.target(node.left, scope);
      this.expression(node.right, scope);
    } else this.reject(node, `statement without effect or effect outside of the subset: ${node.getText()}`);
  }

  private target(node: ts.Expression, scope: Scope): void {
    if (ts.isIdentifier(node)) {
      if (scope.get(node.text)?.kind !== 'let')
        this.reject(node, `assignment to ${node.text}, which is not a local let`);
      return;
    }
    const root = this.rootOf(node, scope);
    if (root?.kind !== 'parameter' || !root.writable)
      this.reject(node, `assignment to ${node.getText()}, which is not state`);
    else this.facts?.writes.add(root.root);
    this.expression(node, scope);
  }

  /** The parameter that a path such as `state.a[i]!.b` goes through. */
  private rootOf(node: ts.Expression, scope: Scope): Meaning | undefined {
    if (ts.isIdentifier(node)) {
      const meaning = scope.get(node.text);
      return meaning?.kind === 'parameter' ? meaning : undefined;
    }
    const inner =
      ts.isPropertyAccessExpression(node) ||
      ts.isElementAccessExpression(node) ||
      ts.isNonNullExpression(node) ||
      ts.isParenthesizedExpression(node);
    return inner ? this.rootOf(node.expression, scope) : undefined;
  }

  private call(node: ts.CallExpression, scope: Scope): void {
    const { expression: callee } = node;
    for (const argument of node.arguments) this.expression(argument, scope);
    if (node.questionDotToken !== undefined) this.reject(node, 'optional call');
    if (ts.isPropertyAccessExpression(callee) && callee.expression.getText() === 'Math') {
      if (!MATH.has(callee.name.text)) this.reject(node, `Math.${callee.name.text} is not in the subset`);
      return;
    }
    const meaning = ts.isIdentifier(callee) ? scope.get(callee.text) : undefined;
    if (meaning?.kind !== 'function') {
      this.reject(node, `call of ${callee.getText()}, which is not a subset function`);
      return;
    }
    this.facts?.calls.add(meaning.key);
    node.arguments.forEach((argument, index) => {
      const root = this.rootOf(argument, scope);
      if (root?.kind !== 'parameter') return;
      const { writable } = root;
      this.facts?.passes.push({ root: root.root, writable, callee: meaning.key, index, line: lineOf(argument) });
    });
  }

  private expression(node: ts.Expression, scope: Scope): void {
    if (ts.isIdentifier(node)) this.name(node, scope);
    else if (ts.isBinaryExpression(node)) this.binary(node, scope);
    else if (ts.isCallExpression(node)) this.call(node, scope);
    else if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node))
      this.expression(node.expression, scope);
    else if (ts.isPrefixUnaryExpression(node) && PREFIX.has(node.operator)) this.expression(node.operand, scope);
    else if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
      if (node.questionDotToken !== undefined) this.reject(node, 'optional chaining');
      if (ts.isElementAccessExpression(node)) this.expression(node.argumentExpression, scope);
      this.expression(node.expression, scope);
    } else if (ts.isConditionalExpression(node)) {
      this.expression(node.condition, scope);
      this.expression(node.whenTrue, scope);
      this.expression(node.whenFalse, scope);
    } else if (!isLiteral(node)) this.reject(node, `${kindOf(node)} is not in the subset`);
  }

  private name(node: ts.Identifier, scope: Scope): void {
    const meaning = scope.get(node.text);
    if (meaning === undefined) this.reject(node, `${node.text} is neither local nor a module constant`);
    else if (meaning.kind === 'function') this.reject(node, `function ${node.text} as a value`);
  }

  private binary(node: ts.BinaryExpression, scope: Scope): void {
    const operator = node.operatorToken.getText();
    if (!BINARY.has(operator)) this.reject(node, `operator ${operator} in an expression`);
    const joinsText = operator === '+' && (ts.isStringLiteral(node.left) || ts.isStringLiteral(node.right));
    if (joinsText) this.reject(node, 'string concatenation');
    this.expression(node.left, scope);
    this.expression(node.right, scope);
  }
}
