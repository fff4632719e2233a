import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { err, ok, type Result } from '../units/result.ts';
import type { SourcePosition } from './document.ts';
import type { Finding } from './finding.ts';

/** A name in a claims file, with its place there. */
export interface ClaimName {
  readonly name: string;
  readonly at: SourcePosition;
}

/** `from` must not influence `to`, not even through others. */
export interface NoFlowClaim {
  readonly from: ClaimName;
  readonly to: ClaimName;
  readonly at: SourcePosition;
}

/** `from` may influence `to` only through one of `via`. */
export interface OnlyViaClaim extends NoFlowClaim {
  readonly via: readonly ClaimName[];
}

/** Something that nothing in the policy explains, and why it is meant. */
export interface AllowClaim {
  readonly what: 'region' | 'event' | 'rule';
  readonly target: ClaimName;
  readonly reason: string;
  readonly at: SourcePosition;
}

/** What the integrator of a system says about its flows (DESIGN section 5). */
export interface Claims {
  /** Path as reports show it. */
  readonly path: string;
  readonly noFlow: readonly NoFlowClaim[];
  readonly onlyVia: readonly OnlyViaClaim[];
  /** Label of each labelled subject. */
  readonly labels: readonly { readonly subject: ClaimName; readonly label: ClaimName }[];
  /** Labels from the lowest to the highest: data may go up only. Empty: nothing may pass between different labels. */
  readonly levels: readonly ClaimName[];
  readonly allow: readonly AllowClaim[];
}

/** Largest claims file that is read, in bytes, and its deepest nesting. */
export const MAX_CLAIMS_BYTES = 1 << 20;
const MAX_DEPTH = 16;
const MAX_PROBLEMS = 50;
/** Most claims of one kind. */
export const MAX_CLAIMS = 1000;

/** Reads one claims file; collects problems with line and column. */
class ClaimsReader {
  readonly problems: Finding[] = [];
  readonly #path: string;
  readonly #lineStarts: readonly number[];

