import { frameOf, hpa } from '../../units/address.ts';
import type { Instruction } from '../x86/instruction.ts';
import type { Processor } from '../x86/processor.ts';
import { Cr0, Cr4, Field, Flag, Interruptibility } from '../x86/state-layout.ts';
import { EptVpid, Misc } from './capabilities.ts';
import { Proc2 } from './control-bits.ts';
import { InstructionError, launchError } from './instruction-errors.ts';
import { instructionInformation, operandDisplacement } from './instruction-info.ts';
import { invalidateEpt, invalidateVpid } from './translation.ts';
import { vmEntry } from './vm-entry.ts';
import { vmExit } from './vm-exit.ts';
import { FIELD_BASE_WORD, vmcsWord } from './vmcs.ts';
import { VMCS_FIELDS, type VmcsField } from './vmcs-fields.ts';
import { NO_POINTER, type VmxUnit } from './vmx-unit.ts';

const INVALID_OPCODE = 6;
const PROTECTION = 13;
const INSTRUCTION_ERROR_WORD = vmcsWord('INSTRUCTION_ERROR');
const LINK_WORD = vmcsWord('LINK_POINTER');
const READ_BITMAP = vmcsWord('VMREAD_BITMAP');
const WRITE_BITMAP = vmcsWord('VMWRITE_BITMAP');

const fieldOfEncoding = new Map<number, { readonly field: VmcsField; readonly word: number }>(
  VMCS_FIELDS.map((field, index) => [field.encoding, { field, word: FIELD_BASE_WORD + 2 * index }]),
);

/** Fields that exist only with a control that uses them (SDM Vol. 3D, appendix "Field Encoding in VMCS", footnotes). */
const NEEDS_PROC2: Readonly<Record<string, number>> = {
  VPID: Proc2.vpid,
  EPTP_INDEX: Proc2.virtualizationException,
  GUEST_INTERRUPT_STATUS: Proc2.virtualInterruptDelivery,
  GUEST_PML_INDEX: Proc2.pageModificationLogging,
  PML_ADDRESS: Proc2.pageModificationLogging,
  APIC_ACCESS_ADDRESS: Proc2.virtualizeApicAccesses,
  VM_FUNCTION_CONTROLS: Proc2.vmFunctions,
  EPT_POINTER: Proc2.ept,
  EOI_EXIT_BITMAP0: Proc2.virtualInterruptDelivery,
  EOI_EXIT_BITMAP1: Proc2.virtualInterruptDelivery,
  EOI_EXIT_BITMAP2: Proc2.virtualInterruptDelivery,
  EOI_EXIT_BITMAP3: Proc2.virtualInterruptDelivery,
  EPTP_LIST_ADDRESS: Proc2.vmFunctions,
  VMREAD_BITMAP: Proc2.vmcsShadowing,
  VMWRITE_BITMAP: Proc2.vmcsShadowing,
  VIRTUALIZATION_EXCEPTION_ADDRESS: Proc2.virtualizationException,
  XSS_EXITING_BITMAP: Proc2.xsaves,
  TSC_MULTIPLIER: Proc2.tscScaling,
  GUEST_PHYSICAL_ADDRESS: Proc2.ept,
  GUEST_PDPTE0: Proc2.ept,
  GUEST_PDPTE1: Proc2.ept,
  GUEST_PDPTE2: Proc2.ept,
  GUEST_PDPTE3: Proc2.ept,
  PLE_GAP: Proc2.pauseLoopExiting,
  PLE_WINDOW: Proc2.pauseLoopExiting,
};

