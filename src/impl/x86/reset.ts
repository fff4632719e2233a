import type { CpuState } from './cpu-state.ts';
import { Cr0, Field, Flag, Seg, STATE_BYTES } from './state-layout.ts';

/** Power-on PAT (SDM Vol. 3A, "Page Attribute Table"). */
const PAT_RESET = 0x0007_0406_0007_0406n;
const APIC_BASE_RESET = 0xfee0_0900n;

const X87_RESET = 0xff_0000_0040n;

/** State after INIT/RESET (SDM Vol. 3A, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"). */
export function resetState(state: CpuState): void {
  const jumpCache = state.u32(Field.jumpCache);
  for (let offset = 0; offset < STATE_BYTES; offset += 8) state.setU64(offset, 0n);
  state.setU32(Field.jumpCache, jumpCache);
  state.rflags = Flag.reserved1;
  state.rip = 0xfff0n;
  for (let segment: number = Seg.es; segment <= Seg.gs; segment++) state.setSegment(segment, 0, 0n, 0xffff, 0x93);
  state.setSegment(Seg.cs, 0xf000, 0xffff_0000n, 0xffff, 0x9b);
  state.setSegment(Seg.ldtr, 0, 0n, 0xffff, 0x82);
  state.setSegment(Seg.tr, 0, 0n, 0xffff, 0x8b);
  state.setU32(Field.gdtrLimit, 0xffff);
  state.setU32(Field.idtrLimit, 0xffff);
  state.setU64(Field.cr0, BigInt(Cr0.cd | Cr0.nw | Cr0.et));
  state.setU64(Field.dr6, 0xffff_0ff0n);
  state.setU64(Field.dr7, 0x400n);
  state.setU64(Field.xcr0, 1n);
  // FCW; all registers hold zeros (tag "valid").
  state.setU64(Field.x87, X87_RESET);
  state.setU64(Field.pat, PAT_RESET);
  state.setU64(Field.apicBase, APIC_BASE_RESET);
  state.setU64(Field.miscEnable, 1n);
}
