import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { bytesOf, parsed } from './shared-files.ts';
import { smallPolicy } from './small-policy.ts';

const base = smallPolicy();

type Edit = (text: string) => string;

/** Replaces the first occurrence; the test fails when there is none. */
const replace =
  (from: string | RegExp, to: string): Edit =>
  text => {
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`nothing matches ${from}`);
    return edited;
  };
const both =
  (...edits: Edit[]): Edit =>
  text =>
    edits.reduce((result, edit) => edit(result), text);

/** Sets a bit of the first subject's VMX word. */
const bit = (word: string, name: string, value: 0 | 1): Edit =>
  replace(new RegExp(`(<${word}>[\\s\\S]*?<${name}>)[01]`), `$1${value}`);
/** Sets an attribute of a memory region. */
const region =
  (name: string, attribute: string, value: string): Edit =>
  text => {
    const [tag] = new RegExp(`<memory [^>]*name="${name.replace('|', '\\|')}"[^>]*>`).exec(text) ?? [];
    if (tag === undefined) throw new Error(`no region ${name}`);
    return replace(tag, tag.replace(new RegExp(` ${attribute}="[^"]*"`), ` ${attribute}="${value}"`))(text);
  };
const drop = (name: string): Edit =>
  replace(new RegExp(`\\s*<memory [^>]*name="${name.replace('|', '\\|')}"[^>]*>.*?</memory>`), '');
const subjectMemory = (entry: string): Edit =>
  replace('<memory executable="true" logical="text" physical="alpha|text"', `${entry}\n$&`);
const map = (physical: string, address: string, writable = false): string =>
  `<memory executable="false" logical="extra" physical="${physical}" virtualAddress="${address}" writable="${writable}"/>`;

const PCI =
  '<pci bus="16#00#" device="16#02#" function="0" msi="true"><identification classcode="16#0200#" deviceId="16#0001#" revisionId="16#00#" vendorId="16#8086#"/></pci>';
const NIC = `<device name="nic">${PCI}<irq name="msi1" number="40"/><irq name="msi2" number="41"/></device>`;
const LSI = NIC.replace('msi="true"', 'msi="false"');
const withDevices = (devices: string): Edit => replace('<device name="com_1">', `${devices}<device name="com_1">`);
const withPci = both(
  withDevices(NIC),
  replace('  <devices>\n', '  <devices pciConfigAddress="16#e000_0000#" pciConfigSize="16#1000_0000#">\n'),
);
const alphaDevices = (devices: string): Edit =>
  replace('<devices/>\n   <events>', `<devices>${devices}</devices>\n   <events>`);
const betaDevices =
  (devices: string): Edit =>
  text => {
    const at = text.lastIndexOf('<devices/>');
    return `${text.slice(0, at)}<devices>${devices}</devices>${text.slice(at + '<devices/>'.length)}`;
  };
const nicReference =
  '<device logical="nic" physical="nic"><pci bus="16#00#" device="16#01#" function="0"/><irq logical="a" physical="msi1" vector="60"/><irq logical="b" physical="msi2" vector="61"/></device>';
const domain = (memory: string): Edit =>
  replace(
    '<deviceDomains/>',
    `<deviceDomains><domain id="1" name="d"><memory>${memory}</memory><devices><device logical="nic" physical="nic"/></devices></domain></deviceDomains>`,
  );
const secondFrame =
  '<majorFrame><cpu id="0"><minorFrame barrier="none" partition="alpha" ticks="1"/></cpu><cpu id="1"><minorFrame barrier="none" partition="beta" ticks="1"/></cpu><barriers/></majorFrame>';

