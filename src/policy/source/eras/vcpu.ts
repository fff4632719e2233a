import {
  appendAll,
  childNamed,
  cloneElement,
  createElement,
  elementsAt,
  ensureElement,
  insertBefore,
  type TreeElement,
} from '../../tree.ts';
import { specificationsOf, takeChildren } from './schema-change.ts';

const vcpusOf = (root: TreeElement): readonly TreeElement[] => [
  ...elementsAt(root, 'subjects/subject/vcpu'),
  ...specificationsOf(root).flatMap(specification => elementsAt(specification, 'requires/vcpu')),
];

/** `<msrs>` stood in `<registers>`, `<segments>` beside it; since then the other way round. */
export function vcpuLayout(root: TreeElement): readonly TreeElement[] {
  const changed: TreeElement[] = [];
  for (const vcpu of vcpusOf(root)) {
    const registers = childNamed(vcpu, 'registers');
    const msrs = registers === undefined ? [] : takeChildren(registers, ['msrs']);
    for (const element of msrs) insertBefore(vcpu, element, ['registers']);
    const segments = takeChildren(vcpu, ['segments']);
    if (segments.length > 0) appendAll(ensureElement(vcpu, 'registers'), segments);
    for (const element of [...msrs, ...segments]) changed.push(element);
  }
  return changed;
}

/** Bits that a policy may not set any more: the profile gives them. */
const FIXED_BITS: readonly (readonly [string, readonly string[]])[] = [
  ['vmx/controls/pin', ['NMIExiting']],
  ['vmx/masks/exception', ['NMI', 'MachineCheck']],
  ['vmx/masks/cr4', ['MachineCheckEnable']],
  ['registers/cr4', ['MachineCheckEnable']],
];

/** Bits of the vCPU that every subject has alike since then: NMI exiting, machine checks. */
export function fixedVcpuBits(root: TreeElement): readonly TreeElement[] {
  return vcpusOf(root).flatMap(vcpu =>
    FIXED_BITS.flatMap(([path, names]) => elementsAt(vcpu, path).flatMap(element => takeChildren(element, names))),
  );
}

/** The profile of the vCPU was an attribute of the subject; since then of its component. */
export function componentProfiles(root: TreeElement): readonly TreeElement[] {
  const changed: TreeElement[] = [];
  const components = new Map(
    specificationsOf(root)
      .filter(({ name }) => name === 'component')
      .map(component => [component.attributes.name, component]),
  );
  for (const subject of elementsAt(root, 'subjects/subject')) {
    const { profile } = subject.attributes;
    if (profile === undefined) continue;
    delete subject.attributes.profile;
    changed.push(subject);
    const reference = childNamed(subject, 'component');
    const component = components.get(reference?.attributes.ref);
    if (component === undefined || reference === undefined) continue;
    const own = component.attributes.profile;
    if (own === undefined) component.attributes.profile = profile;
    else if (own !== profile) reference.attributes.ref = profileVariant(root, component, profile, components);
  }
  return changed;
}

/** A copy of a component for another profile, when subjects of two profiles use it. */
function profileVariant(
  root: TreeElement,
  component: TreeElement,
  profile: string,
  components: Map<string | undefined, TreeElement>,
): string {
  const name = `${component.attributes.name}_${profile}`;
  const section = childNamed(root, 'components')!;
  if (!components.has(name)) {
    const copy = createElement(
      component,
      component.name,
      { ...component.attributes, name, profile },
      component.children.map(cloneElement),
    );
    section.children.push(copy);
    components.set(name, copy);
  }
  return name;
}
