import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expandPolicy } from '../../../src/policy/expand/expand.ts';
import type { LibraryContext } from '../../../src/policy/library/library-rule.ts';
import { checkLibrary, LIBRARY_RULES } from '../../../src/policy/library/library-rules.ts';
import { parseTree } from '../../../src/policy/tree.ts';
import { parseXml, type XmlElement } from '../../../src/policy/xml.ts';
import { bytesOf, hasShared, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';

/** A source policy in which every library rule finds something to look at. */
const SOURCE = `<system>
 <config><boolean name="on" value="true"/><integer name="count" value="4"/><boolean name="same" value="$on"/></config>
 <expressions>
  <expression name="many"><and><boolean value="false"/><gt><variable name="count"/><integer value="1"/></gt></and></expression>
 </expressions>
 <hardware><devices>
  <device name="nic"><pci/><irq name="irq1"><msi name="msi1"/></irq><memory name="mem1"/></device>
  <device name="com"/>
  <device name="iommu"><capabilities><capability name="iommu"/></capabilities></device>
 </devices></hardware>
 <platform><mappings>
  <aliases><alias name="net" physical="nic"><resource name="irq" physical="irq1"><resource name="msi" physical="msi1"/></resource></alias></aliases>
  <classes><class name="nets"><device physical="nic"/></class></classes>
 </mappings></platform>
 <memory><memory name="ram" size="16#2000#"><file filename="image" offset="none"/></memory></memory>
 <deviceDomains><domain name="d">
  <memory><memory physical="ram" virtualAddress="16#1000#"/></memory>
  <devices><device physical="nic"/></devices>
 </domain></deviceDomains>
 <subjects>
  <if variable="many" value="true"><x/></if>
  <subject name="a">
   <memory><memory physical="ram" virtualAddress="16#1000#"/></memory>
   <devices><device physical="nic"/><device physical="net"><irq physical="irq"><msi physical="msi"/></irq></device></devices>
  </subject>
 </subjects>
</system>`;

const FILES: LibraryContext = { fileBytes: name => (name === 'image' ? 0x2000 : undefined) };

function findings(text: string, context: LibraryContext = FILES) {
  const document = parseXml(bytesOf(text));
  if (!document.ok) throw new Error(document.error.message);
  return [...checkLibrary(document.value.root, context).values()].flatMap(outcome => outcome.findings);
}

/** For each rule what is replaced by what; then it, and no other, finds an error. */
const EDITS: Readonly<Record<string, readonly [string, string]>> = {
  'LIB-CONFIG-BOOLEAN': ['name="on" value="true"', 'name="on" value="yes"'],
  'LIB-CONFIG-INTEGER': ['name="count" value="4"', 'name="count" value="four"'],
  'LIB-EXPRESSION-BOOLEAN': ['<boolean value="false"/>', '<boolean value="0"/>'],
  'LIB-EXPRESSION-INTEGER': ['<integer value="1"/>', '<integer value="99999999999"/>'],
  'LIB-EXPRESSION-VARIABLE': ['<variable name="count"/>', '<variable name="ghost"/>'],
  'LIB-CONDITION-VARIABLE': ['variable="many"', 'variable="ghost"'],
  'LIB-DOMAIN-ADDRESS': [
    'virtualAddress="16#1000#"/></memory>\n   <devices>',
    'virtualAddress="16#2000#"/></memory>\n   <devices>',
  ],
  'LIB-DOMAIN-PCI': [
    '<devices><device physical="nic"/></devices>\n </domain>',
    '<devices><device physical="nic"/><device physical="com"/></devices>\n </domain>',
  ],
  'LIB-FILE-EXISTS': ['filename="image"', 'filename="ghost"'],
  'LIB-FILE-SIZE': ['size="16#2000#"', 'size="16#1000#"'],
  'LIB-ALIAS-DEVICE': ['name="net" physical="nic"', 'name="net" physical="ghost"'],
  'LIB-ALIAS-RESOURCE': ['name="msi" physical="msi1"', 'name="msi" physical="ghost"'],
  'LIB-CLASS-DEVICE': ['<device physical="nic"/></class>', '<device physical="ghost"/></class>'],
  'LIB-ALIAS-USE': ['<msi physical="msi"/>', '<msi physical="ghost"/>'],
  'LIB-IOMMU-REFERENCE': [
    '<device physical="nic"/><device physical="net">',
    '<device physical="iommu"/><device physical="nic"/><device physical="net">',
  ],
};

describe('library rules', () => {
  it('are one for each of the 15 library checks', () => {
    expect(new Set(LIBRARY_RULES.map(({ validator }) => validator)).size).toBe(15);
    expect(LIBRARY_RULES).toHaveLength(15);
  });

  it.skipIf(!hasShared)(`name exactly the library checks of Muen (${SKIP_REASON})`, () => {
    const text = readFileSync(sharedPath('reference/muen.md'), 'utf8');
    const real = [...text.matchAll(/^- \('(\w+)', '(\w+)'\)/gm)].map(([, area, name]) => `${area}.${name}`);
    expect(LIBRARY_RULES.map(({ validator }) => validator).sort()).toEqual(real.sort());
  });

  it('examine a source policy and find nothing', () => {
    const document = parseXml(bytesOf(SOURCE));
    if (!document.ok) throw new Error(document.error.message);
    const outcomes = [...checkLibrary(document.value.root, FILES)];
    expect(outcomes.flatMap(([, outcome]) => outcome.findings)).toEqual([]);
    expect(outcomes.filter(([, { examined }]) => examined === 0)).toEqual([]);
  });

  it.each(Object.entries(EDITS))('%s, and no other, finds its error', (code, [from, to]) => {
    expect(SOURCE).toContain(from);
    const found = findings(SOURCE.replace(from, to));
    expect([...new Set(found.map(finding => finding.code))]).toEqual([code]);
    for (const { line, hint } of found) expect([line > 0, hint === '']).toEqual([true, false]);
  });

  it('refuse to expand a policy with a device domain that cannot work', () => {
    const [from, to] = EDITS['LIB-DOMAIN-PCI']!;
    const tree = parseTree(bytesOf(SOURCE.replace(from, to)), 'source.xml');
    if (!tree.ok) throw new Error(tree.error.message);
    const outcome = expandPolicy(tree.value);
    const found = outcome.ok ? [] : outcome.error;
    expect(found.map(({ code, file }) => [code, file])).toEqual([['LIB-DOMAIN-PCI', 'source.xml']]);
  });

  it('have an edit each, and do not look at files unless they may', () => {
    expect(Object.keys(EDITS).sort()).toEqual(LIBRARY_RULES.map(({ code }) => code).sort());
    expect(findings(SOURCE.replace('filename="image"', 'filename="ghost"'), {})).toEqual([]);
  });

  it.each(['<x/>', '<system><config/><subjects><subject/></subjects><memory><memory/></memory></system>'])(
    'survive %s',
    text => {
      expect(findings(text)).toEqual([]);
    },
  );
});

describe.skipIf(!hasShared)(`merged real policies (${SKIP_REASON})`, () => {
  const names = hasShared ? readdirSync(sharedPath('golden/systems')) : [];
  const rootOf = (path: string): XmlElement => {
    const document = parseXml(sharedBytes(path));
    if (!document.ok) throw new Error(document.error.message);
    return document.value.root;
  };

  it.each(names)('%s has no library errors', name => {
    const outcomes = [...checkLibrary(rootOf(`golden/systems/${name}/policy_src.xml`))];
    expect(outcomes.flatMap(([, outcome]) => outcome.findings)).toEqual([]);
  });

  it.each(names)('%s has none but those of its aliases, which are resolved, in format A', name => {
    const outcomes = [...checkLibrary(rootOf(`golden/systems/${name}/policy_a.xml`))];
    const codes = new Set(outcomes.flatMap(([, outcome]) => outcome.findings.map(finding => finding.code)));
    codes.delete('LIB-ALIAS-RESOURCE');
    expect([...codes]).toEqual([]);
  });
});