/** A field of this processor by encoding; undefined if there is none. The lowest bit asks for the high half of a 64-bit field. */
export function findField(
  unit: VmxUnit,
  encoding: bigint,
): { readonly field: VmcsField; readonly word: number; readonly isHigh: boolean } | undefined {
  if (encoding > 0xffff_ffffn) return undefined;
  const number = Number(encoding);
  const isHigh = (number & 1) === 1;
  const found = fieldOfEncoding.get(number & ~1);
  if (found === undefined || (isHigh && (found.field.width !== 64 || found.field.isNatural))) return undefined;
  const need = NEEDS_PROC2[found.field.name];
  if (need !== undefined && (unit.capabilities.proc2.may & need) === 0) return undefined;
  return { ...found, isHigh };
}

/* Outcomes (SDM Vol. 3C, "Conventions"). */

function setFlags(cpu: Processor, bits: number): void {
  const { state } = cpu;
  state.rflags = (state.rflags & ~(Flag.cf | Flag.pf | Flag.af | Flag.zf | Flag.sf | Flag.of)) | bits;
}

/** VMsucceed, VMfailInvalid, or the error number of VMfailValid, which is VMfailInvalid where no VMCS is current. */
type Outcome = number;
const SUCCEED = 0;
const FAIL_INVALID = -1;

function conclude(unit: VmxUnit, cpu: Processor, outcome: Outcome): void {
  if (outcome === SUCCEED) setFlags(cpu, 0);
  else if (outcome === FAIL_INVALID || unit.current === NO_POINTER) setFlags(cpu, Flag.cf);
  else {
    setFlags(cpu, Flag.zf);
    unit.write32(INSTRUCTION_ERROR_WORD, outcome);
  }
}

/* Operands. */

const linearWidthMask = (cpu: Processor): bigint => (cpu.state.is64Bit ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);

function readPointer(cpu: Processor): bigint {
  return cpu.readLinear(cpu.instruction.segment, cpu.effectiveAddress(), 8);
}

function readEither(cpu: Processor): bigint {
  const { instruction } = cpu;
  if (instruction.isMemory)
    return cpu.readLinear(instruction.segment, cpu.effectiveAddress(), cpu.state.is64Bit ? 8 : 4);
  return cpu.state.gpr(instruction.rm) & linearWidthMask(cpu);
}

function writeEither(cpu: Processor, value: bigint): void {
  const { instruction } = cpu;
  const masked = value & linearWidthMask(cpu);
  if (instruction.isMemory)
    cpu.writeLinear(instruction.segment, cpu.effectiveAddress(), cpu.state.is64Bit ? 8 : 4, masked);
  else cpu.state.setGpr(instruction.rm, masked);
}

const isBadRegionAddress = (unit: VmxUnit, pointer: bigint): boolean =>
  (pointer & 0xfffn) !== 0n || pointer >> BigInt(unit.capabilities.physicalAddressBits) !== 0n;

/* Instructions. */

type Handler = (unit: VmxUnit, cpu: Processor, root: RootContext) => Outcome;

/** What VMX instructions in root operation ask besides. */
export interface RootContext {
  readonly isX2apic: boolean;
}

const FEATURE_LOCKED_VMXON = 5n;

function vmxon(unit: VmxUnit, cpu: Processor): Outcome {
  const { state } = cpu;
  if (unit.isOn) {
    return InstructionError.vmxonInRoot;
  }
  const { cr0Fixed0, cr0Fixed1, cr4Fixed0, cr4Fixed1 } = unit.capabilities;
  const cr0 = state.u32(Field.cr0);
  const cr4 = state.u32(Field.cr4);
  const areFixed =
    (~cr0 & cr0Fixed0) === 0 && (cr0 & ~cr0Fixed1) === 0 && (~cr4 & cr4Fixed0) === 0 && (cr4 & ~cr4Fixed1) === 0;
  if (!areFixed || (state.u64(Field.featureControl) & FEATURE_LOCKED_VMXON) !== FEATURE_LOCKED_VMXON) {
    cpu.fault(PROTECTION, 0);
  }
  const pointer = readPointer(cpu);
  if (
    isBadRegionAddress(unit, pointer) ||
    Number(cpu.readPhysical(Number(pointer), 4)) !== unit.capabilities.revision
  ) {
    return FAIL_INVALID;
  }
  unit.isOn = true;
  unit.vmxonPointer = pointer;
  unit.makeCurrent(NO_POINTER);
  return SUCCEED;
}

