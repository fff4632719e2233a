import { Immediate } from './decode-index.ts';
import { type Instruction, Size } from './instruction.ts';

/** Immediates that are longer than four bytes or of two parts; returns their bytes. */
export function longImmediate(view: DataView, at: number, kind: number, into: Instruction): number {
  const isWord = into.operandSize === Size.word;
  into.immediateLow = 0;
  into.immediateHigh = 0;
  switch (kind) {
    case Immediate.full:
      if (isWord) {
        into.immediateLow = view.getUint16(at, true);
        return 2;
      }
      into.immediateLow = view.getInt32(at, true);
      if (into.operandSize !== Size.qword) return 4;
      into.immediateHigh = view.getInt32(at + 4, true);
      return 8;
    case Immediate.wordByte:
      into.immediateLow = view.getUint16(at, true);
      into.immediate2 = view.getUint8(at + 2);
      return 3;
    case Immediate.offset:
      into.isMemory = true;
      if (into.addressSize === Size.word) {
        into.displacementLow = view.getUint16(at, true);
        return 2;
      }
      into.displacementLow = view.getInt32(at, true);
      if (into.addressSize !== Size.qword) return 4;
      into.displacementHigh = view.getInt32(at + 4, true);
      return 8;
    default:
      into.immediateLow = isWord ? view.getUint16(at, true) : view.getInt32(at, true);
      into.immediate2 = view.getUint16(at + (isWord ? 2 : 4), true);
      return isWord ? 4 : 6;
  }
}
