import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allocatePolicy } from '../../../src/policy/allocate/allocate.ts';
import { checkPolicy } from '../../../src/policy/check.ts';
import { expandPolicy } from '../../../src/policy/expand/expand.ts';
import { SOURCE_CHECKS } from '../../../src/policy/expand/stages.ts';
import type { Finding } from '../../../src/policy/finding.ts';
import { readPolicy } from '../../../src/policy/parse.ts';
import { RULES } from '../../../src/policy/rules/index.ts';
import { type PolicyTree, parseTree, toXmlDocument } from '../../../src/policy/tree.ts';
import { bytesOf, hasShared, SKIP_REASON, sharedJson, sharedPath } from '../shared-files.ts';
import { sharedTree } from '../shared-trees.ts';
import { SMALL_SOURCE } from './small-source.ts';

const errorsOf = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter(({ severity }) => severity === 'error');

/** The tool that refuses a policy after components are joined, or null, and its errors. */
function verdict(tree: PolicyTree): readonly [string | null, readonly Finding[]] {
  const a = expandPolicy(tree);
  if (!a.ok) return ['mucfgexpand', a.error];
  const b = allocatePolicy(a.value.tree);
  if (!b.ok) return ['mucfgalloc', b.error];
  const document = readPolicy(toXmlDocument(b.value.tree));
  if (!document.ok) return ['schema', document.error];
  // Rules without a real check are stricter than the real validator.
  const real = new Set(RULES.flatMap(({ code, validator }) => (validator === undefined ? [] : [code])));
  const errors = errorsOf(checkPolicy(document.value.document).findings).filter(({ code }) => real.has(code));
  return [errors.length === 0 ? null : 'mucfgvalidate', errors];
}

function source(text: string): PolicyTree {
  const tree = parseTree(bytesOf(text), 'small.xml');
  if (!tree.ok) throw new Error(`${tree.error.line}: ${tree.error.message}`);
  return tree.value;
}

describe.skipIf(!hasShared)(`violations written by hand (${hasShared ? '' : SKIP_REASON})`, () => {
  const cases = hasShared
    ? sharedJson<readonly { case: string; failsIn: string | null }[]>('golden/hand/index.json').filter(entry =>
        existsSync(sharedPath(`golden/hand/${entry.case}/policy_with_comp.xml`)),
      )
    : [];

  test('there are 26 systems with components joined', () => {
    expect(cases).toHaveLength(26);
  });

  test.each(cases)('$case: refused by the same tool ($failsIn)', ({ case: name, failsIn }) => {
    const [tool, errors] = verdict(sharedTree(`golden/hand/${name}/policy_with_comp.xml`));
    expect([tool, errors.length > 0]).toEqual([failsIn, failsIn !== null]);
  });
});

