import { createElement, elementsAt, type PolicyTree, type TreeElement, walkTree } from '../tree.ts';
import { type ConfigType, configVariables } from './config-section.ts';

/**
 * Files that the build of Muen's own components makes of the policy, and that their specifications include: what they
 * hold, for when they are not given.
 */
interface GeneratedFile {
  readonly file: string;
  /** Content for one specification; `include` is the element that asks for it. */
  readonly make: (include: TreeElement, specification: TreeElement, policy: PolicyTree) => readonly TreeElement[];
}

const GENERATED_FILES: readonly GeneratedFile[] = [
  { file: 'config.xml', make: configuration },
  { file: 'logchannels.xml', make: logChannels },
  { file: 'subject_consoles.xml', make: subjectConsoles },
];

/** Makes what a generated file would hold; undefined when the build generates no file of that name. */
export function generatedContent(
  include: TreeElement,
  specification: TreeElement,
  policy: PolicyTree,
): readonly TreeElement[] | undefined {
  const row = GENERATED_FILES.find(({ file }) => file === include.attributes.href);
  return row?.make(include, specification, policy);
}

/** Variables of the system that the specification refers to and does not define; a library includes its whole section. */
function configuration(include: TreeElement, specification: TreeElement, policy: PolicyTree): readonly TreeElement[] {
  const component = specification.attributes.name ?? '';
  const defined = new Set(elementsAt(specification, 'config').flatMap(({ children }) => children.map(nameOf)));
  const ofSystem = new Map(configVariables(policy).map(variable => [nameOf(variable), variable]));
  const variables: TreeElement[] = [];
  const define = (type: ConfigType | string, name: string, value: string): void => {
    variables.push(createElement(include, type, { name, value }));
    defined.add(name);
  };
  const serial = debugConsole(component, policy);
  for (const name of referredNames(specification)) {
    const variable = ofSystem.get(name) ?? ofSystem.get(`${component}_${name}`);
    if (defined.has(name)) continue;
    if (variable !== undefined) define(variable.name, name, variable.attributes.value ?? '');
    else if (name === 'hsuart_enabled') define('boolean', name, String(isHsuart(ofSystem)));
    else if (name === 'debugconsole_port_start' && serial !== undefined) define('string', name, serial.start);
    else if (name === 'debugconsole_port_end' && serial !== undefined) define('string', name, serial.end);
  }
  const isSection = elementsAt(specification, 'include').includes(include);
  return isSection ? [createElement(include, 'config', {}, variables)] : variables;
}

const nameOf = ({ attributes }: TreeElement): string => attributes.name ?? '';

function referredNames(specification: TreeElement): ReadonlySet<string> {
  const names = new Set<string>();
  walkTree(specification, ({ name, attributes, text }) => {
    if ((name === 'if' || name === 'case') && attributes.variable !== undefined) names.add(attributes.variable);
    if (name === 'variable' && attributes.name !== undefined) names.add(attributes.name);
    for (const value of [...Object.values(attributes), text]) if (value.startsWith('$')) names.add(value.slice(1));
  });
  // The channels that are generated too are of this size.
  if ([...elementsNamed(specification, 'include')].some(({ attributes }) => attributes.href === 'logchannels.xml')) {
    names.add('logchannel_size');
  }
  return names;
}

function elementsNamed(root: TreeElement, name: string): readonly TreeElement[] {
  const found: TreeElement[] = [];
  walkTree(root, element => {
    if (element.name === name) found.push(element);
  });
  return found;
}

function isHsuart(variables: ReadonlyMap<string, TreeElement>): boolean {
  const isTrue = (name: string): boolean => variables.get(name)?.attributes.value === 'true';
  return isTrue('dbgserver_sink_serial') && isTrue('hsuart_supported');
}

/** I/O ports of the device that a subject of the component maps as its debug console. */
function debugConsole(component: string, policy: PolicyTree): { start: string; end: string } | undefined {
  const map = mapsOf(component, policy).find(({ attributes }) => attributes.logical === 'debugconsole');
  const port = map?.children.find(child => child.name === 'map');
  const alias = elementsAt(policy.root, 'platform/mappings/aliases/alias').find(
    ({ attributes }) => attributes.name === map?.attributes.physical,
  );
  const resource = alias?.children.find(({ attributes }) => attributes.name === port?.attributes.physical);
  const device = alias?.attributes.physical ?? map?.attributes.physical;
  const portName = resource?.attributes.physical ?? port?.attributes.physical;
  const found = elementsAt(policy.root, 'hardware/devices/device')
    .filter(({ attributes }) => attributes.name === device)
    .flatMap(element => elementsAt(element, 'ioPort'))
    .find(({ attributes }) => attributes.name === portName);
  const { start, end } = found?.attributes ?? {};
  return start === undefined || end === undefined ? undefined : { start, end };
}

/** What the subjects of a component map to its logical resources. */
const mapsOf = (component: string, policy: PolicyTree): readonly TreeElement[] =>
  elementsAt(policy.root, 'subjects/subject/component')
    .filter(({ attributes }) => attributes.ref === component)
    .flatMap(reference => elementsAt(reference, 'map'));

function logicalNames(prefix: string, specification: TreeElement, policy: PolicyTree): readonly string[] {
  const names = mapsOf(specification.attributes.name ?? '', policy).map(({ attributes }) => attributes.logical ?? '');
  return [...new Set(names.filter(name => name.startsWith(prefix)))];
}

function logChannels(include: TreeElement, specification: TreeElement, policy: PolicyTree): readonly TreeElement[] {
  const readers = logicalNames('log_', specification, policy).map(logical =>
    createElement(include, 'reader', { logical }),
  );
  const attributes = {
    elementSize: '$logchannel_size',
    logical: 'log_channels',
    virtualAddressBase: '16#a000_0000#',
  };
  return [createElement(include, 'array', attributes, readers)];
}

function subjectConsoles(include: TreeElement, specification: TreeElement, policy: PolicyTree): readonly TreeElement[] {
  const elements = (prefix: string, name: string): TreeElement[] =>
    logicalNames(prefix, specification, policy).map(logical => createElement(include, name, { logical }));
  const inputs = { elementSize: '16#1000#', logical: 'subject_consoles_in', eventBase: 'auto' };
  const outputs = { elementSize: '16#1000#', logical: 'subject_consoles_out' };
  return [
    createElement(include, 'array', inputs, elements('subject_console_in_', 'writer')),
    createElement(include, 'array', outputs, elements('subject_console_out_', 'reader')),
  ];
}
