import { nearest } from '../units/nearest.ts';
import { attributeOffset } from './attribute-place.ts';
import type { SourcePosition } from './document.ts';
import { FindingList } from './finding-list.ts';
import { FOREIGN_ATTRIBUTES, FOREIGN_ELEMENTS } from './foreign.ts';
import type { ElementRule, NodeOf } from './grammar.ts';
import type { ValueType } from './literal.ts';
import { placeIn, type XmlDocument, type XmlElement } from './xml.ts';

/**
 * Result of reading a tree by its rules. The node is complete, as its type says, only when `findings` has no error:
 * a value that was refused is missing in it.
 */
export interface Reading<E extends ElementRule> {
  readonly node: NodeOf<E>;
  readonly findings: FindingList;
  /** Errors that say the file has another format; kept apart because they explain all others. */
  readonly foreign: FindingList;
}

/** What a document is: format B, where things of other formats are named as such, or a source policy with `<doc>`. */
export type DocumentKind = 'format-b' | 'source';

/** Reads `document` by `rule`, collecting everything that does not fit. */
export function readByGrammar<E extends ElementRule>(
  document: XmlDocument,
  rule: E,
  kind: DocumentKind = 'format-b',
): Reading<E> {
  const context: Context = {
    document,
    kind,
    findings: new FindingList('POL-MORE'),
    foreign: new FindingList('POL-MORE', 20),
  };
  const node = readElement(context, document.root, rule) as unknown as NodeOf<E>;
  return { node, findings: context.findings, foreign: context.foreign };
}

interface Context {
  readonly document: XmlDocument;
  readonly kind: DocumentKind;
  readonly findings: FindingList;
  readonly foreign: FindingList;
}

interface LooseNode {
  readonly at: SourcePosition;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly children: Readonly<Record<string, readonly LooseNode[]>>;
  readonly text: unknown;
}

function readElement(context: Context, xml: XmlElement, rule: ElementRule): LooseNode {
  const attributes = readAttributes(context, xml, rule);
  const children = readChildren(context, xml, rule);
  return { at: xml.at, attributes, children, text: readText(context, xml, rule) };
}

function readAttributes(context: Context, xml: XmlElement, rule: ElementRule): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name in rule.attributes) {
    const { type, required } = rule.attributes[name]!;
    const text = xml.attributes[name];
    if (text !== undefined) values[name] = readValue(context, type, text, `${xml.name}/@${name}`, xml, name);
    else if (required) missingAttribute(context, xml, name, type);
  }
  for (const name in xml.attributes) {
    if (!Object.hasOwn(rule.attributes, name)) unknownAttribute(context, xml, rule, name);
  }
  return values;
}

function readValue(
  context: Context,
  type: ValueType<unknown>,
  text: string,
  what: string,
  xml: XmlElement,
  attribute?: string,
): unknown {
  const result = type.parse(text);
  if (result.ok) return result.value;
  const at = attribute === undefined ? xml.at : attributePosition(context, xml, attribute);
  const { code, expects, hint } = result.error;
  if (context.kind === 'format-b' && /^\$|^auto$/.test(text)) {
    const explanation = `${what} is ${show(text)}, which only a source policy may say; format B has ${type.name} here`;
    context.foreign.add('POL-FORMAT', 'error', at, explanation, FORMAT_HINT);
  } else {
    context.findings.add(code, 'error', at, `${what} is ${show(text)}, expected ${expects}`, hint);
  }
  return undefined;
}

function missingAttribute({ findings }: Context, xml: XmlElement, name: string, type: ValueType<unknown>): void {
  const hint =
    name === 'physicalAddress'
      ? 'Add it; policies before mucfgalloc (format A) lack it, format B (policy_b.xml) has it everywhere.'
      : `Add ${name}="..." with ${type.name}.`;
  findings.add(
    'POL-MISSING-ATTRIBUTE',
    'error',
    xml.at,
    `<${xml.name}> lacks the attribute ${name} (${type.name})`,
    hint,
  );
}

function unknownAttribute(context: Context, xml: XmlElement, rule: ElementRule, name: string): void {
  const at = attributePosition(context, xml, name);
  if (context.kind === 'format-b' && xml.name === 'minorFrame' && name === 'subject') {
    const message = `<minorFrame> names the subject ${show(xml.attributes[name]!)} instead of a scheduling partition`;
    const hint =
      'Policies from before October 2022 have no scheduling partitions; bring the policy to the schema of 2024.';
    context.foreign.add('POL-OLD-SCHEDULING', 'error', at, message, hint);
    return;
  }
  const origin = FOREIGN_ATTRIBUTES.get(`${xml.name}/@${name}`);
  if (context.kind === 'format-b' && origin !== undefined) {
    context.foreign.add(
      'POL-FORMAT',
      'error',
      at,
      `<${xml.name}> has the attribute ${name}, which belongs to ${origin}`,
      FORMAT_HINT,
    );
    return;
  }
  const message = `<${xml.name}> has an unknown attribute ${name}=${show(xml.attributes[name]!)}`;
  context.findings.add(
    'POL-UNKNOWN-ATTRIBUTE',
    'error',
    at,
    message,
    allowed('attribute', name, Object.keys(rule.attributes)),
  );
}

