import type { BitFields, Subject, Vcpu } from '../document.ts';
import type { Severity } from '../finding.ts';
import { type PolicyIndex, usesEpt } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
import { accesses, IA32_DEBUGCTL, IA32_EFER } from './msrs.ts';

/** A bit that must have a value; `native` limits the demand to subjects without EPT. */
interface BitDemand {
  readonly bit: string;
  readonly value: 0 | 1;
  readonly native?: boolean;
  /** Limits the demand to subjects that may access this MSR. */
  readonly msr?: number;
}

const must = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 1 }));
const mustNot = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 0 }));
const mustFor = (msr: number, ...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 1, msr }));
const mustNative = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 1, native: true }));

interface DemandRow {
  readonly code: string;
  readonly validator: string;
  readonly title: string;
  readonly word: string;
  readonly hint: string;
  fields(vcpu: Vcpu): BitFields;
  readonly demands: readonly BitDemand[];
}

/** What Muen needs of the controls of every subject (muen.md section 7, VMX requirements). */
const DEMANDS: readonly DemandRow[] = [
  {
    code: 'VCPU-PIN',
    validator: 'subject.VMX_Controls_Pin_Requirements',
    title: 'Validate that the pin-based VM-execution controls let the kernel keep interrupts and time.',
    word: 'pin',
    hint: 'Without it the kernel loses an interrupt, an NMI or the end of the minor frame.',
    fields: vcpu => vcpu.controls.pin,
    demands: [
      ...must('ExternalInterruptExiting', 'NMIExiting', 'ActivateVMXTimer'),
      ...mustNot('VirtualNMIs', 'ProcessPostedInterrupts'),
    ],
  },
  {
    code: 'VCPU-PROC',
    validator: 'subject.VMX_Controls_Proc_Requirements',
    title: 'Validate that the primary processor-based controls trap what the kernel does not switch.',
    word: 'proc',
    hint: 'The kernel relies on this control for isolation.',
    fields: vcpu => vcpu.controls.proc,
    demands: [
      ...must('INVLPGExiting', 'MWAITExiting', 'CR8LoadExiting', 'CR8StoreExiting', 'MOVDRExiting'),
      ...must('UseIOBitmaps', 'UseMSRBitmaps', 'Activate2ndaryControls'),
      ...mustNot('InterruptWindowExiting', 'UseTSCOffsetting', 'UseTPRShadow', 'NMIWindowExiting'),
      ...mustNative('CR3LoadExiting'),
    ],
  },
  {
    code: 'VCPU-PROC2',
    validator: 'subject.VMX_Controls_Proc2_Requirements',
    title: 'Validate that the secondary processor-based controls use no feature that the kernel does not set up.',
    word: 'proc2',
    hint: 'The kernel does not set up what this control switches on.',
    fields: vcpu => vcpu.controls.proc2,
    demands: [
      ...must('WBINVDExiting'),
      ...mustNot('VirtualAPICAccesses', 'Virtualizex2APICMode', 'EnableVPID', 'APICRegisterVirtualization'),
      ...mustNot('VirtualInterruptDelivery', 'EnableINVPCID', 'EnableVMFunctions'),
    ],
  },
  {
    code: 'VCPU-EXIT',
    validator: 'subject.VM_Exit_Controls_Requirements',
    title:
      'Validate that the VM-exit controls bring the kernel back into its own state and save what the subject may change.',
    word: 'exit',
    hint: 'The kernel runs in 64-bit mode and reads the acknowledged vector; it keeps no PAT or PERF_GLOBAL_CTRL.',
    fields: vcpu => vcpu.controls.exit,
    demands: [
      ...must('HostAddressspaceSize', 'AckInterruptOnExit'),
      ...mustNot('LoadIA32PERFGLOBALCTRL', 'SaveIA32PAT', 'LoadIA32PAT', 'SaveVMXTimerValue'),
      ...mustFor(IA32_DEBUGCTL, 'SaveDebugControls'),
      ...mustFor(IA32_EFER, 'SaveIA32EFER', 'LoadIA32EFER'),
    ],
  },
  {
    code: 'VCPU-ENTRY',
    validator: 'subject.VM_Entry_Controls_Requirements',
    title:
      'Validate that the VM-entry controls load no state that the kernel does not keep, and what the subject may change.',
    word: 'entry',
    hint: 'The kernel keeps no such state for subjects.',
    fields: vcpu => vcpu.controls.entry,
    demands: [
      ...mustNot('EntryToSMM', 'DeactiveDualMonitorTreatment', 'LoadIA32PERFGLOBALCTRL', 'LoadIA32PAT'),
      ...mustNative('IA32eModeGuest'),
      ...mustFor(IA32_DEBUGCTL, 'LoadDebugControls'),
      ...mustFor(IA32_EFER, 'LoadIA32EFER'),
    ],
  },
  {
    code: 'VCPU-CR0-MASK',
    validator: 'subject.VMX_CR0_Mask_Requirements',
    title: 'Validate that subjects do not own the cache bits of CR0.',
    word: 'CR0 mask',
    hint: 'A subject that owns this bit changes caching for the whole CPU.',
    fields: vcpu => vcpu.masks.cr0,
    demands: must('NotWritethrough', 'CacheDisable'),
  },
  {
    code: 'VCPU-CR4-MASK',
    validator: 'subject.VMX_CR4_Mask_Requirements',
    title: 'Validate that subjects do not own CR4.MCE, nor CR4.PAE when they are native.',
    word: 'CR4 mask',
    hint: 'The kernel owns this bit.',
    fields: vcpu => vcpu.masks.cr4,
    demands: [...must('MachineCheckEnable'), ...mustNative('PhysicalAddressExtension')],
  },
  {
    code: 'VCPU-EXCEPTIONS',
    validator: 'subject.VMX_Exception_Bitmap_Requirements',
    title: 'Validate that machine checks of subjects exit to the kernel.',
    word: 'exception bitmap',
    hint: 'A machine check belongs to the machine, not to a subject.',
    fields: vcpu => vcpu.masks.exception,
    demands: must('MachineCheck'),
  },
];

