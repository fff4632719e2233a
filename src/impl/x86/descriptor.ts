import type { Processor } from './processor.ts';
import { Field, Rights, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** A segment descriptor with the fields taken apart (SDM Vol. 3A, "Segment Descriptors"). */
export interface Descriptor {
  readonly selector: number;
  /** Linear address of the descriptor in its table. */
  readonly address: bigint;
  readonly low: number;
  readonly high: number;
  readonly base: bigint;
  /** Byte-granular. */
  readonly limit: number;
  /** Access rights in VMCS format. */
  readonly rights: number;
}

export const descriptorPrivilege = (rights: number): number => (rights >>> Rights.dplShift) & 3;
export const isPresent = (rights: number): boolean => (rights & Rights.present) !== 0;
export const isCode = (rights: number): boolean =>
  (rights & (Rights.codeOrData | Rights.code)) === (Rights.codeOrData | Rights.code);
export const isData = (rights: number): boolean => (rights & (Rights.codeOrData | Rights.code)) === Rights.codeOrData;
export const isConforming = (rights: number): boolean =>
  isCode(rights) && (rights & Rights.expandDownOrConforming) !== 0;
export const isWritableData = (rights: number): boolean => isData(rights) && (rights & Rights.writableOrReadable) !== 0;
export const isReadable = (rights: number): boolean =>
  isData(rights) || (isCode(rights) && (rights & Rights.writableOrReadable) !== 0);
/** Index and table of a selector without its RPL. */
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;
/** Error code that names a selector. */
export const selectorError = (selector: number): number => selector & 0xfffc;

/** Rights of a segment that a null selector leaves behind. */
export const UNUSABLE_RIGHTS = Rights.unusable;

/** Takes a descriptor apart; `upper` is bits 63:32 of the base of a system descriptor in IA-32e mode. */
export function parseDescriptor(
  selector: number,
  address: bigint,
  low: number,
  high: number,
  upper: number,
): Descriptor {
  const base =
    (BigInt(upper >>> 0) << 32n) | BigInt(((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0);
  const raw = (low & 0xffff) | (high & 0xf_0000);
  const limit = (high & 0x80_0000) === 0 ? raw : ((raw << 12) | 0xfff) >>> 0;
  return { selector, address, low, high, base, limit, rights: (high >>> 8) & 0xf0ff };
}

/** Reads the descriptor of a selector, or undefined if it lies outside of its table or the LDT is unusable. */
export function readDescriptor(cpu: Processor, selector: number, isSystemWide = false): Descriptor | undefined {
  const { state } = cpu;
  const offset = selector & 0xfff8;
  let base: bigint;
  let limit: number;
  if ((selector & 4) !== 0) {
    if ((state.rights(Seg.ldtr) & Rights.unusable) !== 0) return undefined;
    base = state.segmentBase(Seg.ldtr);
    limit = state.limit(Seg.ldtr);
  } else {
    base = state.u64(Field.gdtrBase);
    limit = state.u32(Field.gdtrLimit);
  }
  const size = isSystemWide ? 16 : 8;
  if (offset + size - 1 > limit) return undefined;
  const address = (base + BigInt(offset)) & (state.isLongMode ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
  const raw = cpu.readSystem(address, 8);
  const upper = isSystemWide ? Number(cpu.readSystem(address + 8n, 4)) : 0;
  return parseDescriptor(selector, address, Number(raw & 0xffff_ffffn), Number(raw >> 32n), upper);
}

/** The descriptor, or #GP for a selector without one. */
export const mustExist = (cpu: Processor, descriptor: Descriptor | undefined, error: number): Descriptor =>
  descriptor ?? cpu.fault(Vector.protection, error);

/** Sets the accessed bit of a code or data descriptor in memory. */
export function markAccessed(cpu: Processor, descriptor: Descriptor): void {
  if ((descriptor.rights & (Rights.codeOrData | Rights.accessed)) !== Rights.codeOrData) return;
  cpu.writeSystem(descriptor.address + 5n, 1, BigInt(((descriptor.high >>> 8) & 0xff) | 1));
}

/** Loads a code or data descriptor into a segment register as it is, with the accessed bit. */
export function setFromDescriptor(cpu: Processor, segment: number, selector: number, descriptor: Descriptor): void {
  cpu.state.setSegment(segment, selector, descriptor.base, descriptor.limit, descriptor.rights | Rights.accessed);
}

/** Leaves a null selector in a segment register. */
export function setNull(cpu: Processor, segment: number, selector: number, rights: number = UNUSABLE_RIGHTS): void {
  cpu.state.setSegment(segment, selector, 0n, 0, rights);
}

/** True in real-address or virtual-8086 mode, where a selector is a paragraph. */
export const isRealLike = (cpu: Processor): boolean =>
  (cpu.state.u32(Field.cr0) & 1) === 0 || (cpu.state.u32(Field.systemFlags) & 0x2_0000) !== 0;

/** Loads a paragraph: base = selector * 16; limit and rights stay in real mode (SDM Vol. 3A, "8086 Emulation"). */
export function setParagraph(cpu: Processor, segment: number, selector: number): void {
  const { state } = cpu;
  const isV86 = (state.u32(Field.systemFlags) & 0x2_0000) !== 0;
  const rights = isV86 ? 0xf3 : segment === Seg.cs ? 0x9b : 0x93;
  const limit = isV86 || segment === Seg.cs ? 0xffff : state.limit(segment);
  state.setSegment(segment, selector, BigInt(selector) << 4n, limit, rights);
}

/**
 * Loads ES, SS, DS, FS or GS as MOV, POP and LDS do (SDM Vol. 2B, MOV "Operation"); faults before any change.
 *
 * The caller refreshes the processor's context.
 */
export function loadSegment(cpu: Processor, segment: number, selector: number): void {
  if (isRealLike(cpu)) {
    setParagraph(cpu, segment, selector);
    return;
  }
  const { state } = cpu;
  const { cpl } = state;
  const rpl = selector & 3;
  if (isNull(selector)) {
    if (segment !== Seg.ss) {
      setNull(cpu, segment, selector);
      return;
    }
    if (!state.is64Bit || cpl === 3 || rpl !== cpl) cpu.fault(Vector.protection, 0);
    setNull(cpu, segment, selector, Rights.unusable | (cpl << Rights.dplShift));
    return;
  }
  const error = selectorError(selector);
  const descriptor = mustExist(cpu, readDescriptor(cpu, selector), error);
  const { rights } = descriptor;
  const dpl = descriptorPrivilege(rights);
  if (segment === Seg.ss) {
    if (rpl !== cpl || !isWritableData(rights) || dpl !== cpl) cpu.fault(Vector.protection, error);
    if (!isPresent(rights)) cpu.fault(Vector.stack, error);
  } else {
    if (!isReadable(rights)) cpu.fault(Vector.protection, error);
    if (!isConforming(rights) && (rpl > dpl || cpl > dpl)) cpu.fault(Vector.protection, error);
    if (!isPresent(rights)) cpu.fault(Vector.notPresent, error);
  }
  markAccessed(cpu, descriptor);
  setFromDescriptor(cpu, segment, selector, descriptor);
}
