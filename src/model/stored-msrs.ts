import type { Subject } from '../policy/document.ts';

/** MSRs with a field of their own in every VMCS: SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, FS_BASE, GS_BASE. */
const GUEST_STATE = new Set([0x174, 0x175, 0x176, 0xc000_0100, 0xc000_0101]);
/** MSRs that belong to the package or core, whoever runs: platform, thermal, RAPL, HWP and TDP configuration. */
const SHARED = new Set([0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774]);

/** MSRs that a subject may write, so that they must be switched with it, in policy order (Muen "MSR store"). */
export function storedMsrs({ vcpu }: Subject): readonly number[] {
  const { entry, exit } = vcpu.controls;
  const switched = new Set(GUEST_STATE);
  if (entry.LoadDebugControls === 1 && exit.SaveDebugControls === 1) switched.add(0x1d9);
  if (entry.LoadIA32PAT === 1 && exit.SaveIA32PAT === 1) switched.add(0x277);
  if (entry.LoadIA32EFER === 1 && exit.SaveIA32EFER === 1) switched.add(0xc000_0080);
  if (entry.LoadIA32PERFGLOBALCTRL === 1) switched.add(0x38f);
  const found: number[] = [];
  for (const range of vcpu.msrs) {
    for (let index = range.start; range.mode !== 'r' && index <= range.end && found.length < 32; index++)
      if (!switched.has(index) && !SHARED.has(index)) found.push(index);
  }
  return found;
}