/** An edit of the small policy for each rule that makes it report. */
const EDITS: Readonly<Record<string, Edit>> = {
  'CFG-NAME-UNIQUE': replace('name="count"', 'name="debug"'),
  'MEM-NAME-UNIQUE': region('data', 'name', 'vtd_ir'),
  'DEV-NAME-UNIQUE': replace('<aliases/>', '<aliases><alias name="com_1" physical="com_1"/></aliases>'),
  'DEV-RESOURCE-UNIQUE': replace(
    '<irq name="irq" number="4"/>',
    '<irq name="irq" number="4"/><irq name="irq" number="5"/>',
  ),
  'DOM-UNIQUE': replace(
    '<deviceDomains/>',
    `<deviceDomains>${'<domain id="1" name="d"><memory/><devices/></domain>'.repeat(2)}</deviceDomains>`,
  ),
  'EVT-NAME-UNIQUE': replace('<event mode="kernel" name="panic"/>', '$&$&'),
  'EVT-SOURCE-UNIQUE': replace('<event id="1" logical="wake" physical="wake"/>', '$&$&'),
  'EVT-TARGET-UNIQUE': replace('<target>', '<target><event id="3" logical="other" physical="wake"/>'),
  'SUBJ-NAME-UNIQUE': replace('name="beta" schedGroupId', 'name="alpha" schedGroupId'),
  'SUBJ-GLOBAL-ID-UNIQUE': replace('globalId="1"', 'globalId="0"'),
  'SUBJ-LOCAL-ID-UNIQUE': replace('localId="1"', 'localId="0"'),
  'SUBJ-LOGICAL-UNIQUE': replace('logical="timed_event"', 'logical="text"'),
  'KRN-CPU-UNIQUE': replace('   </cpu>\n  </memory>', '   </cpu><cpu id="0"/>\n  </memory>'),
  'SCHED-ID-UNIQUE': replace('<group id="2">', '<group id="1">'),
  'MEM-REFERENCE': drop('data'),
  'MEM-HASH-REFERENCE': replace('<fill pattern="16#00#"/>', '$&<hashRef memory="ghost"/>'),
  'DEV-REFERENCE': alphaDevices('<device logical="x" physical="ghost"/>'),
  'DEV-RESOURCE-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><ioPort logical="p" physical="ghost"/></device>',
  ),
  'EVT-REFERENCE': replace('physical="wake"/>', 'physical="ghost"/>'),
  'SUBJ-SIBLING': replace('</events>\n  </subject>', '</events><sibling ref="ghost"/>\n  </subject>'),
  'SCHED-REFERENCE': replace('partition="beta" ticks', 'partition="ghost" ticks'),
  'PLAT-REFERENCE': replace('<aliases/>', '<aliases><alias name="a" physical="ghost"/></aliases>'),
  'PLAT-DIAGNOSTICS': replace(
    '<kernelDiagnostics type="none"/>',
    '<kernelDiagnostics type="uart"><device physical="com_1"/></kernelDiagnostics>',
  ),
  'HW-CPUS': replace('apicId="0"', 'apicId="3"'),
  'HW-CPU-COUNT': replace('</majorFrame>', `</majorFrame>${secondFrame}`),
  'HW-BLOCK-SIZE': replace('size="16#0ff0_0000#"', 'size="16#0ff0_0800#"'),
  'HW-BLOCK-OVERLAP': replace(
    'physicalAddress="16#0010_0000#" size="16#0ff0_0000#"',
    'physicalAddress="16#000f_f000#" size="16#0ff0_1000#"',
  ),
  'HW-IOMMU': replace('>39<', '>40<'),
  'HW-PCI-CONFIG': withDevices(NIC),
  'MEM-ADDRESS-ALIGNED': region('data', 'alignment', '16#4000_0000#'),
  'MEM-SIZE': region('data', 'size', '16#0800#'),
  'MEM-OVERLAP': region('data', 'size', '16#2000#'),
  'MEM-INSIDE-HARDWARE': region('data', 'physicalAddress', '16#2000_0000#'),
  'MEM-VIRTUAL-ALIGNED': replace('virtualAddress="16#0001_0000_0000#"', 'virtualAddress="16#0001_0000_0800#"'),
  'MEM-CRASH-AUDIT': region('crash_audit', 'caching', 'WB'),
  'REG-STATE': region('alpha|state', 'type', 'subject'),
  'REG-TIMED-EVENT': region('alpha|timed_event', 'type', 'subject'),
  'REG-INTERRUPTS': region('alpha|interrupts', 'type', 'subject'),
  'REG-VMCS': region('alpha|vmcs', 'type', 'subject'),
  'REG-IOBM': region('alpha|iobm', 'size', '16#1000#'),
  'REG-MSRBM': drop('alpha|msrbm'),
  'REG-FPU': region('alpha|fpu', 'type', 'subject'),
  'REG-PT': drop('alpha|pt'),
  'REG-PT-SIZE': region('alpha|pt', 'size', '16#1000#'),
  'REG-MSRSTORE': replace('<msrs/>', '<msrs><msr start="16#c000_0081#" end="16#c000_0081#" mode="rw"/></msrs>'),
  'REG-KERNEL-DATA': region('kernel_data_0', 'type', 'subject'),
  'REG-KERNEL-BSS': region('kernel_bss_0', 'type', 'subject'),
  'REG-KERNEL-STACK': region('kernel_stack_0', 'type', 'subject'),
  'REG-KERNEL-INTERRUPT-STACK': region('kernel_interrupt_stack_0', 'type', 'subject'),
  'REG-KERNEL-GLOBAL-DATA': region('kernel_global_data', 'type', 'subject'),
  'REG-KERNEL-PT-LOW': region('kernel_0|pt', 'physicalAddress', '16#0001_0000_0000#'),
  'REG-VMXON': region('kernel_0|vmxon', 'physicalAddress', '16#0100_0000#'),
  'REG-SCHEDULING-INFO': drop('scheduling_info_2'),
  'REG-VTD': drop('vtd_ir'),
  'KRN-VIRTUAL-OVERLAP': replace('virtualAddress="16#0012_2000#"', 'virtualAddress="16#0012_0000#"'),
  'SUBJ-VIRTUAL-OVERLAP': subjectMemory(map('data', '16#0020_1000#')),
  'DOM-VIRTUAL-OVERLAP': both(
    withPci,
    region('data', 'type', 'subject'),
    domain(`${map('data', '16#1000#')}${map('data', '16#1000#').replace('extra', 'two')}`),
  ),
  'MEM-VIRTUAL-RANGE': subjectMemory(map('data', '16#8000_0000_0000#')),
  'MEM-TYPE-SYSTEM': subjectMemory(map('alpha|pt', '16#1000#', true)),
  'MEM-TYPE-KERNEL': subjectMemory(map('kernel_text', '16#1000#')),
  'MEM-TYPE-DEVICE': region('data', 'type', 'device_rmrr'),
  'DOM-MEMORY-TYPE': both(withPci, domain(map('data', '16#1000#'))),
  'MEM-MONITOR': subjectMemory(map('beta|state', '16#1000#', true)),
  'MEM-SCHED-INFO': replace(
    'physical="scheduling_info_1" virtualAddress="16#000e_0000_8000#"',
    'physical="scheduling_info_2" virtualAddress="16#000e_0000_8000#"',
  ),
  'KRN-CPU-SECTIONS': replace('</majorFrame>', `</majorFrame>${secondFrame}`),
  'KRN-SUBJECT-PAGES': replace(/ *<memory [^>]*logical="beta\|fpu"[^>]*>\n/, ''),
  'KRN-SECTIONS': replace(/ *<memory [^>]*logical="global_data"[^>]*>\n/, ''),
  'KRN-STACK-GUARD': replace('virtualAddress="16#0012_7000#"', 'virtualAddress="16#0012_3000#"'),
  'KRN-TAU0-INTERFACE': region('data', 'name', 'sys_interface'),
  'KRN-SUBJECT-LIMIT': replace('globalId="1"', 'globalId="2"'),
  'DEV-PORT-ORDER': replace('start="16#03f8#"', 'start="16#0400#"'),
  'DEV-PORT-UNIQUE': withDevices('<device name="com_2"><ioPort end="16#03f8#" name="p" start="16#03f0#"/></device>'),
  'DEV-IRQ-UNIQUE': withDevices('<device name="com_2"><irq name="i" number="4"/></device>'),
  'DEV-BDF-UNIQUE': withDevices(NIC + NIC.replace('nic', 'nic2').replace('"40"', '"42"').replace('"41"', '"43"')),
  'DEV-PCI-REFERENCE': both(withPci, alphaDevices('<device logical="x" physical="nic"/>')),
  'DEV-IRQ-OWNER': both(withPci, alphaDevices(nicReference), betaDevices(nicReference)),
  'DEV-MSI-VECTORS': both(withPci, alphaDevices(nicReference.replace('"61"', '"63"'))),
  'DEV-REFERENCE-UNIQUE': alphaDevices('<device logical="x" physical="com_1"/><device logical="y" physical="com_1"/>'),
  'DOM-DEVICE-UNIQUE': both(
    withPci,
    domain(''),
    replace('<device logical="nic" physical="nic"/>', '$&<device logical="again" physical="nic"/>'),
  ),
  'EVT-ENDS': replace('mode="async"', 'mode="kernel"'),
  'EVT-SELF': replace('mode="async"', 'mode="self"'),
  'EVT-SELF-REFERENCE': both(
    replace(/<target>.*<\/target>/, ''),
    replace('</source>', '</source><target><event id="3" logical="wake" physical="wake"/></target>'),
  ),
  'EVT-IPI': replace('mode="async"', 'mode="ipi"'),
  'EVT-SWITCH': replace('mode="async"', 'mode="switch"'),
  'EVT-KERNEL-ACTION': replace('<system_panic/>', ''),
  'EVT-SYSTEM-ACTION': replace(
    '<event id="1" logical="wake" physical="wake"/>',
    '<event id="1" logical="wake" physical="wake"><system_reboot/></event>',
  ),
  'EVT-EXIT-IDS': replace('<event id="0" logical="exit_0"', '<event id="52" logical="exit_0"'),
  'EVT-EXITS-COMPLETE': replace(/<event id="30".*?<\/event>/, ''),
  'EVT-UNMASK': both(withPci, replace(NIC, LSI), alphaDevices(nicReference)),
  'SCHED-CPUS': replace('</majorFrame>', `</majorFrame>${secondFrame}`),
  'SCHED-TICKS': replace(
    '   <barriers/>',
    '   <cpu id="1"><minorFrame barrier="none" partition="beta" ticks="29"/></cpu>$&',
  ),
  'SCHED-AFFINITY': replace('partition="beta" ticks', 'partition="alpha" ticks'),
  'SCHED-MEMBERSHIP': replace('schedGroupId="2"', 'schedGroupId="1"'),
  'SCHED-RUNNABLE': replace('<subject name="alpha"/>', '<subject name="alpha"/><subject name="beta"/>'),
  'SCHED-TIME': both(replace('speed="2000000"', 'speed="1"'), replace('tickRate="1000"', 'tickRate="2000"')),
  'SCHED-TIMER': replace('ticks="20"', 'ticks="100000"'),
  'SCHED-BARRIER-ID': replace('<barriers/>', '<barriers><barrier id="1" size="2"/></barriers>'),
  'SCHED-BARRIER-REFERENCE': both(
    replace('<barriers/>', '<barriers><barrier id="1" size="1"/></barriers>'),
    replace('barrier="none"', 'barrier="1"'),
  ),
  'SCHED-SYNC-POINTS': replace(
    '   <barriers/>',
    '   <cpu id="1"><minorFrame barrier="none" partition="beta" ticks="10"/><minorFrame barrier="none" partition="beta" ticks="20"/></cpu>$&',
  ),
  'VCPU-PIN': bit('pin', 'VirtualNMIs', 1),
  'VCPU-PROC': bit('proc', 'UseMSRBitmaps', 0),
  'VCPU-PROC2': bit('proc2', 'EnableVPID', 1),
  'VCPU-EXIT': bit('exit', 'AckInterruptOnExit', 0),
  'VCPU-ENTRY': bit('entry', 'IA32eModeGuest', 0),
  'VCPU-CR0-MASK': bit('cr0', 'CacheDisable', 0),
  'VCPU-CR4-MASK': bit('cr4', 'MachineCheckEnable', 0),
  'VCPU-EXCEPTIONS': bit('exception', 'MachineCheck', 0),
  'VCPU-EPT': bit('proc2', 'UnrestrictedGuest', 1),
  'VCPU-NATIVE': replace(/(<registers>[\s\S]*?<Paging>)1/, '$10'),
  'VCPU-PAGING': both(bit('proc2', 'EnableEPT', 1), replace(/(<registers>[\s\S]*?<Paging>)1/, '$10')),
  'MSR-ORDER': replace('<msrs/>', '<msrs><msr start="16#0176#" end="16#0174#" mode="r"/></msrs>'),
  'MSR-ALLOWED': replace('<msrs/>', '<msrs><msr start="16#0174#" end="16#0177#" mode="r"/></msrs>'),
  'MSR-CONTROLS': replace('<msrs/>', '<msrs><msr start="16#c000_0080#" end="16#c000_0080#" mode="r"/></msrs>'),
};

