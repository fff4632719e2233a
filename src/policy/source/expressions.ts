import { childNamed, childrenNamed, createElement, type PolicyTree, type TreeElement } from '../tree.ts';
import { chooseCase } from './case-choice.ts';
import { CONFIG_TYPES, type ConfigType, checkNames, configVariables, isConfigType } from './config-section.ts';
import { type ConfigValue, type ConfigValues, formatConfigValue, readConfigValue } from './config-value.ts';
import { ProblemList, quote, refuse, SourceProblem } from './problem.ts';

/** Longest text that an expression may build, in characters. */
const MAX_TEXT = 65_536;
/** Longest chain of references that is followed. */
const MAX_CHAIN = 200;

/**
 * Evaluates all expressions and the references between configuration variables; the config section then holds the
 * value of every variable and expression, and the expressions are gone.
 *
 * Works on a system, a component or a library.
 */
export function expandExpressions(tree: PolicyTree): void {
  const { root } = tree;
  const sections = childrenNamed(root, 'expressions');
  const definitions = [...configVariables(tree), ...sections.flatMap(section => childrenNamed(section, 'expression'))];
  checkNames(definitions);
  const evaluation = new Evaluation(definitions);
  const problems = new ProblemList();
  for (const definition of definitions) {
    problems.attempt(() => evaluation.valueOf(definition.attributes.name!, definition));
  }
  problems.end();
  const config = childNamed(root, 'config');
  if (config === undefined) {
    const first = definitions[0];
    if (first !== undefined) refuse(first, 'SRC-EXPRESSION', 'there are expressions but no <config>', 'Add <config/>.');
  } else {
    config.children = CONFIG_TYPES.flatMap(type =>
      definitions.flatMap(definition => {
        const { name } = definition.attributes;
        const value = evaluation.valueOf(name!, definition);
        if (value.type !== type) return [];
        return [createElement(definition, type, { name: name!, value: formatConfigValue(value) })];
      }),
    );
  }
  root.children = root.children.filter(child => child.name !== 'expressions');
}

/** Values of the configuration variables of a document without expressions. */
export function configValues(tree: PolicyTree): ConfigValues {
  const variables = configVariables(tree);
  checkNames(variables);
  return new Map(
    variables.map(variable => {
      const { name, value = '' } = variable.attributes;
      return [name!, readConfigValue(variable.name as ConfigType, value, variable)];
    }),
  );
}

/** Values that are known and the names that are being evaluated, outermost first. */
class Evaluation {
  readonly #definitions: ReadonlyMap<string, TreeElement>;
  readonly #values = new Map<string, ConfigValue>();
  readonly #failures = new Map<string, SourceProblem>();
  readonly #open: string[] = [];

  constructor(definitions: readonly TreeElement[]) {
    this.#definitions = new Map(definitions.map(definition => [definition.attributes.name!, definition]));
  }

  /** Value of a name; `where` asks for it. */
  valueOf(name: string, where: TreeElement): ConfigValue {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const failure = this.#failures.get(name);
    if (failure !== undefined) throw failure;
    const definition = this.#definitions.get(name);
    if (definition === undefined) {
      const message = `there is no configuration variable or expression ${quote(name)}`;
      refuse(where, 'SRC-VARIABLE', message, 'Define it in <config> or <expressions>, or correct the name.');
    }
    if (this.#open.includes(name)) {
      const path = [...this.#open.slice(this.#open.indexOf(name)), name].join(' > ');
      refuse(where, 'SRC-EXPRESSION', `the value of ${quote(name)} depends on itself: ${path}`, 'Break the cycle.');
    }
    if (this.#open.length >= MAX_CHAIN) {
      refuse(where, 'SRC-LIMIT', `more than ${MAX_CHAIN} variables refer to each other in a row`, 'Shorten the chain.');
    }
    this.#open.push(name);
    try {
      const value = isConfigType(definition.name) ? this.#variable(definition) : this.#expression(definition);
      this.#values.set(name, value);
      return value;
    } catch (problem) {
      // Whatever refers to this name has the same problem, not one of its own.
      if (problem instanceof SourceProblem) this.#failures.set(name, problem);
      throw problem;
    } finally {
      this.#open.pop();
    }
  }

  #variable(variable: TreeElement): ConfigValue {
    const type = variable.name as ConfigType;
    const { value } = variable.attributes;
    if (value === undefined) {
      refuse(
        variable,
        'SRC-CONFIG',
        `the variable ${quote(variable.attributes.name!)} has no value`,
        'Add value="...".',
      );
    }
    if (!value.startsWith('$')) return readConfigValue(type, value, variable);
    return ofType(type, this.valueOf(value.slice(1), variable), variable);
  }

  #expression(expression: TreeElement): ConfigValue {
    const [operation] = expression.children;
    const name = expression.attributes.name ?? '';
    if (operation === undefined) {
      refuse(expression, 'SRC-EXPRESSION', `the expression ${quote(name)} is empty`, 'Give it an operator.');
    }
    switch (operation.name) {
      case 'concatenation':
        return { type: 'string', value: this.#concatenation(operation) };
      case 'evalString':
        return { type: 'string', value: this.#evalString(operation) };
      case 'case':
        return this.#case(operation);
      case 'variable':
        return this.#reference(operation);
      default:
        return { type: 'boolean', value: this.#boolean(operation) };
    }
  }

  #boolean(operation: TreeElement): boolean {
    switch (operation.name) {
      case 'and': {
        const [a, b] = this.#operands(operation, 2).map(operand => this.#boolean(operand));
        return a! && b!;
      }
      case 'or': {
        const [a, b] = this.#operands(operation, 2).map(operand => this.#boolean(operand));
        return a! || b!;
      }
      case 'not':
        return !this.#boolean(this.#operands(operation, 1)[0]!);
      case 'eq':
      case 'ne':
      case 'gt':
      case 'lt':
        return this.#comparison(operation);
      case 'expression':
        return this.#boolean(this.#operands(operation, 1)[0]!);
      case 'boolean':
      case 'variable':
        return this.#value('boolean', operation).value as boolean;
      default: {
        const hint = 'Operators are and, or, not, eq, ne, gt, lt, concatenation, evalString, case.';
        return refuse(operation, 'SRC-EXPRESSION', `<${operation.name}> is no operator of an expression`, hint);
      }
    }
  }

  #comparison(operation: TreeElement): boolean {
    const [a, b] = this.#operands(operation, 2).map(operand => this.#value('integer', operand).value as number);
    switch (operation.name) {
      case 'eq':
        return a! === b!;
      case 'ne':
        return a! !== b!;
      case 'gt':
        return a! > b!;
      default:
        return a! < b!;
    }
  }

