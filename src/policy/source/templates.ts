import { placeOf } from '../finding.ts';
import {
  addText,
  appendAll,
  childNamed,
  childrenNamed,
  createElement,
  descendantsNamed,
  type PolicyTree,
  setText,
  type TreeElement,
  walkTree,
} from '../tree.ts';
import { ensureConfig, isConfigType } from './config-section.ts';
import { parseEvalString } from './expressions.ts';
import { ProblemList, quote, refuse } from './problem.ts';
import type { SourceReader } from './source-files.ts';

/** Uses of templates in templates are followed this deep. */
const MAX_ROUNDS = 100;

/**
 * Puts the body of a template in place of every `<useTemplate>`.
 *
 * Parameters and expressions of the template become configuration variables and expressions of the system; their names
 * get the prefix of the use (`namePrefix`, `t<number>_`), in the definition and wherever the template refers to them.
 */
export function expandTemplates(tree: PolicyTree, reader: SourceReader): void {
  const templates = takeTemplates(tree);
  const problems = new ProblemList();
  let number = 1;
  for (let round = 1; ; round += 1) {
    const calls = usesOf(tree.root);
    if (calls.length === 0) return;
    if (round >= MAX_ROUNDS) {
      const message = `templates use each other more than ${MAX_ROUNDS} levels deep`;
      refuse(calls[0]!.call, 'SRC-TEMPLATE', message, 'Does a template use itself, directly or through others?');
    }
    const bodies = new Map<TreeElement, TreeElement>();
    for (const { call } of calls) {
      problems.attempt(() => {
        const instance = instantiate(reader.copy(templateOf(call, templates)), call, `t${number}_`);
        insertInstance(tree.root, instance);
        bodies.set(call, instance.body);
      });
      number += 1;
    }
    problems.end();
    for (const parent of new Set(calls.map(use => use.parent))) {
      parent.children = parent.children.flatMap(child => {
        const body = bodies.get(child);
        if (body !== undefined) addText(parent, body.text);
        return body?.children ?? [child];
      });
    }
  }
}

function templateOf(call: TreeElement, templates: ReadonlyMap<string, TreeElement>): TreeElement {
  const { name = '' } = call.attributes;
  const template = templates.get(name);
  if (template !== undefined) return template;
  const hint = `Templates of this policy: ${[...templates.keys()].join(', ') || 'none'}.`;
  return refuse(call, 'SRC-TEMPLATE', `there is no template ${quote(name)}`, hint);
}

/** Takes all template definitions out of the tree. */
function takeTemplates({ root }: PolicyTree): ReadonlyMap<string, TreeElement> {
  const templates = new Map<string, TreeElement>();
  for (const template of descendantsNamed(root, 'template')) {
    const { name = '' } = template.attributes;
    const first = templates.get(name);
    if (first !== undefined) {
      const message = `the template ${quote(name)} is defined twice, first at ${placeOf(first)}`;
      refuse(template, 'SRC-TEMPLATE', message, 'Rename or remove one of the two.');
    }
    for (const [part, least] of [
      ['body', 1],
      ['parameters', 0],
      ['expressions', 0],
    ] as const) {
      const count = childrenNamed(template, part).length;
      if (count > 1 || count < least) {
        const message = `the template ${quote(name)} has ${count === 0 ? 'no' : count} <${part}>`;
        refuse(
          template,
          'SRC-TEMPLATE',
          message,
          `A template has ${least === 1 ? 'exactly' : 'at most'} one <${part}>.`,
        );
      }
    }
    templates.set(name, template);
  }
  for (const element of [root, ...templates.values()]) walkTree(element, dropTemplates);
  return templates;
}

function dropTemplates(element: TreeElement): void {
  if (element.children.some(child => child.name === 'template')) {
    element.children = element.children.filter(child => child.name !== 'template');
  }
}

function usesOf(root: TreeElement): readonly { call: TreeElement; parent: TreeElement }[] {
  const uses: { call: TreeElement; parent: TreeElement }[] = [];
  walkTree(root, (element, parent) => {
    if (element.name === 'useTemplate' && parent !== undefined) uses.push({ call: element, parent });
  });
  return uses;
}

/** A template with the values of one use. */
interface Instance {
  readonly config: readonly TreeElement[];
  readonly expressions: readonly TreeElement[];
  readonly body: TreeElement;
}

