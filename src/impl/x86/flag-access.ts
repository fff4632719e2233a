import type { Processor } from './processor.ts';
import { Flag, STATUS_FLAGS } from './state-layout.ts';

/** Writes RFLAGS as POPF and IRET may at the current privilege; the caller refreshes the context (SDM Vol. 2B, POPF). */
export function loadFlags(cpu: Processor, image: number, sizeBytes: number): void {
  const { state } = cpu;
  const old = state.rflags;
  const { cpl } = state;
  const iopl = (old & Flag.iopl) >>> 12;
  let writable = STATUS_FLAGS | Flag.tf | Flag.df | Flag.nt;
  if (sizeBytes > 2) writable |= Flag.ac | Flag.id | Flag.rf;
  if (cpl <= iopl) writable |= Flag.if;
  if (cpl === 0) writable |= Flag.iopl | (sizeBytes > 2 ? Flag.vif | Flag.vip : 0);
  state.rflags = (old & ~writable) | (image & writable) | Flag.reserved1;
}