/** One edit of the small source for each check: what is replaced by what. */
const EDITS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'EXPAND-LIBRARY-NAME': [['<library name="libbase">', '<library name="liblog"/><library name="libbase">']],
  'EXPAND-LIBRARY-REFERENCE': [
    ['<library ref="libbase"/>', '<library ref="libnone"/>'],
    ['<map logical="shared" physical="shared"/>', ''],
  ],
  'EXPAND-LIBRARY-CYCLE': [
    ['<library name="libbase">', '<library name="libbase"><depends><library ref="liblog"/></depends>'],
  ],
  'EXPAND-SUBJECT-NAME': [
    [
      '  <subject name="three">',
      '  <subject name="three"><component ref="plain"/></subject>\n  <subject name="three">',
    ],
  ],
  'EXPAND-MSI-NAME': [['<msi name="msi2"/>', '<msi name="msi1"/>']],
  'EXPAND-RESERVED-NAME': [
    [
      '<reservedMemory name="rmrr1"',
      '<reservedMemory name="rmrr1" physicalAddress="16#2100_0000#" size="16#1000#"/><reservedMemory name="rmrr1"',
    ],
  ],
  'EXPAND-RESERVED-REFERENCE': [['<reservedMemory ref="rmrr1"/>', '<reservedMemory ref="rmrr2"/>']],
  'EXPAND-RESERVED-DOMAIN': [
    ['logical="disks" physical="disks"', 'logical="disks" mapReservedMemory="true" physical="disks"'],
  ],
  'EXPAND-COMPONENT-REFERENCE': [['<component ref="sink">', '<component ref="none">']],
  'EXPAND-COMPONENT-NAME': [
    [
      '<component name="sink" profile="native">',
      '<component name="sink" profile="native"/><component name="sink" profile="native">',
    ],
  ],
  'EXPAND-COMPONENT-CHANNEL-NAME': [
    ['logical="in" size="16#1000#" vector="50"', 'logical="log" size="16#1000#"'],
    ['<map logical="in" physical="data"/>', ''],
  ],
  'EXPAND-MAP-NAME': [
    ['<map logical="in" physical="data"/>', '<map logical="in" physical="data"/><map logical="in" physical="data"/>'],
  ],
  'EXPAND-MAP-UNKNOWN': [
    [
      '<map logical="in" physical="data"/>',
      '<map logical="in" physical="data"/><map logical="other" physical="data"/>',
    ],
  ],
  'EXPAND-MAP-MISSING': [['<map logical="registers" physical="mem1"/>', '']],
  'EXPAND-CHANNEL-SIZE': [['<channel name="log" size="16#1000#"/>', '<channel name="log" size="16#2000#"/>']],
  'EXPAND-MEMORY-SIZE': [['name="shared" size="16#2000#"', 'name="shared" size="16#3000#"']],
  'EXPAND-DEVICE-MEMORY-SIZE': [['logical="registers" size="16#1000#"', 'logical="registers" size="16#2000#"']],
  'EXPAND-PORT-RANGE': [['end="16#03ff#" logical="ports"', 'end="16#03fe#" logical="ports"']],
  'EXPAND-SUBJECT-MSI-NAME': [
    [
      'physical="network"><memory',
      'physical="nic"><irq logical="i" physical="irq1"><msi logical="m" physical="msi1"/><msi logical="m" physical="msi2"/></irq><memory',
    ],
    ['logical="registers" physical="registers"', 'logical="registers" physical="mem1"'],
  ],
  'EXPAND-SUBJECT-MSI': [
    [
      'physical="network"><memory',
      'physical="nic"><irq logical="i" physical="irq1"><msi logical="m" physical="msi9"/></irq><memory',
    ],
    ['logical="registers" physical="registers"', 'logical="registers" physical="mem1"'],
  ],
  'EXPAND-SIBLING': [['<component ref="plain"/>', '<sibling ref="none"/>']],
  'EXPAND-MEMORY-REFERENCE': [['logical="own" physical="own"', 'logical="own" physical="none"']],
  'EXPAND-CRASH-AUDIT': [['<memory caching="UC" name="crash_audit"', '<memory caching="WB" name="crash_audit"']],
  'EXPAND-DEVICE-REFERENCE': [
    ['<device logical="nic" mapReservedMemory="true" physical="nic"/>', '<device logical="nic" physical="none"/>'],
  ],
  'EXPAND-DEVICE-MEMORY': [
    ['physical="network"><memory', 'physical="nic"><memory'],
    ['logical="registers" physical="registers"', 'logical="registers" physical="mem9"'],
  ],
  'EXPAND-RUNNABILITY': [['<group><subject name="one"/></group>', '']],
  'EXPAND-MONITOR': [['<state logical="state" subject="three"', '<state logical="state" subject="none"']],
  'EXPAND-LOADER-ADDRESS': [
    [
      '<state logical="state" subject="three" virtualAddress="16#4200_0000#" writable="false"/>',
      '<loader logical="load" subject="one" virtualAddress="16#7fff_ffff_f000#"/>',
    ],
  ],
  'EXPAND-SIBLING-BDF': [
    ['<component name="sink" profile="native">', '<component name="sink" profile="linux">'],
    ['physical="network"><memory', 'physical="network"><pci bus="16#00#" device="16#01#" function="0"/><memory'],
    ['<component ref="plain"/>', '<sibling ref="two"/>'],
    [
      '   <vcpu><registers><gpr><rip>16#0040_0000#',
      '   <devices><device logical="disk" physical="disk"><pci bus="16#00#" device="16#01#" function="0"/></device></devices><vcpu><registers><gpr><rip>16#0040_0000#',
    ],
  ],
  'EXPAND-SIBLING-BOOTPARAMS': [['<component ref="plain"/>', '<bootparams>quiet</bootparams><sibling ref="two"/>']],
  'EXPAND-SIBLING-MEMORY': [
    [
      '   <vcpu><registers><gpr><rip>16#0040_0000#</rip></gpr></registers></vcpu>',
      '   <vcpu><registers><gpr><rip>16#0040_0000#</rip></gpr></registers></vcpu><memory><memory executable="false" logical="own" physical="own" virtualAddress="16#4000_0000#" writable="true"/></memory>',
    ],
    ['<component ref="plain"/>', '<sibling ref="two"/>'],
  ],
  'EXPAND-MUINIT': [
    [
      'subject="three" virtualAddress="16#4200_0000#" writable="false"/>',
      '$&<loader logical="self" subject="two" virtualAddress="16#0000#"/>',
    ],
  ],
  'EXPAND-DOMAIN-SUBJECT': [
    [
      '<memory><memory executable="false" logical="dma" physical="own"',
      '<memory><mapSubjectMemory subject="ghost"/><memory executable="false" logical="dma" physical="own"',
    ],
  ],
  'EXPAND-TAU0': [
    ['<group><subject name="tau0"/></group>', ''],
    [
      '  </majorFrame>\n',
      '  </majorFrame>\n  <majorFrame><cpu id="0"><minorFrame partition="first" ticks="10"/></cpu><cpu id="1"><minorFrame partition="second" ticks="10"/></cpu></majorFrame>\n',
    ],
  ],
  'EXPAND-CHANNEL-EVENT': [
    [
      '<reader logical="log" size="16#1000#" virtualAddress',
      '<reader logical="log" size="16#1000#" vector="51" virtualAddress',
    ],
  ],
  'EXPAND-CHANNEL-REFERENCE': [['<channel name="log" size="16#1000#"/>', '']],
  'EXPAND-CHANNEL-ENDS': [
    [
      '<channel name="log" size="16#1000#"/>',
      '<channel name="log" size="16#1000#"/><channel name="unused" size="16#1000#"/>',
    ],
  ],
  'EXPAND-CHANNEL-WRITER-EVENT': [['<writer event="3" logical="out"', '<writer logical="out"']],
  'EXPAND-CHANNEL-READER-VECTOR': [['size="16#1000#" vector="50"', 'size="16#1000#"']],
  'EXPAND-EVENT-REFERENCE': [
    ['logical="woken" physical="wake"', 'logical="woken" physical="none"'],
    ['<event id="0" logical="wake" physical="wake"/>', ''],
    ['<event mode="asap" name="wake"/>', ''],
  ],
  'EXPAND-EVENT-ENDS': [['<target><event logical="woken" physical="wake"/></target>', '']],
  'EXPAND-EVENT-SELF': [['<event mode="asap" name="wake"/>', '<event mode="self" name="wake"/>']],
  'EXPAND-BDF': [
    ['<pci bus="16#01#" device="16#03#" function="0">', '<pci bus="16#00#" device="16#02#" function="0">'],
  ],
  'EXPAND-PCI-CONFIG': [[' pciConfigAddress="16#e000_0000#"', '']],
  'EXPAND-SYSTEM-BOARD': [['<capability name="systemboard"/>', '']],
  'EXPAND-IOAPIC': [['<capability name="ioapic"/>', '']],
  'EXPAND-IOMMU': [['<capability name="iommu"/>', '']],
  'EXPAND-CPU-ELEMENTS': [[' cpuCores="2"', '']],
  'EXPAND-CPU-COUNT': [[' cpuCores="2"', ' cpuCores="1"']],
  'EXPAND-DIAGNOSTICS': [['<device physical="serial"><ioPort', '<device physical="none"><ioPort']],
  'EXPAND-PARTITION-REFERENCE': [
    ['partition="second" ticks="20"', 'partition="second" ticks="10"/><minorFrame partition="none" ticks="10"'],
  ],
  'EXPAND-GROUP-ASSIGNMENT': [
    [
      '<group><subject name="two"/></group>',
      '<group><subject name="two"/></group><group><subject name="one"/></group>',
    ],
  ],
};

