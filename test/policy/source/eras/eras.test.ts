import { describe, expect, it } from 'vitest';
import { legacyPartitions } from '../../../../src/policy/legacy-scheduling.ts';
import { normaliseEras, SCHEMA_CHANGES } from '../../../../src/policy/source/eras/normalise.ts';
import { attempt } from '../../../../src/policy/source/problem.ts';
import { type PolicyTree, parseTree } from '../../../../src/policy/tree.ts';
import { writeTree } from '../../../../src/policy/tree-write.ts';
import { bytesOf } from '../../shared-files.ts';

function tree(text: string): PolicyTree {
  const parsed = parseTree(bytesOf(text), 'old.xml');
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

const compact = (document: PolicyTree): string =>
  writeTree(document).split('\n').slice(1).join('').replaceAll(/>\s+</g, '><');

/** What one change makes of a document. */
function changed(id: string, text: string): string {
  const document = tree(text);
  const change = SCHEMA_CHANGES.find(candidate => candidate.id === id)!;
  expect(change.apply(document.root).length).toBeGreaterThan(0);
  // What is done once has nothing left to do.
  expect(change.apply(document.root)).toEqual([]);
  return compact(document);
}

const EVENTS = (source: string, target = ''): string =>
  `<system><events/><subjects><subject name="s"><events><source><group name="vmcall">${source}</group></source>${target}</events></subject></subjects></system>`;

describe('each change', () => {
  it.each([
    [
      'features',
      '<system><features><iommu enabled="true"/></features><memory/></system>',
      '<system><memory/></system>',
    ],
    [
      'target-events',
      EVENTS(
        '',
        '<target><event logical="a" physical="x" vector="32"/><event logical="b" physical="y" vector="none"/></target>',
      ),
      EVENTS(
        '',
        '<target><event logical="a" physical="x"><inject_interrupt vector="32"/></event><event logical="b" physical="y"/></target>',
      ).replace('<group name="vmcall"></group>', '<group name="vmcall"/>'),
    ],
    [
      'event-modes',
      '<system><events><event mode="ipi" name="a"/></events><channels><channel hasEvent="ipi" name="c"/></channels></system>',
      '<system><events><event mode="asap" name="a"/></events><channels><channel hasEvent="asap" name="c"/></channels></system>',
    ],
    [
      'required-resources',
      '<component name="c"><channels/><memory/><binary/></component>',
      '<component name="c"><requires><memory/><channels/></requires><binary/></component>',
    ],
    [
      'provided-binary',
      '<component name="c"><binary filename="f" size="16#1000#" virtualAddress="16#2000#"/></component>',
      '<component name="c"><provides><memory executable="true" logical="binary" size="16#1000#" type="subject_binary" virtualAddress="16#2000#" writable="true"><file filename="f" offset="none"/></memory></provides></component>',
    ],
    [
      'vcpu-layout',
      '<component name="c"><requires><vcpu><registers><gpr/><msrs/></registers><segments/></vcpu></requires></component>',
      '<component name="c"><requires><vcpu><msrs/><registers><gpr/><segments/></registers></vcpu></requires></component>',
    ],
    [
      'fixed-vcpu-bits',
      '<component name="c"><requires><vcpu><vmx><controls><pin><NMIExiting>1</NMIExiting><VirtualNMIs>0</VirtualNMIs></pin></controls></vmx></vcpu></requires></component>',
      '<component name="c"><requires><vcpu><vmx><controls><pin><VirtualNMIs>0</VirtualNMIs></pin></controls></vmx></vcpu></requires></component>',
    ],
    [
      'kernel-diagnostics',
      '<system><kernelDiagnosticsDevice physical="d"><ioPort physical="p"/></kernelDiagnosticsDevice><memory/></system>',
      '<system><platform><kernelDiagnostics type="uart"><device physical="d"><ioPort physical="p"/></device></kernelDiagnostics></platform><memory/></system>',
    ],
    [
      'memory-types',
      '<system><memory><memory name="b" type="subject_ukvm_boot_info"/></memory></system>',
      '<system><memory><memory name="b" type="subject_solo5_boot_info"/></memory></system>',
    ],
    [
      'loader-rights',
      '<system><subjects><subject><monitor><loader subject="x" writable="true"/></monitor></subject></subjects></system>',
      '<system><subjects><subject><monitor><loader subject="x"/></monitor></subject></subjects></system>',
    ],
    [
      'domain-addresses',
      '<system><deviceDomains><domain><memory><memory physical="m"/></memory></domain></deviceDomains><subjects><subject><memory><memory physical="m" virtualAddress="16#1000#"/></memory></subject></subjects></system>',
      '<system><deviceDomains><domain><memory><memory physical="m" virtualAddress="16#1000#"/></memory></domain></deviceDomains><subjects><subject><memory><memory physical="m" virtualAddress="16#1000#"/></memory></subject></subjects></system>',
    ],
    [
      'speed',
      '<system><hardware><processor speed="2694"/></hardware></system>',
      '<system><hardware><processor speed="2694000"/></hardware></system>',
    ],
    [
      'configuration-space-size',
      '<system><hardware><devices pciConfigAddress="16#f800_0000#"/></hardware></system>',
      '<system><hardware><devices pciConfigAddress="16#f800_0000#" pciConfigSize="16#1000_0000#"/></hardware></system>',
    ],
    [
      'processor-cpus',
      '<system><hardware><processor cpuCores="2"/></hardware></system>',
      '<system><hardware><processor cpuCores="2"><cpu apicId="0"/><cpu apicId="2"/></processor></hardware></system>',
    ],
    [
      'resource-order',
      '<system><subjects><subject><devices><device><ioPort/><irq/><memory/></device></devices></subject></subjects></system>',
      '<system><subjects><subject><devices><device><irq/><memory/><ioPort/></device></devices></subject></subjects></system>',
    ],
  ])('%s', (id, before, after) => {
    expect(changed(id, before)).toBe(after);
  });

  it('source events keep what they send; other actions become kernel events', () => {
    expect(changed('source-events', EVENTS('<event id="1" action="continue"><notify physical="x"/></event>'))).toBe(
      EVENTS('<event id="1" physical="x"/>'),
    );
    expect(changed('source-events', EVENTS('<event id="1" action="sleep"/>'))).toBe(
      EVENTS('<event id="1" physical="subject_sleep"><subject_sleep/></event>').replace(
        '<events/>',
        '<events><event mode="kernel" name="subject_sleep"/></events>',
      ),
    );
  });

  it('refuses an action that no later schema has', () => {
    for (const event of ['<event action="continue"/>', '<event action="dance"/>']) {
      const document = tree(EVENTS(event));
      expect(attempt(() => normaliseEras(document.root))).toMatchObject({
        ok: false,
        error: [{ code: 'SRC-ERA', file: 'old.xml', line: 1 }],
      });
    }
  });

  it('message-signalled interrupts are named in the device and where a subject uses them', () => {
    const text =
      '<system><hardware><devices><device name="nic"><pci msi="true"/><irq name="i" number="61"/></device><device name="old"><pci msi="false"/><irq name="i" number="17"/></device></devices></hardware><subjects><subject><devices><device physical="nic"><irq logical="l" physical="i"/></device><device physical="old"><irq logical="m" physical="i"/></device></devices></subject></subjects></system>';
    expect(changed('message-signalled-interrupts', text)).toBe(
      '<system><hardware><devices><device name="nic"><pci/><irq name="i" number="16"><msi name="msi1"/></irq></device><device name="old"><pci/><irq name="i" number="17"/></device></devices></hardware><subjects><subject><devices><device physical="nic"><irq logical="l" physical="i"><msi logical="l_msi1" physical="msi1"/></irq></device><device physical="old"><irq logical="m" physical="i"/></device></devices></subject></subjects></system>',
    );
  });

  it('a native component starts where the profile of its time said', () => {
    const binary = '<binary filename="f" size="16#1000#" virtualAddress="16#2000#"/>';
    expect(changed('provided-binary', `<component name="c" profile="native">${binary}</component>`)).toContain(
      '<requires><vcpu><registers><gpr><rip>16#5000#</rip></gpr></registers></vcpu></requires><provides>',
    );
  });

  it('a component that subjects of two profiles use is split', () => {
    const text =
      '<system><components><component name="c"><provides/></component></components><subjects><subject profile="vm"><component ref="c"/></subject><subject profile="native"><component ref="c"/></subject></subjects></system>';
    expect(changed('component-profiles', text)).toBe(
      '<system><components><component name="c" profile="vm"><provides/></component><component name="c_native" profile="native"><provides/></component></components><subjects><subject><component ref="c"/></subject><subject><component ref="c_native"/></subject></subjects></system>',
    );
  });
});

describe('a whole document', () => {
  it('between two changes of the schema is read too, with one notice per change', () => {
    const document = tree(
      '<system>\n<hardware>\n<processor cpuCores="1" speed="2694"/>\n<devices/></hardware><memory/><events/>\n<subjects><subject name="s"><events/></subject></subjects>\n<scheduling><majorFrame><cpu id="0">\n<minorFrame subject="s" ticks="5"/></cpu></majorFrame></scheduling></system>',
    );
    const findings = normaliseEras(document.root);
    expect(
      findings.map(({ code, severity, line, message }) => `${code} ${severity} ${line} ${message.slice(12, 26)}`),
    ).toEqual(['SRC-ERA notice 7 before 2022-10', 'SRC-ERA notice 3 before 2023-02']);
    expect(compact(document)).toContain(
      '<scheduling><partitions><partition name="s"><group><subject name="s"/></group></partition></partitions><majorFrame><cpu id="0"><minorFrame partition="s" ticks="5"/></cpu></majorFrame></scheduling>',
    );
    expect(normaliseEras(document.root)).toEqual([]);
  });

  it('does not get what it lacks by mistake', () => {
    const modern = '<system><hardware><processor cpuCores="1" speed="2694000"/><devices/></hardware><memory/></system>';
    expect(normaliseEras(tree(modern).root)).toEqual([]);
  });
});

describe('scheduling partitions of old plans', () => {
  it('join subjects that switch to each other, directly or not', () => {
    expect(
      legacyPartitions({
        subjects: ['a', 'b', 'c', 'd', 'e'],
        switches: [['c', 'a'], ['e', 'c'], ['unknown', 'b'], []],
        frames: ['d', 'c', 'd', 'a', 'tau0'],
      }),
    ).toEqual([
      { name: 'd', subjects: ['d'] },
      { name: 'c', subjects: ['c', 'a', 'e'] },
      { name: 'tau0', subjects: ['tau0'] },
    ]);
  });
});
