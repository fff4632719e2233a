import { err, ok, type Result } from '../../units/result.ts';
import type { TreeElement } from '../tree.ts';

/** Element with the way to it, root first; the path of the root holds the root alone. */
export type ElementPath = readonly TreeElement[];

const MAX_LENGTH = 2000;

/**
 * Elements that an XPath selects: the part of XPath 1.0 that policies use.
 *
 * Child, `//`, `.`, `..` and `*` steps, unions, and predicates of positions, `@a`, child names, `text()`, `name()`,
 * `=`, `!=`, `and`, `or`, `not()`, `contains()`, `starts-with()`, `last()`. Relative paths start at the end of
 * `context`, whose first element is the root of the document. The error says what is not supported, and where, or that
 * more elements would be looked at than are left of `visits`.
 */
export function selectElements(
  xpath: string,
  context: ElementPath,
  visits: Visits,
): Result<readonly ElementPath[], string> {
  try {
    const query = new Parser(xpath).parse();
    return ok(distinct(query.flatMap(path => evaluatePath(path, context, visits))));
  } catch (problem) {
    if (problem instanceof XPathProblem) return err(problem.message);
    throw problem;
  }
}

class XPathProblem extends Error {}

interface Path {
  readonly absolute: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  readonly axis: 'child' | 'descendant' | 'self' | 'parent';
  /** Name of the elements, `*` for all. */
  readonly name: string;
  readonly predicates: readonly Condition[];
}

type Condition =
  | { readonly kind: 'position'; readonly position: number | 'last' }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly operand: Condition }
  | { readonly kind: 'exists'; readonly operand: Operand }
  | { readonly kind: 'compare'; readonly operator: '=' | '!='; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'contains' | 'starts-with'; readonly left: Operand; readonly right: Operand };

type Operand =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'text' }
  | { readonly kind: 'name' }
  | { readonly kind: 'path'; readonly path: Path; readonly attribute?: string };

const TOKENS =
  /\s*(\/\/|\/|\.\.|\.|@|\[|\]|\(|\)|,|\||!=|=|\*|"[^"]*"|'[^']*'|[0-9]+|[\p{L}_][\p{L}\p{N}_-]*(?:\.[\p{L}\p{N}_-]+)*|\S)/gu;

class Parser {
  readonly #tokens: readonly string[];
  readonly #xpath: string;
  #next = 0;
  #depth = 0;

  constructor(xpath: string) {
    if (xpath.length > MAX_LENGTH) throw new XPathProblem(`it is longer than ${MAX_LENGTH} characters`);
    this.#xpath = xpath;
    this.#tokens = [...xpath.matchAll(TOKENS)].map(match => match[1]!);
  }

  parse(): readonly Path[] {
    const paths = [this.#path()];
    while (this.#accept('|')) paths.push(this.#path());
    if (this.#token !== undefined) this.#fail('the end');
    return paths;
  }

  get #token(): string | undefined {
    return this.#tokens[this.#next];
  }

  #accept(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next += 1;
    return true;
  }

  #expect(token: string): void {
    if (!this.#accept(token)) this.#fail(token);
  }

  #fail(wanted: string): never {
    const found = this.#token === undefined ? 'its end' : JSON.stringify(this.#token);
    throw new XPathProblem(`${found} stands where ${wanted} is expected in ${JSON.stringify(this.#xpath)}`);
  }