function vmxoff(unit: VmxUnit): Outcome {
  unit.isOn = false;
  unit.vmxonPointer = NO_POINTER;
  unit.makeCurrent(NO_POINTER);
  return SUCCEED;
}

function vmclear(unit: VmxUnit, cpu: Processor): Outcome {
  const pointer = readPointer(cpu);
  if (isBadRegionAddress(unit, pointer)) return InstructionError.vmclearInvalidAddress;
  if (pointer === unit.vmxonPointer) return InstructionError.vmclearVmxonPointer;
  unit.setLaunched(unit.memory.slotOf(frameOf(hpa(Number(pointer)))), false);
  if (pointer === unit.current) unit.makeCurrent(NO_POINTER);
  return SUCCEED;
}

function vmptrld(unit: VmxUnit, cpu: Processor): Outcome {
  const pointer = readPointer(cpu);
  if (isBadRegionAddress(unit, pointer)) return InstructionError.vmptrldInvalidAddress;
  if (pointer === unit.vmxonPointer) return InstructionError.vmptrldVmxonPointer;
  const revision = Number(cpu.readPhysical(Number(pointer), 4));
  const mayShadow = (unit.capabilities.proc2.may & Proc2.vmcsShadowing) !== 0;
  const identifier = mayShadow ? revision & 0x7fff_ffff : revision;
  if (identifier !== unit.capabilities.revision) return InstructionError.vmptrldRevision;
  unit.makeCurrent(pointer);
  return SUCCEED;
}

function vmptrst(unit: VmxUnit, cpu: Processor): Outcome {
  cpu.writeLinear(cpu.instruction.segment, cpu.effectiveAddress(), 8, unit.current);
  return SUCCEED;
}

const fieldOperand = (cpu: Processor): bigint => cpu.state.gpr(cpu.instruction.reg) & linearWidthMask(cpu);

function vmread(unit: VmxUnit, cpu: Processor): Outcome {
  if (unit.current === NO_POINTER) return FAIL_INVALID;
  const found = findField(unit, fieldOperand(cpu));
  if (found === undefined) return InstructionError.unsupportedField;
  const value = unit.read(found.word);
  writeEither(cpu, found.isHigh ? value >> 32n : value);
  return SUCCEED;
}

function vmwrite(unit: VmxUnit, cpu: Processor): Outcome {
  if (unit.current === NO_POINTER) return FAIL_INVALID;
  const value = readEither(cpu);
  const found = findField(unit, fieldOperand(cpu));
  if (found === undefined) return InstructionError.unsupportedField;
  const { field, word, isHigh } = found;
  if (field.readOnly && (unit.capabilities.misc & Misc.writesAnyField) === 0) {
    return InstructionError.readOnlyField;
  }
  if (isHigh) unit.memory.writeWord(unit.slot, word + 1, Number(value & 0xffff_ffffn));
  else unit.write(word, BigInt.asUintN(field.width, value));
  return SUCCEED;
}

function enter(unit: VmxUnit, cpu: Processor, root: RootContext, isLaunch: boolean): Outcome {
  if (unit.current === NO_POINTER) return FAIL_INVALID;
  if ((cpu.state.u32(Field.interruptibility) & Interruptibility.movSs) !== 0) {
    return InstructionError.entryMovSs;
  }
  const error = launchError(unit.isLaunched, isLaunch);
  if (error !== 0) return error;
  const result = vmEntry(unit, cpu, root.isX2apic);
  if (result.kind === 'failed') return result.error;
  return cpu.abandon();
}

