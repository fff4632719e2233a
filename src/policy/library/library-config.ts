import { suggester } from '../../units/nearest.ts';
import { parseBoolean, parseInteger } from '../source/config-value.ts';
import type { XmlElement } from '../xml.ts';
import { at, descendants, type LibraryRule, type LibraryVisit, libraryRule } from './library-rule.ts';

/** A value that refers to a variable is that variable's matter. */
const isReference = (text: string): boolean => text.startsWith('$');

const TYPES = {
  boolean: { parse: parseBoolean, wanted: 'true or false' },
  integer: { parse: parseInteger, wanted: 'a 32-bit integer, decimal or as 16#0010#' },
} as const;

function checkValues(elements: Iterable<XmlElement>, type: keyof typeof TYPES, visit: LibraryVisit): void {
  const { parse, wanted } = TYPES[type];
  for (const element of elements) {
    if (element.name !== type) continue;
    visit.examined();
    const { value = '', name } = element.attributes;
    if (isReference(value) || parse(value) !== undefined) continue;
    const what = name === undefined ? `<${type}>` : `<${type} name="${name}">`;
    visit.report(element, `${what} has the value '${value}', expected ${wanted}`, 'Correct the value.');
  }
}

const configSections = (root: XmlElement): readonly XmlElement[] => at(root, 'config');
const expressionSections = (root: XmlElement): readonly XmlElement[] => at(root, 'expressions');

const inExpressions = (root: XmlElement): readonly XmlElement[] =>
  expressionSections(root).flatMap(section => [...descendants(section)]);

/** Names that conditions and expressions can refer to. */
function definedNames(root: XmlElement): ReadonlySet<string> {
  const definitions = [
    ...configSections(root).flatMap(section => section.children),
    ...at(root, 'expressions/expression'),
  ];
  return new Set(definitions.flatMap(({ attributes }) => attributes.name ?? []));
}

function checkNames(
  elements: Iterable<XmlElement>,
  nameOf: (element: XmlElement) => string | undefined,
  known: ReadonlySet<string>,
  visit: LibraryVisit,
): void {
  const suggest = suggester(known);
  for (const element of elements) {
    const name = nameOf(element);
    if (name === undefined) continue;
    visit.examined();
    if (known.has(name)) continue;
    const message = `<${element.name}> refers to the variable '${name}', which is not among the ${known.size} that are defined`;
    visit.report(element, message, `Define it in <config> or <expressions>, or correct the name.${suggest(name)}`);
  }
}

/** Checks of configuration variables and expressions, before expressions are evaluated. */
export const CONFIGURATION_RULES: readonly LibraryRule[] = [
  libraryRule(
    {
      code: 'LIB-CONFIG-BOOLEAN',
      area: 'config',
      title: 'Validate that boolean configuration variables have the value true or false.',
      validator: 'config.config_boolean_values',
    },
    (root, visit) =>
      checkValues(
        configSections(root).flatMap(section => section.children),
        'boolean',
        visit,
      ),
  ),
  libraryRule(
    {
      code: 'LIB-CONFIG-INTEGER',
      area: 'config',
      title: 'Validate that integer configuration variables have an integer as value.',
      validator: 'config.config_integer_values',
    },
    (root, visit) =>
      checkValues(
        configSections(root).flatMap(section => section.children),
        'integer',
        visit,
      ),
  ),
  libraryRule(
    {
      code: 'LIB-EXPRESSION-BOOLEAN',
      area: 'config',
      title: 'Validate that booleans in expressions have the value true or false.',
      validator: 'config.expression_boolean_values',
    },
    (root, visit) => checkValues(inExpressions(root), 'boolean', visit),
  ),
  libraryRule(
    {
      code: 'LIB-EXPRESSION-INTEGER',
      area: 'config',
      title: 'Validate that integers in expressions have an integer as value.',
      validator: 'config.expression_integer_values',
    },
    (root, visit) => checkValues(inExpressions(root), 'integer', visit),
  ),
  libraryRule(
    {
      code: 'LIB-EXPRESSION-VARIABLE',
      area: 'config',
      title: 'Validate that variables in expressions are defined.',
      validator: 'config.expression_config_var_refs',
    },
    (root, visit) => {
      const nameOf = ({ name, attributes }: XmlElement): string | undefined =>
        name === 'variable' ? attributes.name : undefined;
      checkNames(inExpressions(root), nameOf, definedNames(root), visit);
    },
  ),
];

/** Checks of conditions, after expressions have become variables. */
export const CONDITION_RULES: readonly LibraryRule[] = [
  libraryRule(
    {
      code: 'LIB-CONDITION-VARIABLE',
      area: 'config',
      title: 'Validate that variables that conditions ask for are defined.',
      validator: 'config.conditional_config_var_refs',
    },
    (root, visit) => {
      // Components and libraries have variables of their own.
      const sections = root.children.filter(({ name }) => !['expressions', 'components'].includes(name));
      const nameOf = ({ name, attributes }: XmlElement): string | undefined =>
        name === 'if' || name === 'case' ? attributes.variable : undefined;
      const elements = sections.flatMap(section => [section, ...descendants(section)]);
      checkNames(elements, nameOf, definedNames(root), visit);
    },
  ),
];