describe('rule table', () => {
  it('has stable, unique codes and one-sentence titles', () => {
    expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length);
    expect(RULES.length).toBeGreaterThanOrEqual(35);
    for (const { code, title } of RULES) {
      expect(code).toMatch(/^[A-Z]+(-[A-Z0-9]+)+$/);
      expect(title).toMatch(/^Validate that [^.]+(\.[a-zA-Z0-9][^.]*)*\.$/i);
    }
  });

  it('has an edit for every rule', () => {
    expect(RULES.map(({ code }) => code).filter(code => !(code in EDITS))).toEqual([]);
  });

  it('examines the small policy and reports nothing', () => {
    const { findings, examined } = checkPolicy(parsed(bytesOf(base)).document);
    expect(findings).toEqual([]);
    expect(Object.keys(examined)).toEqual(RULES.map(({ code }) => code));
    expect(examined['MEM-REFERENCE']).toBe(27);
    expect(examined['DOM-MEMORY-TYPE']).toBe(0);
  });

  it.each(Object.entries(EDITS))('%s reports its defect with a place and a hint', (code, edit) => {
    const text = edit(base);
    const { findings } = checkPolicy(parsed(bytesOf(text)).document);
    const own = findings.filter(finding => finding.code === code);
    expect(findings.map(finding => finding.code)).toContain(code);
    for (const finding of own) {
      expect(finding.severity).toBe(RULES.find(rule => rule.code === code)?.severity);
      expect(finding.line).toBeGreaterThan(0);
      expect(finding.line).toBeLessThanOrEqual(text.split('\n').length);
      expect([finding.message, finding.hint]).not.toContain('');
    }
  });
});

