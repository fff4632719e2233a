import { EXIT_REASONS, type ExitReason } from '../impl/vmx/exit-reasons.ts';
import type { BitFields, PolicyDocument, Subject } from '../policy/document.ts';

/** Controls without which a reason cannot occur (SDM Vol. 3C, "Instructions That Cause VM Exits", "Other Causes of VM Exits"). */
const CONTROLS: Readonly<Record<number, readonly [group: 'pin' | 'proc' | 'proc2', name: string]>> = {
  1: ['pin', 'ExternalInterruptExiting'],
  8: ['proc', 'NMIWindowExiting'],
  12: ['proc', 'HLTExiting'],
  14: ['proc', 'INVLPGExiting'],
  15: ['proc', 'RDPMCExiting'],
  16: ['proc', 'RDTSCExiting'],
  29: ['proc', 'MOVDRExiting'],
  36: ['proc', 'MWAITExiting'],
  37: ['proc', 'MonitorTrapFlag'],
  39: ['proc', 'MONITORExiting'],
  40: ['proc', 'PAUSEExiting'],
  43: ['proc', 'UseTPRShadow'],
  44: ['proc2', 'VirtualAPICAccesses'],
  45: ['proc2', 'VirtualInterruptDelivery'],
  46: ['proc2', 'DescriptorTableExiting'],
  47: ['proc2', 'DescriptorTableExiting'],
  48: ['proc2', 'EnableEPT'],
  49: ['proc2', 'EnableEPT'],
  51: ['proc2', 'EnableRDTSCP'],
  54: ['proc2', 'WBINVDExiting'],
  56: ['proc2', 'APICRegisterVirtualization'],
  57: ['proc2', 'RDRANDExiting'],
  58: ['proc2', 'EnableINVPCID'],
  59: ['proc2', 'EnableVMFunctions'],
};

/** Reasons that nothing on this machine causes, whatever the controls are. */
const ABSENT: Readonly<Record<number, string>> = {
  3: 'INIT is sent by the boot code alone',
  4: 'no processor waits for a start-up IPI while subjects run',
  5: 'no system-management interrupts on this machine',
  6: 'no system-management interrupts on this machine',
  17: 'RSM exits in system-management mode only',
  34: 'the MSR store names MSRs that can be loaded, and the exit stores values that can be',
  41: 'machine checks are no input of the machine',
  49: 'the tables of the policy have no entry that is misconfigured',
  57: 'RDRAND is not in CPUID of this machine: an invalid opcode',
  59: 'VMFUNC is not in the capabilities of this machine',
};

const isSet = (bits: BitFields, name: string): boolean => bits[name] === 1;
/** Bits that the policy does not name count as owned by the kernel. */
const isOwned = (bits: BitFields, name: string): boolean => bits[name] !== 0;

/** Vectors can be pending for a subject while it does not take them. */
const getsVectors = (document: PolicyDocument, { name, devices, targetEvents }: Subject): boolean =>
  devices.some(({ irqs }) => irqs.length > 0) ||
  targetEvents.some(({ action }) => action?.kind === 'inject_interrupt') ||
  document.subjects.some(({ memory }) => memory.some(row => row.writable && row.physical === `${name}|interrupts`));

const isMonitored = (document: PolicyDocument, { name }: Subject): boolean =>
  document.subjects.some(({ memory }) => memory.some(row => row.writable && row.physical === `${name}|state`));

/** What keeps a subject from causing an exit by its own state. */
function ownState(document: PolicyDocument, subject: Subject, reason: number): string {
  const { controls, cr4, masks } = subject.vcpu;
  const isLong = isSet(controls.entry, 'IA32eModeGuest');
  const can = (name: string): boolean => isSet(cr4, name) || !isOwned(masks.cr4, name);
  switch (reason) {
    case 0:
      return Object.entries(masks.exception).every(([name, bit]) => bit === 0 || name === 'MachineCheck')
        ? 'only machine checks exit, and they are no input of the machine'
        : '';
    case 2:
      return isOwned(masks.exception, 'DoubleFault') ? 'double faults exit as exceptions' : '';
    case 7:
      return getsVectors(document, subject) ? '' : 'the subject gets no vectors';
    case 9:
      return isLong ? 'task switches fault in IA-32e mode, which the subject cannot leave' : '';
    case 11:
      return 'CR4.SMXE cannot be set on this machine: GETSEC is an invalid opcode';
    case 33:
      return isMonitored(document, subject) ? '' : 'nobody writes its state: an exit saves what an entry accepts';
    case 55:
      return can('XSAVEEnable') ? '' : 'CR4.OSXSAVE is 0 and the kernel keeps it so';
    default:
      return '';
  }
}

/** Why a subject cannot cause an exit, empty if it can. */
function whyImpossible(document: PolicyDocument, subject: Subject, row: ExitReason): string {
  if (row.causedBy === 'nobody') return 'reserved by the manual';
  const control = CONTROLS[row.reason];
  if (control !== undefined && !isSet(subject.vcpu.controls[control[0]], control[1])) return `${control[1]} is 0`;
  return ABSENT[row.reason] ?? ownState(document, subject, row.reason);
}

/** One cell of the exit coverage table: an exit reason of a subject. */
export interface ExitCell {
  readonly subject: string;
  readonly reason: number;
  /** The kernel's own handling, or the action of the subject's trap table. */
  readonly action: string;
  /** Why the subject cannot cause the exit; empty if it can. */
  readonly impossible: string;
  readonly reached: number;
}

/** What the kernel does at an exit: its own handler, the event of the trap table, or a panic where that has none. */
export function actionOf(document: PolicyDocument, subject: Subject, row: ExitReason): string {
  if (row.action !== 'trap' && row.action !== 'trap-or-fatal') return row.action;
  const event = subject.sourceGroups
    .find(({ name }) => name === 'vmx_exit')
    ?.events.find(({ id }) => id === row.reason);
  if (event === undefined) return 'panic';
  return event.action?.kind ?? document.events.find(({ name }) => name === event.physical)?.mode ?? 'panic';
}

/** Every exit reason of the manual for every subject; `reached` by subject and reason. */
export const exitCells = (
  document: PolicyDocument,
  reached: (subject: string, reason: number) => number,
): readonly ExitCell[] =>
  EXIT_REASONS.flatMap(row =>
    document.subjects.map(
      (subject): ExitCell => ({
        subject: subject.name,
        reason: row.reason,
        action: actionOf(document, subject, row),
        impossible: whyImpossible(document, subject, row),
        reached: reached(subject.name, row.reason),
      }),
    ),
  );
