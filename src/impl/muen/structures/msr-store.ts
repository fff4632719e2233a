import type { Subject, Vcpu } from '../../../policy/document.ts';
import type { StructureOps } from './ops.ts';

/** Bytes of one entry: index u32, reserved u32, data u64 (SDM Vol. 3C, "Format of an MSR Entry"). */
export const MSR_ENTRY_BYTES = 16;

/** Most entries of a store (Muen: MSR_Store_Type). */
export const MAX_STORED_MSRS = 32;

const IA32_DEBUGCTL = 0x1d9;
const IA32_PAT = 0x277;
const IA32_PERF_GLOBAL_CTRL = 0x38f;
const IA32_EFER = 0xc000_0080;
/** SYSENTER_CS, _ESP, _EIP, FS base and GS base: fields of every VMCS. */
const ALWAYS_IN_VMCS: readonly number[] = [0x174, 0x175, 0x176, 0xc000_0100, 0xc000_0101];
/** MSRs of the whole processor, not of one subject: platform information, thermal, RAPL, HWP, configurable TDP. */
const GLOBAL_MSRS: readonly number[] = [
  0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774,
];

/** True if VM entries and exits of the subject switch the MSR by themselves. */
function isInVmcs({ controls: { entry, exit } }: Vcpu, msr: number): boolean {
  switch (msr) {
    case IA32_DEBUGCTL:
      return entry.LoadDebugControls === 1 && exit.SaveDebugControls === 1;
    case IA32_PAT:
      return entry.LoadIA32PAT === 1 && exit.SaveIA32PAT === 1;
    case IA32_EFER:
      return entry.LoadIA32EFER === 1 && exit.SaveIA32EFER === 1;
    case IA32_PERF_GLOBAL_CTRL:
      return entry.LoadIA32PERFGLOBALCTRL === 1;
    default:
      return ALWAYS_IN_VMCS.includes(msr);
  }
}

/**
 * MSRs that a subject may write and that the kernel must switch through its MSR store, in policy order. Stops after one more
 * than a store holds, because a policy may name any range.
 */
export function storedMsrs(subject: Subject): readonly number[] {
  const stored: number[] = [];
  for (const { start, end, mode } of subject.vcpu.msrs) {
    if (mode === 'r') continue;
    for (let msr = start; msr <= end && stored.length <= MAX_STORED_MSRS; msr++) {
      if (!isInVmcs(subject.vcpu, msr) && !GLOBAL_MSRS.includes(msr)) stored.push(msr);
    }
  }
  return stored;
}

/** MSR store of a subject: its indexes with data 0; empty if it needs none (Muen: mugenmsrstore, region `<subject>|msrstore`). */
export function buildMsrStore(subject: Subject, ops: StructureOps): Uint8Array {
  const msrs = ops.storedMsrs(subject);
  const words = new DataView(new ArrayBuffer(msrs.length * MSR_ENTRY_BYTES));
  for (const [index, msr] of msrs.entries()) words.setUint32(index * MSR_ENTRY_BYTES, msr, true);
  return new Uint8Array(words.buffer);
}
