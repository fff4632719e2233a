import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { check } from '../../src/index.ts';
import { goldenMissing } from '../impl/golden.ts';

const SYSTEM = fileURLToPath(
  new URL('../../../shared/golden/systems/demo_system_vtd--lenovo-t440s/policy_b.xml', import.meta.url),
);

/** The property that judges what a policy shares; tables built from an edited policy grant what it says. */
const STATIC = ['isolation/sharing-is-explained'];

/** Puts XML behind the first match of `anchor` inside of the element that `start` begins; it gets lines of its own. */
function insert(text: string, start: string, anchor: string, xml: string): string {
  const from = text.indexOf(start);
  const at = text.indexOf(anchor, from) + anchor.length;
  expect([from >= 0, at >= anchor.length], start).toEqual([true, true]);
  return `${text.slice(0, at)}\n${xml}\n${text.slice(at)}`;
}

const subject = (name: string): string => `name="${name}" schedGroupId=`;
const mapping = (physical: string, writable: boolean): string =>
  `<memory executable="false" logical="leak" physical="${physical}" virtualAddress="16#0005_0000_0000#" writable="${writable}"/>`;
const mapped =
  (physical: string, writable = false) =>
  (text: string) =>
    insert(text, subject('example'), '<memory>', mapping(physical, writable));
const device = (xml: string) => (text: string) => {
  const at = text.indexOf('<devices/>', text.indexOf(subject('example')));
  return `${text.slice(0, at)}<devices>\n${xml}\n</devices>${text.slice(at + '<devices/>'.length)}`;
};
const msr = (name: string, xml: string) => (text: string) => {
  const from = text.indexOf(subject(name));
  const at = text.indexOf('<msrs', from);
  const isEmpty = text.startsWith('<msrs/>', at);
  return isEmpty
    ? `${text.slice(0, at)}<msrs>\n${xml}\n</msrs>${text.slice(at + '<msrs/>'.length)}`
    : `${text.slice(0, at)}<msrs>\n${xml}\n${text.slice(at + '<msrs>'.length)}`;
};
const domain = (name: string, physical: string) => (text: string) =>
  insert(text, `name="${name}">`, '<memory>', mapping(physical, true));

/** Title, edit of a real policy, exit code of the check (1 refuted, 3 invalid), and what says so. */
const LEAKS: readonly (readonly [string, (text: string) => string, 1 | 3, RegExp])[] = [
  [
    'a device domain reaches memory of a foreign subject',
    domain('nic_domain', 'storage_linux|ram'),
    1,
    /device domain 'nic_domain' maps 'storage_linux\|ram'/,
  ],
  ['a device domain reaches kernel data', domain('nic_domain', 'kernel_data_0'), 3, /MEM-TYPE-KERNEL|DOM-MEMORY-TYPE/],
  ['a device domain reaches a page table', domain('nic_domain', 'example|pt'), 3, /MEM-TYPE-SYSTEM|DOM-MEMORY-TYPE/],
  [
    'the I/O ports of a foreign device',
    device('<device logical="leak" physical="ps2"><ioPort logical="p" physical="port_60"/></device>'),
    1,
    /'ps2'.*assigned to|I\/O ports/,
  ],
  [
    'I/O ports of the kernel',
    device('<device logical="leak" physical="system_board"><ioPort logical="p" physical="reset"/></device>'),
    1,
    /'system_board'.*kernel uses it/,
  ],
  [
    'the memory of a foreign device',
    device(
      '<device logical="leak" physical="ethernet_controller_1"><pci bus="16#00#" device="16#03#" function="0"/><memory executable="false" logical="mem" physical="mem1" virtualAddress="16#0005_0000_0000#" writable="true"/></device>',
    ),
    1,
    /'ethernet_controller_1'.*assigned to/,
  ],
  [
    'the registers of an IOMMU',
    device(
      '<device logical="leak" physical="iommu_1"><memory executable="false" logical="mem" physical="mmio" virtualAddress="16#0005_0000_0000#" writable="true"/></device>',
    ),
    1,
    /iommu_1/,
  ],
  [
    'an MSR that no subject may have',
    msr('example', '<msr start="16#0010#" end="16#0010#" mode="rw"/>'),
    3,
    /MSR-ALLOWED/,
  ],
  [
    'a platform-wide MSR that one writes and another reads',
    text =>
      msr(
        'vt',
        '<msr start="16#0770#" end="16#0770#" mode="r"/>',
      )(msr('example', '<msr start="16#0770#" end="16#0770#" mode="rw"/>')(text)),
    1,
    /platform-wide MSR 0x770/,
  ],
  ['the state page of a subject in another partition', mapped('tau0|state'), 1, /'tau0\|state'.*partitions/],
  ['the state page of a foreign subject, writable', mapped('nic_linux|state', true), 3, /MEM-MONITOR/],
  ['the pending interrupts of a foreign subject', mapped('vt|interrupts', true), 3, /MEM-MONITOR/],
  ['the timed event of a foreign subject', mapped('vt|timed_event'), 1, /'vt\|timed_event'/],
  ['the scheduling information of another partition', mapped('scheduling_info_1'), 3, /MEM-SCHED-INFO|SCHED/],
  ['the kernel text', mapped('kernel_text'), 3, /SUBJ-MEMORY-TYPE|MEM-TYPE-KERNEL/],
  ['the kernel stack', mapped('kernel_stack_0', true), 3, /SUBJ-MEMORY-TYPE|MEM-TYPE-KERNEL/],
  ['the FPU state of a foreign subject', mapped('vt|fpu'), 3, /SUBJ-MEMORY-TYPE|MEM-TYPE-KERNEL/],
  ['the I/O bitmap of itself', mapped('example|iobm', true), 3, /MEM-TYPE-SYSTEM/],
  ['the stack of a foreign subject', mapped('vt|stack', true), 1, /'vt\|stack'/],
  ['the crash audit page, writable', mapped('crash_audit', true), 3, /AUDIT/],
  ['a channel of others, writable', mapped('virtual_input_1', true), 1, /'virtual_input_1'/],
];

describe.skipIf(goldenMissing !== '')(`a real policy edited to leak ${goldenMissing}`, () => {
  const original = goldenMissing === '' ? readFileSync(SYSTEM, 'utf8') : '';

  it.each(LEAKS)('%s', async (_title, edit, code, says) => {
    const text = edit(original);
    expect(text).not.toBe(original);
    const report = await check(new TextEncoder().encode(text), { properties: STATIC });
    expect(report.errors).toEqual([]);
    const errors = report.findings.filter(({ severity }) => severity === 'error');
    if (code === 3) {
      expect(report.properties).toEqual([]);
      const found = errors.find(finding => says.test(`${finding.code} ${finding.message}`));
      expect(found?.line ?? errors.map(finding => `${finding.code} ${finding.message}`)).toBeGreaterThan(0);
      return;
    }
    expect(errors).toEqual([]);
    const refuted = report.properties.filter(({ verdict }) => verdict === 'refuted');
    const found = refuted.find(({ counterexample }) =>
      counterexample!.outcome.explanation.some(line => says.test(line)),
    );
    expect(found?.counterexample?.outcome.policyLines.length ?? refuted.map(({ reason }) => reason)).toBeGreaterThan(0);
  });
});