  #path(): Path {
    this.#depth += 1;
    if (this.#depth > 20) throw new XPathProblem('its predicates are nested too deep');
    const steps: Step[] = [];
    const absolute = this.#token === '/' || this.#token === '//';
    let descendant = this.#accept('//');
    if (!descendant && this.#accept('/') && !this.#startsStep()) return this.#end({ absolute, steps });
    for (;;) {
      steps.push(this.#step(descendant));
      if (this.#accept('//')) descendant = true;
      else if (this.#token === '/' && this.#tokens[this.#next + 1] !== '@') {
        this.#next += 1;
        descendant = false;
      } else return this.#end({ absolute, steps });
    }
  }

  #end(path: Path): Path {
    this.#depth -= 1;
    return path;
  }

  #startsStep(): boolean {
    const token = this.#token;
    return token !== undefined && (token === '*' || token === '.' || token === '..' || /^[\p{L}_]/u.test(token));
  }

  #step(descendant: boolean): Step {
    const token = this.#token;
    if (token === undefined || !this.#startsStep()) this.#fail('a step');
    this.#next += 1;
    if (token === '.' || token === '..') {
      const axis = token === '..' ? 'parent' : descendant ? 'descendant' : 'self';
      return { axis, name: '*', predicates: this.#predicates() };
    }
    return { axis: descendant ? 'descendant' : 'child', name: token, predicates: this.#predicates() };
  }

  #predicates(): readonly Condition[] {
    const predicates: Condition[] = [];
    while (this.#accept('[')) {
      predicates.push(this.#or());
      this.#expect(']');
    }
    return predicates;
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#accept('or')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Condition {
    let left = this.#condition();
    while (this.#accept('and')) left = { kind: 'and', left, right: this.#condition() };
    return left;
  }

  #condition(): Condition {
    const token = this.#token ?? '';
    const called = this.#tokens[this.#next + 1] === '(';
    if (/^[0-9]+$/.test(token)) {
      this.#next += 1;
      return { kind: 'position', position: Number(token) };
    }
    if (called && token === 'last') {
      this.#next += 2;
      this.#expect(')');
      return { kind: 'position', position: 'last' };
    }
    if (called && token === 'not') {
      this.#next += 2;
      const operand = this.#or();
      this.#expect(')');
      return { kind: 'not', operand };
    }
    if (called && (token === 'contains' || token === 'starts-with')) {
      this.#next += 2;
      const left = this.#operand();
      this.#expect(',');
      const right = this.#operand();
      this.#expect(')');
      return { kind: token, left, right };
    }
    if (this.#accept('(')) {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    return this.#comparison();
  }

  #comparison(): Condition {
    const left = this.#operand();
    for (const operator of ['=', '!='] as const) {
      if (this.#accept(operator)) return { kind: 'compare', operator, left, right: this.#operand() };
    }
    return { kind: 'exists', operand: left };
  }

  #operand(): Operand {
    const token = this.#token ?? '';
    if (/^["']/.test(token) && token.length >= 2) {
      this.#next += 1;
      return { kind: 'literal', text: token.slice(1, -1) };
    }
    if (this.#accept('@')) return { kind: 'attribute', name: this.#name() };
    if (this.#tokens[this.#next + 1] === '(') {
      if (token !== 'text' && token !== 'name') this.#fail('text() or name()');
      this.#next += 2;
      this.#expect(')');
      return { kind: token };
    }
    const path = this.#path();
    if (this.#accept('/')) {
      this.#expect('@');
      return { kind: 'path', path, attribute: this.#name() };
    }
    return { kind: 'path', path };
  }

  #name(): string {
    const token = this.#token ?? '';
    if (!/^[\p{L}_]/u.test(token)) this.#fail('a name');
    this.#next += 1;
    return token;
  }
}

/** Elements that may still be looked at; a path over the largest real policy looks at less than 100 000. */
export interface Visits {
  left: number;
}

function visit(visits: Visits): void {
  visits.left -= 1;
  if (visits.left < 0) throw new XPathProblem('too many elements are looked at');
}

function evaluatePath(path: Path, context: ElementPath, visits: Visits): readonly ElementPath[] {
  // The document itself has no element: an empty path stands for it.
  let found: readonly ElementPath[] = [path.absolute ? [] : context];
  const document = context[0]!;
  for (const step of path.steps) {
    found = distinct(found.flatMap(from => filtered(candidates(step, from, document, visits), step, visits)));
  }
  return path.steps.length === 0 && path.absolute ? [[]] : found.filter(element => element.length > 0);
}

function candidates(step: Step, from: ElementPath, root: TreeElement, visits: Visits): ElementPath[] {
  switch (step.axis) {
    case 'self':
      return [from];
    case 'parent':
      return from.length === 0 ? [] : [from.slice(0, -1)];
    case 'child':
      return childrenOf(from, root)
        .filter(child => named(child, step.name, visits))
        .map(child => [...from, child]);
    default: {
      const found: ElementPath[] = [];
      collect(from, root, step.name, found, visits);
      return found;
    }
  }
}

const childrenOf = (from: ElementPath, root: TreeElement): readonly TreeElement[] => from.at(-1)?.children ?? [root];

function named(element: TreeElement, name: string, visits: Visits): boolean {
  visit(visits);
  return name === '*' || element.name === name;
}

function collect(from: ElementPath, root: TreeElement, name: string, found: ElementPath[], visits: Visits): void {
  for (const child of childrenOf(from, root)) {
    const path = [...from, child];
    if (named(child, name, visits)) found.push(path);
    collect(path, root, name, found, visits);
  }
}

function filtered(candidates: ElementPath[], step: Step, visits: Visits): ElementPath[] {
  if (step.predicates.length === 0) return candidates;
  // `//b[1]` is short for a step to the children of every element: positions count among the children of one parent.
  if (step.axis !== 'descendant') return fulfilling(candidates, step, visits);
  const families = new Map<TreeElement | undefined, ElementPath[]>();
  for (const candidate of candidates) {
    const family = families.get(candidate.at(-2));
    if (family === undefined) families.set(candidate.at(-2), [candidate]);
    else family.push(candidate);
  }
  const kept = new Set([...families.values()].flatMap(family => fulfilling(family, step, visits)));
  return candidates.filter(candidate => kept.has(candidate));
}

function fulfilling(candidates: ElementPath[], step: Step, visits: Visits): ElementPath[] {
  let remaining = candidates;
  for (const predicate of step.predicates) {
    const size = remaining.length;
    remaining = remaining.filter((element, index) => holds(predicate, element, { index, size }, visits));
  }
  return remaining;
}

interface Place {
  readonly index: number;
  readonly size: number;
}

function holds(condition: Condition, element: ElementPath, place: Place, visits: Visits): boolean {
  visit(visits);
  switch (condition.kind) {
    case 'position':
      return place.index + 1 === (condition.position === 'last' ? place.size : condition.position);
    case 'and':
      return holds(condition.left, element, place, visits) && holds(condition.right, element, place, visits);
    case 'or':
      return holds(condition.left, element, place, visits) || holds(condition.right, element, place, visits);
    case 'not':
      return !holds(condition.operand, element, place, visits);
    case 'exists':
      return values(condition.operand, element, visits).length > 0;
    default: {
      const left = values(condition.left, element, visits);
      const right = values(condition.right, element, visits);
      return left.some(a => right.some(b => compare(condition, a, b)));
    }
  }
}

function compare(condition: Condition, a: string, b: string): boolean {
  if (condition.kind === 'contains') return a.includes(b);
  if (condition.kind === 'starts-with') return a.startsWith(b);
  return condition.kind === 'compare' && (condition.operator === '=') === (a === b);
}

/** String values of an operand; none when it selects nothing. */
function values(operand: Operand, context: ElementPath, visits: Visits): readonly string[] {
  const element = context.at(-1);
  switch (operand.kind) {
    case 'literal':
      return [operand.text];
    case 'attribute':
      return presentValues(element?.attributes[operand.name]);
    case 'name':
      return [element?.name ?? ''];
    case 'text':
      return presentValues(element === undefined || element.text === '' ? undefined : element.text);
    default: {
      const found = evaluatePath(operand.path, context, visits).map(path => path.at(-1)!);
      const { attribute } = operand;
      return found.flatMap(({ attributes, text }) =>
        attribute === undefined ? [text] : presentValues(attributes[attribute]),
      );
    }
  }
}

const presentValues = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);

/** The same elements once, in the order of the first mention. */
function distinct(paths: readonly ElementPath[]): ElementPath[] {
  const seen = new Set<TreeElement | undefined>();
  return paths.filter(path => {
    const element = path.at(-1);
    if (seen.has(element)) return false;
    seen.add(element);
    return true;
  });
}