describe('names of required regions', () => {
  it('write the PCI bus of a context table in hex', () => {
    const edit = both(withPci, replace('bus="16#00#" device="16#02#"', 'bus="16#3e#" device="16#02#"'), domain(''));
    const { findings } = checkPolicy(parsed(bytesOf(edit(base))).document);
    const messages = findings.filter(finding => finding.code === 'REG-VTD').map(finding => finding.message);
    expect(messages).toContain("the memory region 'vtd_context_bus_3e' of PCI bus 62 does not exist");
  });
});

describe('rules that count', () => {
  it('gives the same result twice and shares nothing between documents', () => {
    const [one, two] = [parsed(bytesOf(base)).document, parsed(bytesOf(EDITS['MEM-SIZE']!(base))).document];
    expect(checkPolicy(one)).toEqual(checkPolicy(one));
    expect(checkPolicy(two).findings.map(finding => finding.code)).toContain('MEM-SIZE');
    expect(checkPolicy(one).findings).toEqual([]);
  });

  it('bounds the findings of one rule', () => {
    const events = Array.from({ length: 500 }, (_, id) => `<event mode="async" name="e${id}"/>`).join('');
    const { document } = parsed(bytesOf(base.replace('<events>\n', `<events>${events}`)));
    const own = checkPolicy(document).findings.filter(finding => finding.code === 'EVT-ENDS');
    expect(own).toHaveLength(201);
    expect(own.at(-1)).toMatchObject({ severity: 'notice' });
  });
});
