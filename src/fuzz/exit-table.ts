import { EXIT_REASONS, type ExitReason } from '../impl/vmx/exit-reasons.ts';
import type { BitFields, PolicyDocument } from '../policy/document.ts';

/** One row of the exit coverage table. */
export interface ExitRow {
  readonly reason: number;
  readonly name: string;
  /** What the kernel does, or the actions of the subjects' trap tables. */
  readonly action: string;
  readonly reached: number;
  /** Why it cannot be reached or was not; empty if it was. */
  readonly why: string;
}

/** Controls without which a reason cannot occur. */
const CONTROLS: Readonly<Record<number, readonly [group: 'proc' | 'proc2', name: string]>> = {
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

/** Reasons that no machine code of these subjects can cause, whatever the controls are. */
const IMPOSSIBLE: Readonly<Record<number, string>> = {
  3: 'INIT is sent by the boot code alone',
  4: 'no processor waits for a start-up IPI while subjects run',
  5: 'no system-management interrupts on this machine',
  6: 'no system-management interrupts on this machine',
  11: 'CR4.SMXE is 0: GETSEC is an invalid opcode',
  17: 'RSM exits in system-management mode only',
  34: 'the MSR store names MSRs that can be loaded, and the exit stores values that can be',
  41: 'machine checks are no input of the machine',
  49: 'the tables of the policy have no entry that is misconfigured',
};

const hasControl = (document: PolicyDocument, group: 'proc' | 'proc2', name: string): boolean =>
  document.subjects.some(({ vcpu }) => (vcpu.controls[group] as BitFields)[name] === 1);

function whyNot(document: PolicyDocument, row: ExitReason): string {
  const impossible = IMPOSSIBLE[row.reason];
  if (row.causedBy === 'nobody') return 'reserved by the manual';
  if (impossible !== undefined) return impossible;
  const control = CONTROLS[row.reason];
  if (control !== undefined && !hasControl(document, ...control)) return `${control[1]} is 0 in every subject`;
  return 'not reached by this campaign';
}

function actionOf(document: PolicyDocument, row: ExitReason): string {
  if (row.action !== 'trap' && row.action !== 'trap-or-fatal') return row.action;
  const modes = new Map<string, number>();
  for (const subject of document.subjects) {
    const event = subject.sourceGroups
      .find(({ name }) => name === 'vmx_exit')
      ?.events.find(({ id }) => id === row.reason);
    const mode =
      event === undefined
        ? 'panic'
        : (event.action?.kind ?? document.events.find(({ name }) => name === event.physical)?.mode ?? '?');
    modes.set(mode, (modes.get(mode) ?? 0) + 1);
  }
  return [...modes].map(([mode, count]) => `${mode} ${count}`).join(', ');
}

/** Every exit reason of the manual, what kernel and policy do with it, and whether a campaign reached it. */
export const exitTable = (document: PolicyDocument, exits: ReadonlyMap<number, number>): readonly ExitRow[] =>
  EXIT_REASONS.map(row => {
    const reached = exits.get(row.reason) ?? 0;
    const why = reached > 0 ? '' : whyNot(document, row);
    return { reason: row.reason, name: row.name, action: actionOf(document, row), reached, why };
  });