function invept(unit: VmxUnit, cpu: Processor): Outcome {
  const { eptVpidLow } = unit.capabilities;
  if ((unit.capabilities.proc2.may & Proc2.ept) === 0 || (eptVpidLow & EptVpid.invept) === 0) cpu.fault(INVALID_OPCODE);
  const type = fieldOperand(cpu);
  const [pointer] = readDescriptor(cpu);
  const isSingle = type === 1n && (eptVpidLow & EptVpid.inveptSingle) !== 0;
  if (!isSingle && !(type === 2n && (eptVpidLow & EptVpid.inveptAll) !== 0)) return InstructionError.invalidOperand;
  if (isSingle && isBadEptPointer(unit, pointer)) return InstructionError.invalidOperand;
  invalidateEpt(cpu, isSingle ? pointer : undefined);
  return SUCCEED;
}

/** True if VM entry would refuse the EPT pointer (SDM Vol. 3C, "VM-Execution Control Fields"). */
function isBadEptPointer(unit: VmxUnit, pointer: bigint): boolean {
  const { eptVpidLow, physicalAddressBits } = unit.capabilities;
  const type = pointer & 7n;
  const isTypeSupported =
    type === 6n ? (eptVpidLow & EptVpid.writeBack) !== 0 : type === 0n && (eptVpidLow & EptVpid.uncacheable) !== 0;
  const isWalkSupported = ((pointer >> 3n) & 7n) === 3n;
  const isFlagBad = (pointer & 0x40n) !== 0n && (eptVpidLow & EptVpid.accessedDirty) === 0;
  return (
    !isTypeSupported ||
    !isWalkSupported ||
    isFlagBad ||
    (pointer & 0xf80n) !== 0n ||
    pointer >> BigInt(physicalAddressBits) !== 0n
  );
}

const isCanonical = (address: bigint): boolean => BigInt.asIntN(48, address) === BigInt.asIntN(64, address);

function invvpid(unit: VmxUnit, cpu: Processor): Outcome {
  const { eptVpidHigh } = unit.capabilities;
  if ((unit.capabilities.proc2.may & Proc2.vpid) === 0 || (eptVpidHigh & EptVpid.highInvvpid) === 0)
    cpu.fault(INVALID_OPCODE);
  const type = fieldOperand(cpu);
  const [low, linear] = readDescriptor(cpu);
  const isSupported = type <= 3n && (eptVpidHigh & (EptVpid.highInvvpidAddress << Number(type))) !== 0;
  if (!isSupported || low >> 16n !== 0n) return InstructionError.invalidOperand;
  if (type !== 2n && low === 0n) return InstructionError.invalidOperand;
  if (type === 0n && !isCanonical(linear)) return InstructionError.invalidOperand;
  invalidateVpid(cpu, Number(type), Number(low), linear);
  return SUCCEED;
}

function readDescriptor(cpu: Processor): readonly [bigint, bigint] {
  const value = cpu.readLinear(cpu.instruction.segment, cpu.effectiveAddress(), 16);
  return [value & 0xffff_ffff_ffff_ffffn, value >> 64n];
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  vmxon,
  vmxoff,
  vmclear,
  vmptrld,
  vmptrst,
  vmread,
  vmwrite,
  vmlaunch: (unit, cpu, root) => enter(unit, cpu, root, true),
  vmresume: (unit, cpu, root) => enter(unit, cpu, root, false),
  vmcall: () => InstructionError.vmcallInRoot,
  invept,
  invvpid,
};

type InfoOf = (instruction: Instruction) => number;
const pointer: InfoOf = instruction => instructionInformation('pointer', instruction);
const readWrite: InfoOf = instruction => instructionInformation('vmreadWrite', instruction);
const invalidate: InfoOf = instruction => instructionInformation('invalidate', instruction);
const none: InfoOf = () => 0;

