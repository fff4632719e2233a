/** VMX instruction of root software, or both VMRESUME and VMLAUNCH in turn. */
export type VmxOperation = 'vmxon' | 'entry' | 'vmclear' | 'vmptrld' | 'vmwrite' | 'vmread';

/** A VMX instruction of hosted root software failed where it must not: the software decides what follows. */
export class VmxFailure extends Error {
  readonly operation: VmxOperation;
  /** VM-instruction error, 0 for VMfailInvalid. */
  readonly error: number;
  /** Physical address of the operand, or encoding of the field; -1 if there is none. */
  readonly operand: number;

  constructor(operation: VmxOperation, error: number, operand = -1) {
    super(`${operation} fails${error === 0 ? '' : ` with error ${error}`}`);
    this.operation = operation;
    this.error = error;
    this.operand = operand;
  }
}
