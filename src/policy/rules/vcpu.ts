import type { BitFields, Subject, Vcpu } from '../document.ts';
import type { Severity } from '../finding.ts';
import { usesEpt } from '../policy-index.ts';
import { type Rule, rule } from '../rule.ts';

/** A bit that must have a value; `native` limits the demand to subjects without EPT. */
interface BitDemand {
  readonly bit: string;
  readonly value: 0 | 1;
  readonly native?: boolean;
}

const must = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 1 }));
const mustNot = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 0 }));
const mustNative = (...bits: string[]): BitDemand[] => bits.map(bit => ({ bit, value: 1, native: true }));

interface DemandRow {
  readonly code: string;
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
    title: 'Validate that the VM-exit controls bring the kernel back into its own state.',
    word: 'exit',
    hint: 'The kernel runs in 64-bit mode and reads the acknowledged vector; it keeps no PAT or PERF_GLOBAL_CTRL.',
    fields: vcpu => vcpu.controls.exit,
    demands: [
      ...must('HostAddressspaceSize', 'AckInterruptOnExit'),
      ...mustNot('LoadIA32PERFGLOBALCTRL', 'SaveIA32PAT', 'LoadIA32PAT', 'SaveVMXTimerValue'),
    ],
  },
  {
    code: 'VCPU-ENTRY',
    title: 'Validate that the VM-entry controls load no state that the kernel does not keep.',
    word: 'entry',
    hint: 'The kernel keeps no such state for subjects.',
    fields: vcpu => vcpu.controls.entry,
    demands: [
      ...mustNot('EntryToSMM', 'DeactiveDualMonitorTreatment', 'LoadIA32PERFGLOBALCTRL', 'LoadIA32PAT'),
      ...mustNative('IA32eModeGuest'),
    ],
  },
  {
    code: 'VCPU-CR0-MASK',
    title: 'Validate that subjects do not own the cache bits of CR0.',
    word: 'CR0 mask',
    hint: 'A subject that owns this bit changes caching for the whole CPU.',
    fields: vcpu => vcpu.masks.cr0,
    demands: must('NotWritethrough', 'CacheDisable'),
  },
  {
    code: 'VCPU-CR4-MASK',
    title: 'Validate that subjects do not own CR4.MCE, nor CR4.PAE when they are native.',
    word: 'CR4 mask',
    hint: 'The kernel owns this bit.',
    fields: vcpu => vcpu.masks.cr4,
    demands: [...must('MachineCheckEnable'), ...mustNative('PhysicalAddressExtension')],
  },
  {
    code: 'VCPU-EXCEPTIONS',
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

/** Rules about VMX controls and initial registers of subjects. */
export const VCPU_RULES: readonly Rule[] = [
  ...DEMANDS.map(({ code, title, word, hint, fields, demands }) =>
    rule({ code, area: 'vcpu', title, severity: 'error' }, ({ document }, visit) => {
      for (const subject of document.subjects) {
        visit.examined();
        const bits = fields(subject.vcpu);
        for (const { bit, value, native } of demands) {
          if ((native === true && usesEpt(subject)) || bits[bit] === value) continue;
          const message = `${word} ${bit} of subject '${subject.name}' is ${bits[bit]}, expected ${value}`;
          visit.report(subject.vcpu, message, hint);
        }
      }
    }),
  ),
  rule(
    {
      code: 'VCPU-EPT',
      area: 'vcpu',
      title: 'Validate that unrestricted guests use EPT.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        visit.examined();
        if (subject.vcpu.controls.proc2.UnrestrictedGuest === 1 && !usesEpt(subject)) {
          const message = `subject '${subject.name}' has UnrestrictedGuest 1 and EnableEPT 0`;
          visit.report(
            subject.vcpu,
            message,
            'VM entry fails (SDM Vol. 3C, "VM-Execution Control Fields"); set EnableEPT.',
          );
        }
      }
    },
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