  #operands(operation: TreeElement, count: number): readonly TreeElement[] {
    if (operation.children.length < count) {
      const message = `<${operation.name}> needs ${count === 1 ? 'one operand' : 'two operands'}`;
      refuse(operation, 'SRC-EXPRESSION', message, 'Add what is missing.');
    }
    return operation.children.slice(0, count);
  }

  /** A literal or a reference of the given type. */
  #value(type: ConfigType, operand: TreeElement): ConfigValue {
    if (operand.name === 'variable') return ofType(type, this.#reference(operand), operand);
    if (operand.name !== type) {
      const message = `<${operand.name}> stands where a ${type} is needed`;
      refuse(operand, 'SRC-EXPRESSION', message, `Use <${type} value="..."/> or <variable name="..."/>.`);
    }
    return literal(operand, type);
  }

  #reference(variable: TreeElement): ConfigValue {
    const { name = '' } = variable.attributes;
    if (name === '' || name.startsWith('$')) {
      const message = `<variable> has the name ${quote(name)}`;
      refuse(variable, 'SRC-EXPRESSION', message, 'Give the name of a variable, without $.');
    }
    return this.valueOf(name, variable);
  }

  #concatenation(operation: TreeElement): string {
    const parts = operation.children.filter(child => child.name === 'string' || child.name === 'variable');
    if (parts.length < 2) {
      refuse(operation, 'SRC-EXPRESSION', '<concatenation> needs at least two parts', 'Add <string> or <variable>.');
    }
    return bounded(parts.map(part => this.#value('string', part).value as string).join(''), operation);
  }

  #evalString(operation: TreeElement): string {
    const parts = parseEvalString(operation).map(({ text, reference }) =>
      reference === undefined
        ? text
        : (ofType('string', this.valueOf(reference, operation), operation).value as string),
    );
    return bounded(parts.join(''), operation);
  }

  #case(operation: TreeElement): ConfigValue {
    const chosen = chooseCase(operation, (name, where) => this.valueOf(name, where));
    const [result] = chosen?.children ?? [];
    if (result === undefined) {
      refuse(
        chosen ?? operation,
        'SRC-EXPRESSION',
        'no alternative of <case> gives a value',
        'Add <others> with a value.',
      );
    }
    if (result.name === 'case') return this.#case(result);
    if (result.name === 'variable') return this.#reference(result);
    if (isConfigType(result.name)) return literal(result, result.name);
    const hint = 'Use <boolean>, <integer>, <string>, <variable> or another <case>.';
    return refuse(result, 'SRC-EXPRESSION', `<${result.name}> is no value of a <case>`, hint);
  }
}

function literal(element: TreeElement, type: ConfigType): ConfigValue {
  const { value } = element.attributes;
  if (value === undefined) refuse(element, 'SRC-EXPRESSION', `<${element.name}> has no value`, 'Add value="...".');
  if (value.startsWith('$')) {
    const hint = 'Within expressions use <variable name="..."/> for references.';
    refuse(element, 'SRC-EXPRESSION', `${quote(value)} is a reference in a literal`, hint);
  }
  return readConfigValue(type, value, element);
}

function ofType(type: ConfigType, value: ConfigValue, where: TreeElement): ConfigValue {
  if (value.type === type) return value;
  return refuse(
    where,
    'SRC-EXPRESSION',
    `the value is of type ${value.type}, needed is ${type}`,
    `Refer to a ${type}.`,
  );
}

function bounded(text: string, where: TreeElement): string {
  if (text.length <= MAX_TEXT) return text;
  return refuse(where, 'SRC-LIMIT', `the text grows beyond ${MAX_TEXT} characters`, 'Build shorter texts.');
}

/** Part of an evalString: a text as it stands, or the name of a variable. */
export interface EvalPart {
  readonly text: string;
  readonly reference?: string;
}

/** Splits the value of an `<evalString>` at its `${name}` references; other `$`, `{` and `}` are refused. */
export function parseEvalString(element: TreeElement): readonly EvalPart[] {
  const { value } = element.attributes;
  if (value === undefined) refuse(element, 'SRC-EXPRESSION', '<evalString> has no value', 'Add value="...".');
  const parts: EvalPart[] = [];
  for (const [part, text, reference] of value.matchAll(/([^${}]+)|\$\{([^${}]*)\}|[${}]/g)) {
    if (text !== undefined) parts.push({ text });
    else if (reference !== undefined) parts.push({ text: part, reference });
    else {
      const hint = 'A reference is $ and a name in braces; $ and braces themselves can come from a string variable.';
      refuse(element, 'SRC-EXPRESSION', `${quote(value)} has ${quote(part)} outside of a reference`, hint);
    }
  }
  return parts;
}