describe('checks of the expansion', () => {
  test('the small source expands, allocates and is valid', () => {
    expect(verdict(source(SMALL_SOURCE))).toEqual([null, []]);
  });

  test('each check has an edit that breaks it', () => {
    expect(Object.keys(EDITS).sort()).toEqual(SOURCE_CHECKS.map(({ code }) => code).sort());
  });

  test.each(Object.entries(EDITS))('%s and only it finds what it looks for', (code, edits) => {
    let text = SMALL_SOURCE;
    for (const [from, to] of edits) {
      expect(text).toContain(from);
      text = text.replace(from, to);
    }
    const outcome = expandPolicy(source(text));
    const errors = outcome.ok ? [] : outcome.error;
    expect([...new Set(errors.map(finding => finding.code))]).toEqual([code]);
    for (const { file, line } of errors) expect([file, line > 0]).toEqual(['small.xml', true]);
  });

  test('siblings may share a device, at one address', () => {
    const edits = EDITS['EXPAND-SIBLING-BDF'] ?? [];
    const text = edits.reduce((before, [from, to]) => before.replace(from, to), SMALL_SOURCE);
    const codes = (device: string) => {
      const own = `<device logical="disk" physical="nic"><pci bus="16#00#" device="${device}" function="0"/></device>`;
      const outcome = expandPolicy(source(text.replace(/<device logical="disk" physical="disk">.*?<\/device>/, own)));
      return outcome.ok ? [] : [...new Set(outcome.error.map(({ code }) => code))];
    };
    expect(codes('16#01#')).not.toContain('EXPAND-SIBLING-BDF');
    expect(codes('16#02#')).toContain('EXPAND-SIBLING-BDF');
  });

  test('a name that may be meant is offered', () => {
    const outcome = expandPolicy(
      source(SMALL_SOURCE.replace('<map logical="log" physical="log"/>', '<map logical="log" physical="lgo"/>')),
    );
    expect(outcome.ok ? [] : outcome.error.map(({ hint }) => hint)).toContainEqual(
      expect.stringContaining('Did you mean log?'),
    );
  });

  test('an I/O APIC that claims every interrupt number leaves none for messages', () => {
    const text = SMALL_SOURCE.replace('"max_redirection_entry">23<', '"max_redirection_entry">18446744073709551615<');
    const outcome = expandPolicy(source(text));
    expect(outcome.ok ? [] : outcome.error.map(({ code }) => code)).toContain('EXPAND-MSI-NUMBERS');
  });
});
