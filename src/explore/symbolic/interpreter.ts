import ts from 'typescript';
import { InvariantError } from '../../units/invariant.ts';
import { TWO32 } from '../../units/word.ts';
import { chooseValue, copyFrame, type Frame, mergeFrames } from './frame.ts';
import { BINARY, MATH } from './operators.ts';
import { constantTerm, elementsAt, lengthOfPlaces, type PlainScalar, readPlaces } from './places.ts';
import type { SourceIndex, SubsetFunction } from './source-index.ts';
import type { Term, Terms } from './terms.ts';
import { type Choice, isTerm, lengthOf, member, type Scalars, type Value } from './values.ts';
import { WORD_TERMS } from './word-helpers.ts';

/** Loops are bounded by constants; this is a backstop. */
const MAX_ROUNDS = 4096;

/**
 * Runs functions of the model subset on terms instead of numbers: both sides of every condition, loops unrolled, calls inlined.
 *
 * Reading an element behind the end of an array yields the last one; the model's own invariants exclude that in reachable states.
 */
export class Interpreter {
  private readonly index: SourceIndex;
  private readonly terms: Terms;
  private readonly shape: Scalars;
  private file = '';

  constructor(index: SourceIndex, terms: Terms, shape: Scalars) {
    this.index = index;
    this.terms = terms;
    this.shape = shape;
  }

  /** Calls a guard or an action; changes `scalars` in place. @returns what it returns. */
  call(key: string, args: readonly Value[], scalars: Term[]): Value | undefined {
    const declaration = this.index.functions.get(key);
    if (declaration === undefined) throw new InvariantError(`there is no subset function ${key}`);
    return this.invoke(declaration, args, scalars);
  }

  private invoke(declaration: SubsetFunction, args: readonly Value[], scalars: Term[]): Value | undefined {
    const { terms } = this;
    const outer = this.file;
    this.file = declaration.file;
    const locals = new Map<string, Value>();
    declaration.parameters.forEach((name, position) => {
      const arg = args[position];
      if (arg !== undefined) locals.set(name, arg);
    });
    const frame: Frame = {
      scalars,
      locals,
      returned: terms.no,
      broken: terms.no,
      skipped: terms.no,
      result: undefined,
    };
    this.block(declaration.body.statements, frame);
    this.file = outer;
    return frame.result;
  }

  private fail(node: ts.Node, why: string): never {
    throw new InvariantError(`${this.file}: ${why}: ${node.getText()}`);
  }

  private block(statements: readonly ts.Statement[], frame: Frame): void {
    const { terms } = this;
    for (const [position, statement] of statements.entries()) {
      const stopped = terms.or(frame.returned, terms.or(frame.broken, frame.skipped));
      if (stopped === terms.yes) return;
      if (stopped === terms.no) {
        this.statement(statement, frame);
        continue;
      }
      // The rest runs only where nothing has left it.
      const rest = copyFrame(frame);
      rest.returned = terms.no;
      rest.broken = terms.no;
      rest.skipped = terms.no;
      this.block(statements.slice(position), rest);
      mergeFrames(this.terms, stopped, copyFrame(frame), rest, frame);
      return;
    }
  }

  private statement(node: ts.Statement, frame: Frame): void {
    if (ts.isBlock(node)) this.block(node.statements, frame);
    else if (ts.isVariableStatement(node)) {
      for (const { name, initializer } of node.declarationList.declarations)
        frame.locals.set(name.getText(), this.expression(initializer!, frame));
    } else if (ts.isExpressionStatement(node)) this.effect(node.expression, frame);
    else if (ts.isIfStatement(node)) this.branch(node, frame);
    else if (ts.isForStatement(node)) this.loop(node, frame);
    else if (ts.isReturnStatement(node)) {
      if (node.expression !== undefined) frame.result = this.expression(node.expression, frame);
      frame.returned = this.terms.yes;
    } else if (ts.isBreakStatement(node)) frame.broken = this.terms.yes;
    else if (ts.isContinueStatement(node)) frame.skipped = this.terms.yes;
    else this.fail(node, 'statement outside of the subset');
  }

