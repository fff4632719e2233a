import { profileVcpu } from '../src/policy/expand/vcpu-profiles.ts';
import { parseTree, type TreeElement } from '../src/policy/tree.ts';
import { InvariantError } from '../src/units/invariant.ts';
import { element, textElement, wordLiteral, type XmlElement } from './xml-text.ts';

const toXml = ({ name, attributes, children, text }: TreeElement): XmlElement =>
  text === '' ? element(name, { ...attributes }, children.map(toXml)) : textElement(name, text);

function profile(name: string): XmlElement {
  const cause = parseTree(new TextEncoder().encode('<vcpu/>'), 'scenario');
  const vcpu = cause.ok ? profileVcpu(cause.value.root, name) : undefined;
  if (vcpu === undefined) throw new InvariantError(`no profile ${name}`);
  return toXml(vcpu);
}

/** The `vcpu` element of a profile as the expander writes it, with some MSRs more that the subject may read. */
export function vcpuElement(profileName: 'native' | 'vm', readOnlyMsrs: readonly number[] = []): XmlElement {
  const vcpu = profile(profileName);
  const more = readOnlyMsrs.map(msr => element('msr', { end: wordLiteral(msr), mode: 'r', start: wordLiteral(msr) }));
  const children = vcpu.children.map(child =>
    child.name === 'msrs' ? { ...child, children: [...child.children, ...more] } : child,
  );
  return { ...vcpu, children };
}