/** CR0 and CR4 bits that VM entry demands of a guest that cannot leave protected, paged mode. */
function pagingProblems({ vcpu }: Subject): readonly string[] {
  const { cr0, cr4, controls } = vcpu;
  const problems: string[] = [];
  if (cr0.ProtectionEnable !== 1) problems.push('CR0.ProtectionEnable is 0');
  if (cr0.Paging !== 1) problems.push('CR0.Paging is 0');
  if (controls.entry.IA32eModeGuest === 1 && cr4.PhysicalAddressExtension !== 1) {
    problems.push('IA32eModeGuest is 1 and CR4.PhysicalAddressExtension is 0');
  }
  return problems;
}

function pagingRule(code: string, title: string, severity: Severity, applies: (subject: Subject) => boolean): Rule {
  const hint =
    'VM entry fails (SDM Vol. 3C, "Checks on Guest Control Registers, Debug Registers, and MSRs"); set the bit.';
  return rule({ code, area: 'vcpu', title, severity }, ({ document }, visit) => {
    for (const subject of document.subjects) {
      if (!applies(subject)) continue;
      visit.examined();
      for (const problem of pagingProblems(subject)) {
        visit.report(subject.vcpu, `${problem} in subject '${subject.name}', which is no unrestricted guest`, hint);
      }
    }
  });
}

function checkDemands({ document }: PolicyIndex, visit: Visit, { word, hint, fields, demands }: DemandRow): void {
  for (const subject of document.subjects) {
    visit.examined();
    const bits = fields(subject.vcpu);
    for (const { bit, value, native, msr } of demands) {
      if ((native === true && usesEpt(subject)) || (bits[bit] ?? value) === value) continue;
      if (msr !== undefined && !accesses(subject, msr)) continue;
      const because = msr === undefined ? '' : `: the subject may access MSR 0x${msr.toString(16)}`;
      const message = `${word} ${bit} of subject '${subject.name}' is ${bits[bit]}, expected ${value}${because}`;
      visit.report(subject.vcpu, message, hint);
    }
  }
}