function readChildren(context: Context, xml: XmlElement, rule: ElementRule): Record<string, readonly LooseNode[]> {
  const slots = slotsOf(rule);
  const nodes: Record<string, LooseNode[]> = {};
  const counts = new Map<string, number>();
  for (const name in rule.children) nodes[name] = [];
  let lastSlot = -1;
  let lastName = '';
  let ordered = true;
  for (const child of xml.children) {
    if (context.kind === 'source' && child.name === 'doc') continue;
    const slot = slots.get(child.name);
    const childRule = slot === undefined ? undefined : rule.children[child.name];
    if (slot === undefined || childRule === undefined) {
      unknownElement(context, xml, rule, child);
      continue;
    }
    if (slot < lastSlot && ordered) {
      ordered = false;
      const message = `<${child.name}> stands after <${lastName}> in <${xml.name}>`;
      const hint = `The order is: ${Object.keys(rule.children).join(', ')}.`;
      context.findings.add('POL-ELEMENT-ORDER', 'error', child.at, message, hint);
    }
    lastSlot = slot;
    lastName = child.name;
    const key = childRule.choice ?? child.name;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count > childRule.max) tooMany(context, xml, child, rule, count);
    nodes[child.name]!.push(readElement(context, child, childRule.element));
  }
  for (const name in rule.children) {
    const { min } = rule.children[name]!;
    if (nodes[name]!.length < min) {
      const message = `<${xml.name}> lacks the element <${name}>`;
      context.findings.add('POL-MISSING-ELEMENT', 'error', xml.at, message, `Add <${name}> inside <${xml.name}>.`);
    }
  }
  return nodes;
}

function unknownElement(context: Context, parent: XmlElement, rule: ElementRule, child: XmlElement): void {
  const origin = FOREIGN_ELEMENTS.get(child.name);
  if (context.kind === 'format-b' && origin !== undefined) {
    const message = `<${child.name}> in <${parent.name}> belongs to ${origin}`;
    context.foreign.add('POL-FORMAT', 'error', child.at, message, FORMAT_HINT);
    return;
  }
  const message = `<${parent.name}> has an unknown element <${child.name}>`;
  context.findings.add(
    'POL-UNKNOWN-ELEMENT',
    'error',
    child.at,
    message,
    allowed('element', child.name, Object.keys(rule.children)),
  );
}

function tooMany({ findings }: Context, parent: XmlElement, child: XmlElement, rule: ElementRule, count: number): void {
  const childRule = rule.children[child.name]!;
  if (childRule.choice !== undefined) {
    const names = Object.keys(rule.children).filter(name => rule.children[name]!.choice === childRule.choice);
    const message = `<${parent.name}> has a second element of ${names.map(name => `<${name}>`).join(', ')}: <${child.name}>`;
    findings.add('POL-DUPLICATE-ELEMENT', 'error', child.at, message, 'Keep one of them.');
  } else if (childRule.max === 1) {
    const message = `<${parent.name}> has a second <${child.name}>`;
    findings.add('POL-DUPLICATE-ELEMENT', 'error', child.at, message, 'Keep one of them.');
  } else if (count === childRule.max + 1) {
    const message = `<${parent.name}> has more than ${childRule.max} elements <${child.name}>`;
    findings.add('POL-TOO-MANY', 'error', child.at, message, 'Remove the elements above the limit.');
  }
}

function readText(context: Context, xml: XmlElement, rule: ElementRule): unknown {
  if (rule.text !== undefined) return readValue(context, rule.text, xml.text, `the content of <${xml.name}>`, xml);
  if (xml.textOffset >= 0) {
    const at = placeIn(xml.source ?? context.document, xml.textOffset);
    const message = `<${xml.name}> has the text ${show(xml.text.trim())}, where no text belongs`;
    context.findings.add('POL-TEXT', 'error', at, message, 'Remove the text, or make it a comment <!-- -->.');
  }
  return undefined;
}

export const FORMAT_HINT =
  'Only format B is read: the expanded and allocated policy that mucfgexpand and mucfgalloc write (policy_b.xml).';

function attributePosition(context: Context, xml: XmlElement, attribute: string): SourcePosition {
  const source = xml.source ?? context.document;
  return placeIn(source, attributeOffset(source.source, xml, attribute));
}

/** Position of each child name in the sequence; alternatives of one choice share theirs. */
const slotCache = new WeakMap<ElementRule, ReadonlyMap<string, number>>();
function slotsOf(rule: ElementRule): ReadonlyMap<string, number> {
  const cached = slotCache.get(rule);
  if (cached !== undefined) return cached;
  const slots = new Map<string, number>();
  const choices = new Map<string, number>();
  Object.entries(rule.children).forEach(([name, child], index) => {
    const slot = child.choice === undefined ? index : (choices.get(child.choice) ?? index);
    if (child.choice !== undefined) choices.set(child.choice, slot);
    slots.set(name, slot);
  });
  slotCache.set(rule, slots);
  return slots;
}

function allowed(kind: string, given: string, names: readonly string[]): string {
  const near = nearest(given, names);
  if (near?.toLowerCase() === given.toLowerCase()) return `Did you mean ${near}? Names are case-sensitive.`;
  if (near !== undefined) return `Did you mean ${near}? Allowed here: ${names.join(', ')}.`;
  return names.length === 0 ? `No ${kind} is allowed here.` : `Allowed here: ${names.join(', ')}.`;
}

const show = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
