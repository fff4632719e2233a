import { formatAddress } from '../../units/address.ts';
import type { Subject } from '../document.ts';
import { type OwnedMapping, ownerName, type PolicyIndex, usesEpt } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Basic exit reason of a VM entry that fails because of the guest state (SDM Vol. 3D, appendix "VMX Basic Exit Reasons"). */
const ENTRY_FAILURE_EXIT = 33;

/**
 * Guests with EPT protect their memory with their own page tables, and the toolchain itself maps all of tau0 so, which
 * is trusted. KRN-TEXT-WRITABLE looks at the kernel.
 */
const mayWriteExecute = ({ owner }: OwnedMapping): boolean =>
  owner.kind === 'kernel' || (owner.kind === 'subject' && (usesEpt(owner.subject) || owner.subject.name === 'tau0'));

function checkWriteExecute({ mappings }: PolicyIndex, visit: Visit): void {
  for (const owned of mappings) {
    if (mayWriteExecute(owned)) continue;
    visit.examined();
    const { writable, executable, logical, physical } = owned.mapping;
    if (!writable || !executable) continue;
    const message = `'${logical}' of ${ownerName(owned)} maps region '${physical}' writable and executable`;
    visit.report(owned.mapping, message, 'Map code read-only and data not executable.');
  }
}

/** Names of the subjects to which an exit of the subject hands over. */
function handlersOf({ events, targets }: PolicyIndex, subject: Subject, exit: number): readonly string[] {
  const exits = subject.sourceGroups.find(group => group.name === 'vmx_exit')?.events ?? [];
  return exits
    .filter(event => event.id === exit && events.get(event.physical)?.mode === 'switch')
    .flatMap(event => targets.get(event.physical) ?? [])
    .map(target => target.subject.name);
}

/** VM entry demands CR4.VMXE; a subject that waits for its loader starts without it, so that its monitor gets control. */
function checkVmxe(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    visit.examined();
    if (subject.vcpu.cr4.VMXEnable === 1) continue;
    if (handlersOf(index, subject, ENTRY_FAILURE_EXIT).length > 0) continue;
    const message = `CR4.VMXEnable is 0 in subject '${subject.name}', and its exit ${ENTRY_FAILURE_EXIT} (entry failure) does not hand over to another subject`;
    visit.report(subject.vcpu, message, 'The subject never starts: set the bit, or let a monitor handle the exit.');
  }
}

/** Native subjects execute the address itself; what guests with EPT make of it depends on their mode and segments. */
function checkEntryPoint({ document, regions, subjects }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    const rip = subject.vcpu.gpr.rip;
    if (usesEpt(subject) || rip === undefined) continue;
    visit.examined();
    const origin = subject.siblingOf === undefined ? undefined : subjects.get(subject.siblingOf);
    const found = [...subject.memory, ...(origin?.memory ?? [])].some(mapping => {
      const size = regions.get(mapping.physical)?.sizeBytes ?? 0;
      const offset = rip - BigInt(mapping.virtualAddress);
      return mapping.executable && offset >= 0n && offset < BigInt(size);
    });
    if (found) continue;
    const address = rip < 2n ** 53n ? formatAddress(Number(rip)) : `0x${rip.toString(16)}`;
    const message = `subject '${subject.name}' starts at ${address}, where it maps nothing executable`;
    visit.report(subject.vcpu, message, 'Correct rip, or map the text there with executable="true".');
  }
}

/** EFER is one register: what entry loads and exit does not save is lost at each world switch. */
function checkEfer({ document }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    visit.examined();
    const { entry, exit } = subject.vcpu.controls;
    const bits = [entry.LoadIA32EFER, exit.SaveIA32EFER, exit.LoadIA32EFER];
    if (new Set(bits).size === 1) continue;
    const message = `subject '${subject.name}' has entry LoadIA32EFER ${bits[0]}, exit SaveIA32EFER ${bits[1]} and exit LoadIA32EFER ${bits[2]}, expected three equal values`;
    visit.report(subject.vcpu, message, 'Switch EFER completely or not at all.');
  }
}

/** Bits of CR0 that a native subject cannot own: VM entry fails, or memory protection ends, when it clears one. */
function checkCr0({ document }: PolicyIndex, visit: Visit): void {
  for (const subject of document.subjects) {
    if (usesEpt(subject)) continue;
    visit.examined();
    for (const bit of ['ProtectionEnable', 'Paging', 'WriteProtect', 'NumericError']) {
      if (subject.vcpu.masks.cr0[bit] !== 0) continue;
      const message = `native subject '${subject.name}' owns CR0.${bit}: its mask bit is 0, expected 1`;
      visit.report(
        subject.vcpu,
        message,
        'Native subjects run on the page tables of the policy; the kernel owns these bits.',
      );
    }
  }
}

/** Rules about what subjects start with and what they may execute, none of which the real validator has. */
export const START_STATE_RULES: readonly Rule[] = [
  rule(
    {
      code: 'MEM-WRITE-EXECUTE',
      area: 'memory',
      title: 'Validate that native subjects and device domains map nothing writable and executable.',
      severity: 'warning',
    },
    checkWriteExecute,
  ),
  rule(
    {
      code: 'VCPU-VMXE',
      area: 'vcpu',
      title: 'Validate that subjects start with CR4.VMXE set, or have a monitor that handles the failed entry.',
      severity: 'error',
    },
    checkVmxe,
  ),
  rule(
    {
      code: 'VCPU-ENTRY-POINT',
      area: 'vcpu',
      title: 'Validate that native subjects start in memory that they map executable.',
      severity: 'error',
    },
    checkEntryPoint,
  ),
  rule(
    {
      code: 'VCPU-EFER',
      area: 'vcpu',
      title: 'Validate that EFER is loaded and saved at world switches completely or not at all.',
      severity: 'error',
    },
    checkEfer,
  ),
  rule(
    {
      code: 'VCPU-CR0-OWNED',
      area: 'vcpu',
      title: 'Validate that native subjects do not own the mode and protection bits of CR0.',
      severity: 'error',
    },
    checkCr0,
  ),
];
