import { suggester } from '../../units/nearest.ts';
import { type PolicyTree, setText, type TreeElement, walkTree } from '../tree.ts';
import { configVariables } from './config-section.ts';
import { ProblemList, quote, refuse } from './problem.ts';

/** Puts the value of a configuration variable, as it is written, in place of every attribute and text that is `$name`. */
export function substituteVariables(tree: PolicyTree): void {
  const values = new Map(configVariables(tree).map(({ attributes }) => [attributes.name!, attributes.value ?? '']));
  const suggest = suggester(values.keys());
  const problems = new ProblemList();
  const resolved = (text: string, element: TreeElement, attribute?: string): string =>
    problems.attempt(() => substituted(text, { values, suggest }, element, attribute)) ?? text;
  walkTree(tree.root, element => {
    for (const name in element.attributes) {
      const text = element.attributes[name]!;
      if (text.startsWith('$')) element.attributes[name] = resolved(text, element, name);
    }
    if (element.text.startsWith('$')) setText(element, resolved(element.text, element));
  });
  problems.end();
}

interface Variables {
  readonly values: ReadonlyMap<string, string>;
  readonly suggest: (name: string) => string;
}

function substituted(text: string, { values, suggest }: Variables, element: TreeElement, attribute?: string): string {
  const where = attribute === undefined ? `the content of <${element.name}>` : `${element.name}/@${attribute}`;
  if (attribute === 'variable') {
    refuse(element, 'SRC-VARIABLE', `${where} is ${quote(text)}`, 'Give the name of the variable itself, without $.');
  }
  const value = values.get(text.slice(1));
  if (value === undefined) {
    const message = `${where} is ${quote(text)}, but there is no configuration variable ${quote(text.slice(1))}`;
    refuse(element, 'SRC-VARIABLE', message, `Define it in <config>, or correct the name.${suggest(text.slice(1))}`);
  }
  return value;
}