  constructor(path: string, text: string) {
    this.#path = path;
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  position(offset: number): SourcePosition {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }

  problem(offset: number, message: string, hint = 'see the guide: noFlow, onlyVia, labels, levels, allow'): void {
    if (this.problems.length >= MAX_PROBLEMS) return;
    const at = this.position(offset);
    this.problems.push({ code: 'CLAIM-FORMAT', severity: 'error', message, ...at, hint, file: this.#path });
  }

  /** Members of an object, by name; unknown and repeated ones are problems. */
  object(node: Node, allowed: readonly string[]): Map<string, Node> {
    const members = new Map<string, Node>();
    if (node.type !== 'object') {
      this.problem(node.offset, `this must be an object with ${allowed.join(', ')}`);
      return members;
    }
    for (const { children } of node.children ?? []) {
      const [key, value] = children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      if (!allowed.includes(name)) this.problem(key.offset, `"${name}" is unknown here; known: ${allowed.join(', ')}`);
      else if (members.has(name)) this.problem(key.offset, `"${name}" stands here twice`);
      else members.set(name, value);
    }
    return members;
  }

  array(node: Node | undefined): readonly Node[] {
    if (node === undefined) return [];
    if (node.type === 'array' && (node.children ?? []).length <= MAX_CLAIMS) return node.children ?? [];
    if (node.type === 'array') {
      this.problem(node.offset, `more than ${MAX_CLAIMS} entries`);
      return [];
    }
    this.problem(node.offset, 'this must be an array');
    return [];
  }

  name(node: Node | undefined, parent: Node, member: string): ClaimName | undefined {
    if (node === undefined) {
      this.problem(parent.offset, `"${member}" is missing`);
      return undefined;
    }
    if (node.type === 'string' && node.value !== '')
      return { name: String(node.value), at: this.position(node.offset) };
    this.problem(node.offset, `"${member}" must be a name`);
    return undefined;
  }
}

/** Nesting of brackets outside of strings; the parser is recursive. */
function depthOf(text: string): { readonly depth: number; readonly offset: number } {
  let depth = 0;
  let inString = false;
  for (let offset = 0; offset < text.length; offset++) {
    const character = text[offset];
    if (inString && character === '\\') offset += 1;
    else if (character === '"') inString = !inString;
    else if (!inString && (character === '{' || character === '[')) depth += 1;
    else if (!inString && (character === '}' || character === ']')) depth -= 1;
    if (depth > MAX_DEPTH) return { depth, offset };
  }
  return { depth, offset: text.length };
}

function readFlow(reader: ClaimsReader, node: Node, members: ReadonlyMap<string, Node>): NoFlowClaim | undefined {
  const from = reader.name(members.get('from'), node, 'from');
  const to = reader.name(members.get('to'), node, 'to');
  if (from === undefined || to === undefined) return undefined;
  if (from.name === to.name) reader.problem(node.offset, `"from" and "to" are both "${from.name}"`);
  return { from, to, at: reader.position(node.offset) };
}

function readOnlyVia(reader: ClaimsReader, node: Node): OnlyViaClaim | undefined {
  const members = reader.object(node, ['from', 'to', 'via']);
  const flow = readFlow(reader, node, members);
  const nodes = reader.array(members.get('via'));
  if (nodes.length === 0) reader.problem(node.offset, '"via" must name at least one; use noFlow for none');
  const via = nodes.flatMap(entry => reader.name(entry, node, 'via') ?? []);
  return flow === undefined ? undefined : { ...flow, via };
}

function readAllow(reader: ClaimsReader, node: Node): AllowClaim | undefined {
  const members = reader.object(node, ['region', 'event', 'rule', 'reason']);
  const kinds = (['region', 'event', 'rule'] as const).filter(kind => members.has(kind));
  const what = kinds[0];
  if (what === undefined || kinds.length > 1) {
    reader.problem(node.offset, 'an "allow" names one of region, event or rule');
    return undefined;
  }
  const target = reader.name(members.get(what), node, what);
  const reason = reader.name(members.get('reason'), node, 'reason');
  if (target === undefined || reason === undefined) return undefined;
  return { what, target, reason: reason.name, at: reader.position(node.offset) };
}

function readLabels(reader: ClaimsReader, node: Node | undefined): Claims['labels'] {
  if (node === undefined) return [];
  if (node.type !== 'object') {
    reader.problem(node.offset, '"labels" must be an object: a label for each subject');
    return [];
  }
  const seen = new Set<string>();
  return (node.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    if (key === undefined || value === undefined) return [];
    const subject = { name: String(key.value), at: reader.position(key.offset) };
    if (seen.has(subject.name)) reader.problem(key.offset, `"${subject.name}" has two labels`);
    seen.add(subject.name);
    const label = reader.name(value, node, subject.name);
    return label === undefined ? [] : [{ subject, label }];
  });
}

/** Every label must be a level if there are levels, and no level may stand twice. */
function checkLevels(reader: ClaimsReader, claims: Claims, offsetOf: (name: ClaimName) => number): void {
  const levels = claims.levels.map(({ name }) => name);
  claims.levels.forEach((level, index) => {
    if (levels.indexOf(level.name) !== index)
      reader.problem(offsetOf(level), `level "${level.name}" stands here twice`);
  });
  if (levels.length === 0) return;
  for (const { label } of claims.labels)
    if (!levels.includes(label.name)) reader.problem(offsetOf(label), `label "${label.name}" is none of the levels`);
}

/** Reads a claims file as hostile input; every problem has its line and column. */
export function readClaims(path: string, text: string): Result<Claims, readonly Finding[]> {
  const reader = new ClaimsReader(path, text);
  const nesting = depthOf(text);
  if (text.length > MAX_CLAIMS_BYTES) reader.problem(0, `the file is larger than ${MAX_CLAIMS_BYTES} bytes`);
  else if (nesting.depth > MAX_DEPTH) reader.problem(nesting.offset, `more than ${MAX_DEPTH} levels of nesting`);
  if (reader.problems.length > 0) return err(reader.problems);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  for (const { error, offset } of errors)
    reader.problem(offset, `this is not JSON: ${printParseErrorCode(error)}`, 'correct the syntax');
  if (root === undefined || errors.length > 0) {
    if (errors.length === 0) reader.problem(0, 'the file is empty', 'write {} for no claims');
    return err(reader.problems);
  }
  const members = reader.object(root, ['noFlow', 'onlyVia', 'labels', 'levels', 'allow']);
  const list = <T>(member: string, read: (node: Node) => T | undefined): readonly T[] =>
    reader.array(members.get(member)).flatMap(node => read(node) ?? []);
  const claims: Claims = {
    path,
    noFlow: list('noFlow', node => readFlow(reader, node, reader.object(node, ['from', 'to']))),
    onlyVia: list('onlyVia', node => readOnlyVia(reader, node)),
    labels: readLabels(reader, members.get('labels')),
    levels: list('levels', node => reader.name(node, root, 'levels')),
    allow: list('allow', node => readAllow(reader, node)),
  };
  const lines = text.split('\n');
  const offsetOf = ({ at }: ClaimName): number =>
    lines.slice(0, at.line - 1).reduce((sum, line) => sum + line.length + 1, 0) + at.column - 1;
  checkLevels(reader, claims, offsetOf);
  return reader.problems.length > 0 ? err(reader.problems) : ok(claims);
}