  private branch(node: ts.IfStatement, frame: Frame): void {
    const condition = this.scalar(node.expression, frame);
    const { yes, no } = this.terms;
    if (condition === yes || condition === no) {
      const taken = condition === yes ? node.thenStatement : node.elseStatement;
      if (taken !== undefined) this.statement(taken, frame);
      return;
    }
    const left = copyFrame(frame);
    const right = copyFrame(frame);
    this.statement(node.thenStatement, left);
    if (node.elseStatement !== undefined) this.statement(node.elseStatement, right);
    mergeFrames(this.terms, condition, left, right, frame);
  }

  private loop(node: ts.ForStatement, frame: Frame): void {
    const { terms } = this;
    for (const { name, initializer } of (node.initializer as ts.VariableDeclarationList).declarations)
      frame.locals.set(name.getText(), this.expression(initializer!, frame));
    for (let round = 0; ; round++) {
      if (round > MAX_ROUNDS) this.fail(node, 'loop of more than 4096 rounds');
      const goesOn = this.scalar(node.condition!, frame);
      if (goesOn !== terms.yes && goesOn !== terms.no) this.fail(node, 'loop bound is not a constant');
      if (goesOn === terms.no || frame.broken === terms.yes || frame.returned === terms.yes) break;
      this.block([node.statement], frame);
      frame.skipped = terms.no;
      this.effect(node.incrementor!, frame);
    }
    frame.broken = terms.no;
  }

  private effect(node: ts.Expression, frame: Frame): void {
    const { terms } = this;
    if (ts.isCallExpression(node)) {
      this.expression(node, frame);
      return;
    }
    if (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) {
      const by = terms.constant(node.operator === ts.SyntaxKind.PlusPlusToken ? 1 : -1);
      this.assign(node.operand, terms.make('+', this.scalar(node.operand, frame), by), frame);
      return;
    }
    if (!ts.isBinaryExpression(node)) this.fail(node, 'statement without effect');
    const operator = node.operatorToken.getText();
    const right = this.expression(node.right, frame);
    if (operator === '=') {
      this.assign(node.left, right, frame);
      return;
    }
    const binary = BINARY[operator.slice(0, -1)];
    if (binary === undefined || !isTerm(right)) this.fail(node, 'assignment outside of the subset');
    this.assign(node.left, terms.make(binary, this.scalar(node.left, frame), right), frame);
  }

  private assign(target: ts.Expression, value: Value, frame: Frame): void {
    if (ts.isIdentifier(target)) {
      frame.locals.set(target.text, value);
      return;
    }
    const places = this.place(target, frame);
    if (!isTerm(value)) this.fail(target, 'only scalars are assigned');
    for (const { when, place } of places) {
      if (place.kind !== 'state') this.fail(target, 'assignment to data');
      const scalar = this.shape.indexOf(place.path);
      if (scalar < 0) this.fail(target, `no scalar ${place.path}`);
      frame.scalars[scalar] = this.terms.ite(when, value, frame.scalars[scalar]!);
    }
  }

  private scalar(node: ts.Expression, frame: Frame): Term {
    const value = this.expression(node, frame);
    if (!isTerm(value)) this.fail(node, 'not a scalar');
    return value;
  }

  /** Places that a path names. */
  private place(node: ts.Expression, frame: Frame): Choice {
    if (ts.isNonNullExpression(node) || ts.isParenthesizedExpression(node)) return this.place(node.expression, frame);
    if (ts.isPropertyAccessExpression(node)) {
      const name = node.name.text;
      return this.place(node.expression, frame).map(({ when, place }) => {
        const inner = member(place, name);
        if (inner === undefined) this.fail(node, `no part ${name}`);
        return { when, place: inner };
      });
    }
    if (ts.isElementAccessExpression(node)) {
      const at = this.scalar(node.argumentExpression, frame);
      return this.place(node.expression, frame).flatMap(({ when, place }) => elementsAt(this.terms, when, place, at));
    }
    const value = this.expression(node, frame);
    if (isTerm(value)) this.fail(node, 'not a part of the state or of data');
    return value;
  }

  private read(places: Choice, frame: Frame): Value {
    return readPlaces(this.terms, this.shape, places, frame.scalars);
  }

  private constant(value: PlainScalar): Term {
    return constantTerm(this.terms, this.shape, value);
  }

