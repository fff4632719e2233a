import {
  childNamed,
  cloneElement,
  createElement,
  insertBefore,
  type PolicyTree,
  replaceChild,
  type TreeElement,
} from '../tree.ts';

/** How the file of one section is laid over what the policy has of that section. */
interface SectionRule {
  readonly name: 'hardware' | 'platform';
  /** Elements of which there may be several beside each other; all others are merged into one. */
  readonly lists: readonly string[];
  /** The section stands before the first of these. */
  readonly before: readonly string[];
  /** Elements that are added when they are missing, with those that stand behind them. */
  readonly required: readonly { readonly path: readonly string[]; readonly before: readonly string[] }[];
}

const HARDWARE: SectionRule = {
  name: 'hardware',
  lists: ['device', 'memoryBlock', 'reservedMemory', 'cpu', 'cpuid', 'msr'],
  before: ['platform', 'memory'],
  required: [
    { path: ['devices'], before: [] },
    { path: ['memory'], before: ['devices'] },
    { path: ['processor'], before: ['memory'] },
  ],
};

const PLATFORM: SectionRule = {
  name: 'platform',
  lists: ['alias', 'resource', 'class', 'device'],
  before: ['memory'],
  required: [
    { path: ['mappings'], before: [] },
    { path: ['mappings', 'classes'], before: [] },
    { path: ['mappings', 'aliases'], before: ['classes'] },
  ],
};

/** Lays a hardware description over the hardware section of the policy; the description comes first, the policy's attributes win. */
export const mergeHardware = (policy: PolicyTree, description: PolicyTree): void =>
  mergeSection(policy, description, HARDWARE);

/** As mergeHardware, for a platform description. */
export const mergePlatform = (policy: PolicyTree, description: PolicyTree): void =>
  mergeSection(policy, description, PLATFORM);

function mergeSection({ root }: PolicyTree, { root: description }: PolicyTree, rule: SectionRule): void {
  addRequired(description, rule);
  const section = childNamed(root, rule.name);
  if (section === undefined) {
    insertBefore(root, description, rule.before);
    return;
  }
  addRequired(section, rule);
  overlay(description, section, new Set(rule.lists));
  replaceChild(root, section, [description]);
}

function addRequired(section: TreeElement, rule: SectionRule): void {
  for (const { path, before } of rule.required) {
    const parent = path.slice(0, -1).reduce((element, name) => childNamed(element, name)!, section);
    const name = path.at(-1)!;
    if (childNamed(parent, name) === undefined) insertBefore(parent, createElement(parent, name), before);
  }
}

/** Adds the children and attributes of `over` to `base`; both have the same name. */
function overlay(base: TreeElement, over: TreeElement, lists: ReadonlySet<string>): void {
  for (const child of over.children) {
    const index = base.children.findLastIndex(candidate => candidate.name === child.name);
    if (index < 0) base.children.push(cloneElement(child));
    else if (lists.has(child.name)) base.children.splice(index + 1, 0, cloneElement(child));
    else overlay(base.children[index]!, child, lists);
  }
  Object.assign(base.attributes, over.attributes);
}
