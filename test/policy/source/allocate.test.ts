import { describe, expect, it } from 'vitest';
import { allocateComponent } from '../../../src/policy/source/allocate-component.ts';
import { allocateVirtual } from '../../../src/policy/source/allocate-virtual.ts';
import { joinComponents } from '../../../src/policy/source/join.ts';
import { attempt } from '../../../src/policy/source/problem.ts';
import { elementsAt, type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf } from '../shared-files.ts';

function tree(text: string): PolicyTree {
  const parsed = parseTree(bytesOf(text), 'x.xml');
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

interface Parts {
  readonly subject?: string;
  readonly component?: string;
  readonly memory?: string;
  readonly reference?: string;
}

/** A joined policy with one subject; each part starts on a line of its own. */
const policy = ({ subject = '', component = '', memory = '', reference = 'c' }: Parts): PolicyTree =>
  tree(`<system>
<memory><memory name="m" size="16#2000#"/>${memory}</memory>
<channels><channel name="ch" size="16#1000#"/></channels>
<components><component name="c" profile="native"><requires>${component}</requires></component></components>
<subjects><subject name="s">${subject}
<component ref="${reference}"/></subject></subjects></system>`);

describe('virtual resources of subjects', () => {
  it('come from the component, else are the lowest that nothing uses', () => {
    const document = policy({
      component:
        '<memory><memory logical="own" size="16#2000#" virtualAddress="16#0001_0000_0000#"/></memory><channels><array logical="a" elementSize="16#1000#" virtualAddressBase="16#0001_0000_3000#" vectorBase="70"><reader logical="r1"/><reader logical="r2"/></array></channels>',
      subject:
        '<memory><memory logical="own" physical="m"/><memory logical="new" physical="m"/><memory logical="fixed" physical="m" virtualAddress="16#0001_0000_6000#"/></memory><channels><reader logical="r2" physical="ch" vector="auto"/><reader logical="other" physical="ch" vector="auto"/><reader logical="quiet" physical="ch" vector="none"/><writer logical="w" physical="ch" event="auto"/></channels>',
    });
    expect(allocateVirtual(document)).toMatchObject({ ok: true });
    const [subject] = elementsAt(document.root, 'subjects/subject');
    const given = [...elementsAt(subject!, 'memory/memory'), ...elementsAt(subject!, 'channels')[0]!.children].map(
      ({ attributes }) =>
        `${attributes.logical} ${attributes.virtualAddress} ${attributes.vector ?? attributes.event ?? ''}`.trim(),
    );
    expect(given).toEqual([
      'own 16#0001_0000_0000#',
      'new 16#0001_0000_8000#',
      'fixed 16#0001_0000_6000#',
      'r2 16#0001_0000_4000# 71',
      'other 16#0001_0000_2000# 64',
      'quiet 16#0001_0000_5000# none',
      'w 16#0001_0000_a000# 16',
    ]);
  });

  it.each<readonly [string, Parts, string]>([
    ['an unknown component', { reference: 'none' }, 'SRC-COMPONENT 6'],
    ['an unknown region', { subject: '<memory><memory logical="a" physical="none"/></memory>' }, 'SRC-RESOURCE 5'],
    ['an unknown channel', { subject: '<channels><reader logical="a" physical="none"/></channels>' }, 'SRC-RESOURCE 5'],
    ['a region twice', { memory: '<memory name="m" size="16#1000#"/>' }, 'SRC-RESOURCE 2'],
    [
      'a size that is no number of pages',
      {
        memory: '<memory name="odd" size="16#1001#"/>',
        subject: '<memory><memory logical="a" physical="odd"/></memory>',
      },
      'SRC-RESOURCE 5',
    ],
    [
      'an address that is at no page',
      { subject: '<memory><memory logical="a" physical="m" virtualAddress="16#1001#"/></memory>' },
      'SRC-RESOURCE 5',
    ],
    [
      'no number',
      { subject: '<memory><memory logical="a" physical="m" virtualAddress="here"/></memory>' },
      'SRC-RESOURCE 5',
    ],
    [
      'more memory than there are addresses',
      {
        memory: '<memory name="huge" size="16#0010_0000_0000#"/>',
        subject: '<memory><memory logical="a" physical="huge"/></memory>',
      },
      'SRC-RESOURCE 5',
    ],
    [
      'an event without id',
      { subject: '<events><source><group name="vmcall"><event logical="e"/></group></source></events>' },
      'SRC-RESOURCE 5',
    ],
    [
      'two numbers for one logical resource of a component',
      {
        component:
          '<memory><memory logical="a" size="16#1000#" virtualAddress="16#1000#"/><memory logical="a" size="16#1000#" virtualAddress="16#2000#"/></memory>',
      },
      'SRC-RESOURCE 4',
    ],
    [
      'a component that still leaves something open',
      { component: '<memory><memory logical="a" size="16#1000#"/></memory>' },
      'SRC-RESOURCE 4',
    ],
    [
      'more writers than event ids',
      { subject: `<channels>${'<writer logical="w" physical="ch" event="auto"/>'.repeat(49)}</channels>` },
      'SRC-RESOURCE 5',
    ],
    [
      'a flood of open numbers',
      { subject: `<memory>${'<memory logical="w" physical="m"/>'.repeat(2001)}</memory>` },
      'SRC-LIMIT 5',
    ],
  ])('%s is refused', (_what, parts, expected) => {
    const result = allocateVirtual(policy(parts));
    expect(result.ok ? [] : result.error.map(({ code, line }) => `${code} ${line}`)).toEqual([expected]);
  });

  it('siblings are left to the subject that they belong to', () => {
    const document = tree(
      '<system><subjects><subject name="b"><memory><memory logical="a" physical="m"/></memory><sibling ref="a"/></subject></subjects></system>',
    );
    expect(allocateVirtual(document)).toMatchObject({ ok: true });
    expect(elementsAt(document.root, 'subjects/subject/memory/memory')[0]!.attributes.virtualAddress).toBeUndefined();
  });
});

describe('virtual resources of components', () => {
  it('an empty array gets numbers that stand for none', () => {
    const { root } = tree(
      '<component name="c" profile="native"><requires><channels><array logical="a" elementSize="16#1000#" vectorBase="auto"/></channels></requires></component>',
    );
    allocateComponent(root);
    const once = { ...elementsAt(root, 'requires/channels/array')[0]!.attributes };
    expect(once).toMatchObject({ virtualAddressBase: '16#ffff_ffff_ffff_ffff#', vectorBase: '255' });
    allocateComponent(root);
    expect(elementsAt(root, 'requires/channels/array')[0]!.attributes).toEqual(once);
  });

  it.each([
    ['<requires><memory><memory logical="a" size="16#0010#"/></memory></requires>'],
    ['<requires><memory><memory logical="a"/></memory></requires>'],
    ['<requires><memory><array logical="a"><memory logical="b"/></array></memory></requires>'],
    ['<requires><events><source><event logical="e"/></source></events></requires>'],
    ['<provides><memory logical="text" size="16#1000#"/></provides>'],
    ['<requires><memory><memory logical="a" size="16#f000_0000_0000#"/></memory></requires>'],
  ])('%s is refused', content => {
    const { root } = tree(`<component name="c" profile="native">\n${content}</component>`);
    const result = attempt(() => allocateComponent(root));
    expect(result.ok ? [] : result.error.map(({ code, line }) => `${code} ${line}`)).toEqual(['SRC-RESOURCE 2']);
  });
});

describe('joining', () => {
  it('refuses a specification twice, another root, and something else than a system', () => {
    const specification = '<component name="c" profile="native"/>';
    const errors = (system: string, ...specifications: readonly string[]): readonly string[] => {
      const result = joinComponents(tree(system), specifications.map(tree));
      return result.ok ? [] : result.error.map(({ code }) => code);
    };
    expect(errors('<system/>', specification)).toEqual([]);
    expect(errors('<system/>', specification, specification)).toEqual(['SRC-COMPONENT']);
    expect(errors('<system/>', '<other/>')).toEqual(['SRC-ROOT']);
    expect(errors('<unknown/>', specification)).toEqual(['SRC-ROOT']);
  });
});