  private expression(node: ts.Expression, frame: Frame): Value {
    const { terms } = this;
    if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node))
      return this.expression(node.expression, frame);
    if (ts.isNumericLiteral(node)) return terms.constant(Number(node.text.replaceAll('_', '')));
    if (ts.isStringLiteral(node)) return this.constant(node.text);
    if (node.kind === ts.SyntaxKind.TrueKeyword) return terms.yes;
    if (node.kind === ts.SyntaxKind.FalseKeyword) return terms.no;
    if (ts.isIdentifier(node)) return this.identifier(node, frame);
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'length') {
      const places = this.place(node.expression, frame);
      // A record may have a field of this name.
      if (places.every(({ place }) => lengthOf(place) >= 0)) return lengthOfPlaces(terms, places);
    }
    if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node))
      return this.read(this.place(node, frame), frame);
    if (ts.isConditionalExpression(node)) {
      const condition = this.scalar(node.condition, frame);
      if (condition === terms.yes) return this.expression(node.whenTrue, frame);
      if (condition === terms.no) return this.expression(node.whenFalse, frame);
      return chooseValue(
        this.terms,
        condition,
        this.expression(node.whenTrue, frame),
        this.expression(node.whenFalse, frame),
      );
    }
    if (ts.isCallExpression(node)) return this.callExpression(node, frame);
    if (ts.isPrefixUnaryExpression(node)) return this.unary(node, frame);
    if (ts.isBinaryExpression(node)) return this.binary(node, frame);
    return this.fail(node, 'expression outside of the subset');
  }

  private identifier(node: ts.Identifier, frame: Frame): Value {
    const local = frame.locals.get(node.text);
    if (local !== undefined) return local;
    const meaning = this.index.names.get(this.file)?.get(node.text);
    if (meaning?.kind === 'constant') return this.expression(meaning.node, frame);
    if (meaning?.kind === 'helper' && meaning.name === 'TWO32') return this.terms.constant(TWO32);
    return this.fail(node, 'unknown name');
  }

  private unary(node: ts.PrefixUnaryExpression, frame: Frame): Term {
    const { terms } = this;
    const operand = this.scalar(node.operand, frame);
    if (node.operator === ts.SyntaxKind.ExclamationToken) return terms.not(operand);
    if (node.operator === ts.SyntaxKind.TildeToken) return terms.make('^', operand, terms.constant(-1));
    return node.operator === ts.SyntaxKind.MinusToken ? terms.make('-', terms.constant(0), operand) : operand;
  }

  private binary(node: ts.BinaryExpression, frame: Frame): Term {
    const { terms } = this;
    const operator = node.operatorToken.getText();
    const left = this.scalar(node.left, frame);
    // What cannot be reached is not evaluated: it may read behind the end of an array.
    if ((operator === '&&' && left === terms.no) || (operator === '||' && left === terms.yes)) return left;
    const right = this.scalar(node.right, frame);
    if (operator === '!==') return terms.not(terms.equal(left, right));
    if (operator === '>') return terms.make('<', right, left);
    if (operator === '>=') return terms.make('<=', right, left);
    const binary = BINARY[operator];
    return binary === undefined ? this.fail(node, 'operator outside of the subset') : terms.make(binary, left, right);
  }

  private callExpression(node: ts.CallExpression, frame: Frame): Value {
    const { terms } = this;
    const args = node.arguments.map(argument => this.expression(argument, frame));
    const callee = node.expression;
    if (ts.isPropertyAccessExpression(callee)) {
      const operator = MATH[callee.name.text];
      if (operator === undefined || !args.every(isTerm)) this.fail(node, 'Math function outside of the subset');
      if (operator !== 'min' && operator !== 'max') return terms.make(operator, ...args);
      return args.slice(1).reduce((left, right) => terms.make(operator, left, right), args[0]!);
    }
    const meaning = this.index.names.get(this.file)?.get(callee.getText());
    if (meaning?.kind === 'helper') {
      const helper = WORD_TERMS[meaning.name];
      if (helper === undefined || !args.every(isTerm)) this.fail(node, 'helper outside of the subset');
      return helper(terms, args);
    }
    const declaration = meaning?.kind === 'function' ? this.index.functions.get(meaning.key) : undefined;
    if (declaration === undefined) this.fail(node, 'unknown function');
    return this.invoke(declaration, args, frame.scalars) ?? terms.no;
  }
}
