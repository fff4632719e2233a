import { CpuidFeature, DecoderOptions, Decoder as Iced, Instruction as IcedInstruction } from 'iced-x86';
import { CodeMode } from '../../src/impl/x86/code-mode.ts';
import { Decoder, DecodeStatus, newInstruction } from '../../src/impl/x86/decoder.ts';
import { mnemonicText } from '../../src/impl/x86/disassembler.ts';

/* Which CPUID features each encoding needs, as iced-x86 says and as the instruction table says. */

/** An encoding of which both decoders know an instruction. */
export interface FeatureCase {
  readonly bytes: string;
  /** Our mnemonic and feature; `unsupported` for a named group that is not implemented. */
  readonly mnemonic: string;
  readonly feature: string | 'unsupported';
  /** Names of iced-x86, in capitals. */
  readonly theirs: readonly string[];
}

const BITS: Readonly<Record<number, number>> = { [CodeMode.bits32]: 32, [CodeMode.bits64]: 64 };
const PREFIXES = [[], [0x66], [0xf3], [0xf2], [0x48]];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
/** ModRM bytes: memory and a register for each digit; where whole bytes choose an instruction all of them; maps 2 and 3 have no digits. */
const FORMS = Array.from({ length: 16 }, (_, n) => (n < 8 ? n << 3 : 0xc0 | ((n & 7) << 3)));
const ALL_REGISTERS = Array.from({ length: 64 }, (_, n) => 0xc0 + n);

/** Bytes of all opcodes in the usual maps, and of the VEX opcodes of general-purpose instructions. */
function* encodings(): Generator<readonly number[]> {
  for (const map of MAPS) {
    for (const prefix of PREFIXES) {
      for (let opcode = 0; opcode < 256; opcode++) {
        const isWhole = map.length === 1 && (opcode === 0x01 || opcode === 0x1e);
        const forms = isWhole ? [...FORMS, ...ALL_REGISTERS] : map.length === 2 ? [0x00, 0xc0] : FORMS;
        for (const modrm of forms) yield [...prefix, ...map, opcode, modrm];
      }
    }
  }
  for (const map of [2, 3]) {
    for (let pp = 0; pp < 4; pp++) {
      for (let opcode = 0xf0; opcode < 0xf8; opcode++) {
        for (const modrm of FORMS) yield [0xc4, 0xe0 | map, 0x78 | pp, opcode, modrm];
      }
    }
  }
}

/** Every encoding that both decoders take for an instruction, in 32-bit and 64-bit mode. */
export function* featureCases(): Generator<FeatureCase> {
  const decoder = new Decoder();
  const mine = newInstruction();
  const theirs = new IcedInstruction();
  const bytes = new Uint8Array(16);
  for (const mode of [CodeMode.bits64, CodeMode.bits32]) {
    for (const encoding of encodings()) {
      if (mode === CodeMode.bits32 && encoding[0] === 0x48) continue;
      bytes.fill(0);
      bytes.set(encoding);
      if (decoder.decode(bytes, 0, bytes.length, mode, mine) !== DecodeStatus.ok) continue;
      const iced = new Iced(BITS[mode]!, bytes, DecoderOptions.None);
      iced.decodeOut(theirs);
      iced.free();
      if (theirs.isInvalid) continue;
      yield {
        bytes: `${BITS[mode]}-bit ${Buffer.from(encoding).toString('hex')}`,
        mnemonic: mine.row.class === 'unsupported' ? String(mine.row.mnemonic) : mnemonicText(mine),
        feature: mine.row.class === 'unsupported' ? 'unsupported' : mine.row.feature,
        theirs: Array.from(theirs.cpuidFeatures(), feature => CpuidFeature[feature]!),
      };
    }
  }
}