/** Exit reason and instruction information of VMX instructions in a guest (SDM Vol. 3C, "Instructions That Cause VM Exits Unconditionally"). */
const GUEST_EXITS: Readonly<Record<string, readonly [reason: number, info: InfoOf]>> = {
  vmcall: [18, none],
  vmclear: [19, pointer],
  vmlaunch: [20, none],
  vmptrld: [21, pointer],
  vmptrst: [22, pointer],
  vmread: [23, readWrite],
  vmresume: [24, none],
  vmwrite: [25, readWrite],
  vmxoff: [26, none],
  vmxon: [27, pointer],
  invept: [50, invalidate],
  invvpid: [53, invalidate],
};

const isRealOrCompatibility = ({ state }: Processor): boolean =>
  (state.u32(Field.cr0) & Cr0.pe) === 0 || (state.rflags & Flag.vm) !== 0 || (state.isLongMode && !state.is64Bit);

/** Executes a VMX instruction: in a guest it exits, in root operation it does its work; faults by `cpu.fault`. */
export function executeVmxInstruction(unit: VmxUnit, cpu: Processor, mnemonic: string, root: RootContext): void {
  const { state } = cpu;
  if (mnemonic === 'vmfunc') cpu.fault(INVALID_OPCODE);
  const isOnRequired = mnemonic !== 'vmxon';
  if (mnemonic === 'vmcall' && cpu.isNonRoot) exitByInstruction(unit, cpu, mnemonic);
  if (mnemonic === 'vmcall' && !unit.isOn) cpu.fault(INVALID_OPCODE);
  if (mnemonic !== 'vmcall' && isRealOrCompatibility(cpu)) cpu.fault(INVALID_OPCODE);
  if (isOnRequired ? !unit.isOn : (state.u32(Field.cr4) & Cr4.vmxe) === 0) cpu.fault(INVALID_OPCODE);
  if (cpu.isNonRoot && !isShadowed(unit, cpu, mnemonic)) exitByInstruction(unit, cpu, mnemonic);
  if (state.cpl !== 0) cpu.fault(PROTECTION, 0);
  const handler = HANDLERS[mnemonic];
  if (handler === undefined) cpu.fault(INVALID_OPCODE);
  if (cpu.isNonRoot) shadowAccess(unit, cpu, handler);
  else conclude(unit, cpu, handler(unit, cpu, root));
}

function exitByInstruction(unit: VmxUnit, cpu: Processor, mnemonic: string): never {
  const { instruction } = cpu;
  const [reason, info] = GUEST_EXITS[mnemonic]!;
  vmExit(unit, cpu, {
    reason,
    qualification: operandDisplacement(instruction, cpu.state.rip),
    instructionInfo: info(instruction),
    length: instruction.length,
    setsResume: false,
  });
  return cpu.abandon();
}

/** True if VMREAD or VMWRITE of the guest goes to the linked VMCS (SDM Vol. 3C, "VMCS Shadowing Bitmap Addresses"). */
function isShadowed(unit: VmxUnit, cpu: Processor, mnemonic: string): boolean {
  if (!unit.hasProc2(Proc2.vmcsShadowing) || (mnemonic !== 'vmread' && mnemonic !== 'vmwrite')) return false;
  const encoding = fieldOperand(cpu);
  if (encoding > 0x7fffn) return false;
  const bitmap = unit.readNumber(mnemonic === 'vmread' ? READ_BITMAP : WRITE_BITMAP);
  return ((Number(cpu.readPhysical(bitmap + Number(encoding >> 3n), 1)) >>> Number(encoding & 7n)) & 1) === 0;
}

function shadowAccess(unit: VmxUnit, cpu: Processor, handler: Handler): void {
  const link = unit.read(LINK_WORD);
  const [current, slot] = [unit.current, unit.slot];
  unit.makeCurrent(link);
  try {
    conclude(unit, cpu, handler(unit, cpu, { isX2apic: false }));
  } finally {
    unit.current = current;
    unit.slot = slot;
  }
}
