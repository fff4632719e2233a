/** VM-instruction error numbers (SDM Vol. 3C, "VM Instruction Error Numbers"). */
export const InstructionError = {
  vmcallInRoot: 1,
  vmclearInvalidAddress: 2,
  vmclearVmxonPointer: 3,
  vmlaunchNotClear: 4,
  vmresumeNotLaunched: 5,
  entryInvalidControls: 7,
  entryInvalidHostState: 8,
  vmptrldInvalidAddress: 9,
  vmptrldVmxonPointer: 10,
  vmptrldRevision: 11,
  unsupportedField: 12,
  readOnlyField: 13,
  vmxonInRoot: 15,
  entryMovSs: 26,
  invalidOperand: 28,
} as const;

/** Error of VMLAUNCH or VMRESUME with a VMCS in the wrong launch state, 0 if it is the right one. */
export function launchError(isLaunched: boolean, isLaunch: boolean): number {
  if (isLaunch) return isLaunched ? InstructionError.vmlaunchNotClear : 0;
  return isLaunched ? 0 : InstructionError.vmresumeNotLaunched;
}
