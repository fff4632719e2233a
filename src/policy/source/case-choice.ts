import { placeOf } from '../finding.ts';
import type { TreeElement } from '../tree.ts';
import { type ConfigValue, readConfigValue, sameValue } from './config-value.ts';
import { quote, refuse } from './problem.ts';

/** Finds the value that a name stands for; refuses unknown names at `where`. */
export type LookUp = (name: string, where: TreeElement) => ConfigValue;

/** The `<when>` of a `<case>` whose value is that of the variable, else its `<others>`, else none. */
export function chooseCase(choice: TreeElement, lookUp: LookUp): TreeElement | undefined {
  const { variable } = choice.attributes;
  if (variable === undefined)
    refuse(choice, 'SRC-CONDITION', '<case> has no variable', 'Name the variable to decide by.');
  const value = lookUp(variable, choice);
  const options = choice.children.filter(child => child.name === 'when' || child.name === 'others');
  if (options.length === 0) refuse(choice, 'SRC-CONDITION', '<case> has no <when>', 'Add the alternatives.');
  let chosen: TreeElement | undefined;
  for (const option of options) {
    if (option.name === 'others') {
      if (option !== options.at(-1)) {
        refuse(option, 'SRC-CONDITION', '<others> is not the last alternative of its <case>', 'Move it to the end.');
      }
      chosen ??= option;
    } else if (sameValue(whenValue(option, value, lookUp), value)) {
      if (chosen !== undefined) {
        const message = `two alternatives have the value ${quote(String(value.value))}, the first at ${placeOf(chosen)}`;
        refuse(option, 'SRC-CONDITION', message, 'Keep one of the two.');
      }
      chosen = option;
    }
  }
  return chosen;
}

function whenValue(option: TreeElement, value: ConfigValue, lookUp: LookUp): ConfigValue {
  const text = option.attributes.value;
  if (text === undefined) refuse(option, 'SRC-CONDITION', '<when> has no value', 'Give the value to compare with.');
  if (!text.startsWith('$')) return readConfigValue(value.type, text, option);
  const referenced = lookUp(text.slice(1), option);
  if (referenced.type !== value.type) {
    const message = `the ${referenced.type} ${quote(text)} is compared with a ${value.type}`;
    refuse(option, 'SRC-CONDITION', message, 'Compare values of one type.');
  }
  return referenced;
}
