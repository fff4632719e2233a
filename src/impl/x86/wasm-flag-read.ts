import type { StatusFlag } from './ir.ts';
import { Field } from './state-layout.ts';
import { Op } from './wasm-binary.ts';
import type { HandlerCode } from './wasm-handler.ts';

/** Bits of the status flags in RFLAGS. */
export const STATUS_POSITION = { cf: 0, pf: 2, af: 4, zf: 6, sf: 7, of: 11 } as const;
export const FLAG_NAMES: readonly StatusFlag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'of'];

/** Pushes the stored flag bits, see CpuState.rflags. */
export function loadFlagBits(h: HandlerCode): void {
  h.stateLoad(Op.i32Load, Field.flagBits);
}

/** Pushes a flag as 0 or 1. */
export function loadFlag(h: HandlerCode, name: StatusFlag): void {
  const position = STATUS_POSITION[name];
  loadFlagBits(h);
  if (position > 0) {
    h.i32(position);
    h.push(Op.i32ShrU);
  }
  h.i32(1);
  h.push(Op.i32And);
  if (name === 'zf') {
    h.stateLoad(Op.i64Load, Field.flagResult);
    h.push(Op.i64Eqz, Op.i32Or);
  } else if (name === 'sf') {
    h.stateLoad(Op.i32Load, Field.flagResult + 4);
    h.i32(31);
    h.push(Op.i32ShrU, Op.i32Xor);
  } else if (name === 'pf') {
    h.stateLoad(Op.i32Load8U, Field.flagResult);
    h.push(Op.i32Popcnt);
    h.i32(1);
    h.push(Op.i32And, Op.i32Eqz, Op.i32Xor);
  }
}
