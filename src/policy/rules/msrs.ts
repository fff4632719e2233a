import type { MsrRange, Subject } from '../document.ts';
import { type Rule, validatorRule } from '../rule.ts';

export const IA32_DEBUGCTL = 0x1d9;
export const IA32_EFER = 0xc000_0080;

/** MSRs that the VMCS always saves and loads for the guest: SYSENTER_*, FS and GS base. */
const VMCS_MSRS: readonly number[] = [0x174, 0x175, 0x176, 0xc000_0100, 0xc000_0101];
/** System-wide MSRs: platform information, thermal, RAPL, HWP, configurable TDP. */
export const PLATFORM_MSRS: readonly number[] = [
  0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774,
];
/** STAR, LSTAR, CSTAR, FMASK and KERNEL_GS_BASE. */
const STORED_MSRS: readonly number[] = [0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102];

/** MSRs that a subject may access (muen.md section 7, MSR whitelist). */
const ALLOWED_MSRS: readonly number[] = [...VMCS_MSRS, IA32_DEBUGCTL, IA32_EFER, ...STORED_MSRS, ...PLATFORM_MSRS];

const isWithin = (range: MsrRange, msr: number): boolean => range.start <= msr && msr <= range.end;

/** True when the subject may read or write the MSR. */
export const accesses = ({ vcpu }: Subject, msr: number): boolean => vcpu.msrs.some(range => isWithin(range, msr));

/** MSRs whose value the kernel must keep in the subject's MSR store: writable, neither in the VMCS nor system-wide. */
function storedMsrs({ vcpu }: Subject): readonly number[] {
  const { entry, exit } = vcpu.controls;
  const inVmcs = new Set([...VMCS_MSRS, ...PLATFORM_MSRS]);
  if (entry.LoadDebugControls === 1 && exit.SaveDebugControls === 1) inVmcs.add(IA32_DEBUGCTL);
  if (entry.LoadIA32EFER === 1 && exit.SaveIA32EFER === 1) inVmcs.add(IA32_EFER);
  const writable = vcpu.msrs.filter(range => range.mode !== 'r');
  return ALLOWED_MSRS.filter(msr => !inVmcs.has(msr) && writable.some(range => isWithin(range, msr)));
}

/** True when the kernel needs an MSR store for the subject. */
export const needsMsrStore = (subject: Subject): boolean => storedMsrs(subject).length > 0;

const hex = (msr: number): string => `0x${msr.toString(16)}`;

/** Rules about the model-specific registers of subjects. */
export const MSR_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'MSR-ORDER',
      area: 'vcpu',
      title: 'Validate that MSR start addresses are not above end addresses.',
      validator: 'msr.Start_Smaller_End',
    },
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        for (const range of subject.vcpu.msrs) {
          visit.examined();
          if (range.start > range.end) {
            const message = `MSR range of subject '${subject.name}' starts at ${hex(range.start)}, after its end ${hex(range.end)}`;
            visit.report(range, message, 'Swap start and end.');
          }
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'MSR-ALLOWED',
      area: 'vcpu',
      title: 'Validate that subjects access only MSRs of the allowed list.',
      validator: 'msr.Check_Whitelist',
    },
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        for (const range of subject.vcpu.msrs) {
          visit.examined();
          if (range.start > range.end) continue;
          const allowed = ALLOWED_MSRS.filter(msr => isWithin(range, msr)).length;
          if (allowed !== range.end - range.start + 1) {
            const message = `MSR range ${hex(range.start)} .. ${hex(range.end)} of subject '${subject.name}' holds MSRs outside the allowed list`;
            visit.report(range, message, `Allowed: ${ALLOWED_MSRS.map(hex).join(', ')}.`);
          }
        }
      }
    },
  ),
];