function instantiate(template: TreeElement, call: TreeElement, suffix: string): Instance {
  const parameters = parameterValues(template, call);
  const config = [...(childNamed(template, 'config')?.children ?? []), ...parameters];
  const expressions = childNamed(template, 'expressions')?.children ?? [];
  const body = childNamed(template, 'body')!;
  const prefix = `${call.attributes.namePrefix ?? ''}${suffix}`;
  // Values that the use gives are meant outside of the template, so they keep the names they have.
  const fixed = new Map(parameters.map(parameter => [parameter, parameter.attributes.value]));
  const names = new Set<string>();
  for (const definition of [...config, ...expressions]) {
    const { name } = definition.attributes;
    if (name === undefined) continue;
    names.add(name);
    definition.attributes.name = prefix + name;
  }
  for (const element of [...config, ...expressions, body]) walkTree(element, part => addPrefix(part, prefix, names));
  for (const [parameter, value] of fixed) parameter.attributes.value = value!;
  return { config, expressions, body };
}

function parameterValues(template: TreeElement, call: TreeElement): readonly TreeElement[] {
  const name = template.attributes.name ?? '';
  const given = new Map<string, TreeElement>();
  for (const argument of call.children) {
    if (argument.name !== 'parameter') {
      refuse(
        argument,
        'SRC-TEMPLATE',
        `<${argument.name}> stands in <useTemplate>`,
        'Only <parameter> may stand there.',
      );
    }
    const key = argument.attributes.name ?? '';
    if (given.has(key)) refuse(argument, 'SRC-TEMPLATE', `the parameter ${quote(key)} is given twice`, 'Give it once.');
    given.set(key, argument);
  }
  const parameters = (childNamed(template, 'parameters')?.children ?? []).filter(child => isConfigType(child.name));
  const values = parameters.map(parameter => {
    const key = parameter.attributes.name ?? '';
    const argument = given.get(key);
    given.delete(key);
    const value = argument === undefined ? parameter.attributes.defaultValue : argument.attributes.value;
    if (value === undefined) {
      const message = `the parameter ${quote(key)} of the template ${quote(name)} gets no value`;
      refuse(argument ?? call, 'SRC-TEMPLATE', message, `Add <parameter name=${quote(key)} value="..."/>.`);
    }
    return createElement(argument ?? parameter, parameter.name, { name: key, value });
  });
  for (const [key, argument] of given) {
    refuse(argument, 'SRC-TEMPLATE', `the template ${quote(name)} has no parameter ${quote(key)}`, 'Remove it.');
  }
  return values;
}

function addPrefix(element: TreeElement, prefix: string, names: ReadonlySet<string>): void {
  const { attributes } = element;
  const rename = (attribute: string): void => {
    const value = attributes[attribute];
    if (value !== undefined && names.has(value)) attributes[attribute] = prefix + value;
  };
  switch (element.name) {
    case 'if':
    case 'case':
      rename('variable');
      return;
    case 'variable':
      rename('name');
      return;
    case 'evalString':
      attributes.value = parseEvalString(element)
        .map(({ text, reference }) =>
          reference === undefined ? text : `\${${names.has(reference) ? prefix : ''}${reference}}`,
        )
        .join('');
      return;
    case 'useTemplate':
      attributes.namePrefix = prefix + (attributes.namePrefix ?? '');
      return;
    default:
      for (const name in attributes) attributes[name] = prefixedReference(attributes[name]!, prefix, names);
      if (element.text.startsWith('$')) setText(element, prefixedReference(element.text, prefix, names));
  }
}

const prefixedReference = (text: string, prefix: string, names: ReadonlySet<string>): string =>
  text.startsWith('$') && names.has(text.slice(1)) ? `$${prefix}${text.slice(1)}` : text;

function insertInstance(root: TreeElement, { config, expressions }: Instance): void {
  const section = ensureConfig(root);
  appendAll(section, config);
  if (expressions.length === 0) return;
  let target = childNamed(root, 'expressions');
  if (target === undefined) {
    target = createElement(root, 'expressions');
    root.children.splice(root.children.indexOf(section) + 1, 0, target);
  }
  appendAll(target, expressions);
}
