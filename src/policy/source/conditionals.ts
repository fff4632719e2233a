import { addText, type PolicyTree, type TreeElement } from '../tree.ts';
import { chooseCase, type LookUp } from './case-choice.ts';
import { type ConfigValues, readConfigValue, sameValue } from './config-value.ts';
import { ProblemList, quote, refuse } from './problem.ts';

/**
 * Puts the content of every `<if>` that holds, and of the chosen alternative of every `<case>`, in its place.
 *
 * All of them are decided, also those inside alternatives that are dropped: a wrong reference is an error everywhere.
 */
export function expandConditionals(tree: PolicyTree, values: ConfigValues): void {
  const lookUp: LookUp = (name, where) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    const message = `<${where.name}> asks for ${quote(name)}, but there is no such configuration variable`;
    return refuse(where, 'SRC-VARIABLE', message, 'Define it in <config>, or correct the name.');
  };
  const problems = new ProblemList();
  expandIn(tree.root, lookUp, problems);
  problems.end();
}

function expandIn(element: TreeElement, lookUp: LookUp, problems: ProblemList): void {
  let isConditional = false;
  for (const child of element.children) {
    expandIn(child, lookUp, problems);
    isConditional ||= child.name === 'if' || child.name === 'case';
  }
  if (!isConditional) return;
  element.children = element.children.flatMap(child => {
    if (child.name !== 'if' && child.name !== 'case') return [child];
    const chosen = problems.attempt(() => chosenOf(child, lookUp));
    if (chosen !== undefined) addText(element, chosen.text);
    return chosen?.children ?? [];
  });
}

/** The element whose content takes the place of a conditional, if any does. */
function chosenOf(conditional: TreeElement, lookUp: LookUp): TreeElement | undefined {
  if (conditional.name === 'case') return chooseCase(conditional, lookUp);
  return holds(conditional, lookUp) ? conditional : undefined;
}

function holds(condition: TreeElement, lookUp: LookUp): boolean {
  const { variable, value } = condition.attributes;
  if (variable === undefined || value === undefined) {
    const missing = variable === undefined ? 'variable' : 'value';
    refuse(condition, 'SRC-CONDITION', `<if> has no ${missing}`, `Add ${missing}="...".`);
  }
  const actual = lookUp(variable, condition);
  return sameValue(readConfigValue(actual.type, value, condition), actual);
}