/** A combination of controls with which VM entry fails. */
interface Conflict {
  readonly problem: string;
  holds(controls: Vcpu['controls']): boolean;
}

/** Combinations whose single controls have no rule of their own (SDM Vol. 3C, "Checks on VMX Controls"). */
const CONFLICTS: readonly Conflict[] = [
  {
    problem: 'UnrestrictedGuest is 1 and EnableEPT is 0',
    holds: ({ proc2 }) => proc2.UnrestrictedGuest === 1 && proc2.EnableEPT !== 1,
  },
  {
    problem: 'VirtualNMIs is 1 and NMIExiting is 0',
    holds: ({ pin }) => pin.VirtualNMIs === 1 && pin.NMIExiting !== 1,
  },
  {
    problem: 'NMIWindowExiting is 1 and VirtualNMIs is 0',
    holds: ({ pin, proc }) => proc.NMIWindowExiting === 1 && pin.VirtualNMIs !== 1,
  },
  {
    problem: 'Virtualizex2APICMode and VirtualAPICAccesses are both 1',
    holds: ({ proc2 }) => proc2.Virtualizex2APICMode === 1 && proc2.VirtualAPICAccesses === 1,
  },
  {
    problem: 'a control that needs UseTPRShadow is 1 and UseTPRShadow is 0',
    holds: ({ proc, proc2 }) =>
      proc.UseTPRShadow !== 1 &&
      [proc2.Virtualizex2APICMode, proc2.APICRegisterVirtualization, proc2.VirtualInterruptDelivery].includes(1),
  },
  {
    problem: 'VirtualInterruptDelivery is 1 and ExternalInterruptExiting is 0',
    holds: ({ pin, proc2 }) => proc2.VirtualInterruptDelivery === 1 && pin.ExternalInterruptExiting !== 1,
  },
  {
    problem: 'ProcessPostedInterrupts is 1 and VirtualInterruptDelivery or AckInterruptOnExit is 0',
    holds: ({ pin, proc2, exit }) =>
      pin.ProcessPostedInterrupts === 1 && !(proc2.VirtualInterruptDelivery === 1 && exit.AckInterruptOnExit === 1),
  },
  {
    problem: 'SaveVMXTimerValue is 1 and ActivateVMXTimer is 0',
    holds: ({ pin, exit }) => exit.SaveVMXTimerValue === 1 && pin.ActivateVMXTimer !== 1,
  },
];

/** Rules about VMX controls and initial registers of subjects. */
export const VCPU_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'VCPU-ENTRY-CHECKS',
      area: 'vcpu',
      title: 'Validate that the VMX controls of subjects pass the checks of VM entry.',
      validator: 'subject.VMX_Controls_Entry_Checks',
    },
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        visit.examined();
        for (const { problem, holds } of CONFLICTS) {
          if (!holds(subject.vcpu.controls)) continue;
          const message = `${problem} in the controls of subject '${subject.name}'`;
          visit.report(subject.vcpu, message, 'VM entry fails (SDM Vol. 3C, "Checks on VMX Controls").');
        }
      }
    },
  ),
  ...DEMANDS.map(row =>
    validatorRule({ code: row.code, area: 'vcpu', title: row.title, validator: row.validator }, (index, visit) =>
      checkDemands(index, visit, row),
    ),
  ),
  pagingRule(
    'VCPU-NATIVE',
    'Validate that native subjects start in protected mode with paging on.',
    'error',
    subject => !usesEpt(subject),
  ),
  pagingRule(
    'VCPU-PAGING',
    'Validate that subjects with EPT that are no unrestricted guests start in protected mode with paging on.',
    'warning',
    subject => usesEpt(subject) && subject.vcpu.controls.proc2.UnrestrictedGuest !== 1,
  ),
];
