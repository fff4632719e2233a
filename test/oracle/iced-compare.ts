import {
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  Decoder as Iced,
  Instruction as IcedInstruction,
  MemorySizeOptions,
  Mnemonic,
} from 'iced-x86';
import { Decoder, DecodeStatus, newInstruction } from '../../src/impl/x86/decoder.ts';
import { mnemonicText, operandTexts } from '../../src/impl/x86/disassembler.ts';
import type { Rng } from '../../src/units/rng.ts';

/** Encodings that iced-x86 decodes otherwise, and why. */
const EXPLAINED: readonly { readonly mine: string; readonly iced: string; readonly reason: string }[] = [
  {
    mine: 'invalid',
    iced: 'syscall',
    reason: 'AMD has SYSCALL outside of 64-bit mode, Intel has not (SDM Vol. 2B, SYSCALL)',
  },
  {
    mine: 'invalid',
    iced: 'sysret',
    reason: 'AMD has SYSRET outside of 64-bit mode, Intel has not (SDM Vol. 2B, SYSRET)',
  },
  { mine: 'wbinvd', iced: 'wbnoinvd', reason: 'F3 is ignored without WBNOINVD (SDM Vol. 2D, WBNOINVD)' },
  ...['prefetch', 'prefetchw', 'prefetchwt1', 'prefetchit0', 'prefetchit1', 'cldemote', 'rdsspd', 'rdsspq'].map(
    iced => ({
      mine: 'reservednop',
      iced,
      reason: 'a hint that processors without the feature execute as NOP',
    }),
  ),
];

const BITS = [16, 32, 64];

export interface IcedCounts {
  total: number;
  agree: number;
  invalid: number;
  unsupported: number;
  explained: number;
  readonly differences: Map<string, { count: number; readonly bytes: string }>;
}

/** iced-x86's Intel syntax with sizes and RIP-relative addresses spelled out. */
function intelFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.spaceAfterOperandSeparator = true;
  formatter.memorySizeOptions = MemorySizeOptions.Always;
  formatter.ripRelativeAddresses = true;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  formatter.usePseudoOps = false;
  return formatter;
}

/** Operands without their numbers, so that differences of one kind count together. */
const shapeOf = (operands: string): string => operands.replace(/\b[0-9][0-9A-F]*h?\b/g, '#');

/** Decodes bytes with the table's decoder and with iced-x86 and compares length, mnemonic and the text of the operands. */
export class IcedComparison {
  readonly counts: IcedCounts = {
    total: 0,
    agree: 0,
    invalid: 0,
    unsupported: 0,
    explained: 0,
    differences: new Map(),
  };
  readonly #decoder = new Decoder();
  readonly #mine = newInstruction();
  readonly #theirs = new IcedInstruction();
  readonly #formatter = intelFormatter();

  compare(bytes: Uint8Array, mode: number): void {
    const { counts } = this;
    counts.total += 1;
    const status = this.#decoder.decode(bytes, 0, bytes.length, mode, this.#mine);
    if (status === DecodeStatus.ok && this.#mine.row.class === 'unsupported') {
      counts.unsupported += 1;
      return;
    }
    const iced = new Iced(BITS[mode]!, bytes, DecoderOptions.None);
    iced.decodeOut(this.#theirs);
    iced.free();
    const theirs = this.#theirs.mnemonic === 0 ? 'invalid' : Mnemonic[this.#theirs.mnemonic]!.toLowerCase();
    const mine = status === DecodeStatus.ok ? mnemonicText(this.#mine) : 'invalid';
    if (mine === theirs && (mine === 'invalid' || this.#mine.length === this.#theirs.length)) {
      if (mine === 'invalid') counts.invalid += 1;
      else {
        counts.agree += 1;
        this.#compareOperands(bytes, mode, mine);
      }
    } else if (EXPLAINED.some(row => row.mine === mine && row.iced === theirs)) counts.explained += 1;
    else
      this.#differ(
        `mode ${BITS[mode]}: ${mine} (${this.#mine.length} bytes) here, ${theirs} (${this.#theirs.length}) in iced-x86`,
        bytes,
      );
  }

  #differ(key: string, bytes: Uint8Array): void {
    const { differences } = this.counts;
    const known = differences.get(key);
    if (known === undefined) differences.set(key, { count: 1, bytes: Buffer.from(bytes).toString('hex') });
    else known.count += 1;
  }

  #compareOperands(bytes: Uint8Array, mode: number, mnemonic: string): void {
    const mine = operandTexts(this.#mine, { mode, address: 0n }).join(', ');
    const text = this.#formatter.formatAllOperands(this.#theirs);
    // The segment of a string's destination is always ES.
    const theirs = this.#mine.row.isString ? text.replace(/es:(\[[er]?di\])/, '$1') : text;
    if (mine === theirs) return;
    // 90 with a prefix is XCHG of the accumulator with itself, which is NOP.
    if (mnemonic === 'nop' && /^([er]?ax), \1$/.test(theirs)) return;
    const key = `mode ${BITS[mode]}: ${mnemonic} ${shapeOf(mine)} here, ${shapeOf(theirs)} in iced-x86`;
    this.#differ(key, bytes);
  }
}

const PREFIXES = [[], [0x66], [0xf3], [0xf2], [0x48], [0x66, 0x48], [0xf3, 0x48], [0x67], [0xf0], [0x66, 0xf3]];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** All opcodes of all maps with every `stride`-th ModRM byte, under each prefix set, in each mode. */
export function compareOpcodes(comparison: IcedComparison, rng: Rng, stride: number): void {
  const bytes = new Uint8Array(16);
  for (const mode of [2, 1, 0]) {
    for (const prefix of PREFIXES) {
      if (mode !== 2 && prefix.includes(0x48)) continue;
      for (const map of MAPS) {
        for (let opcode = 0; opcode < 256; opcode++) {
          for (let modrm = 0; modrm < 256; modrm += stride) {
            for (let index = 0; index < 16; index++) bytes[index] = rng.next();
            bytes.set([...prefix, ...map, opcode, modrm]);
            comparison.compare(bytes, mode);
          }
        }
      }
    }
  }
}

/** Random bytes in each mode, and random VEX encodings of the general-purpose opcodes. */
export function compareRandom(comparison: IcedComparison, rng: Rng, count: number): void {
  const bytes = new Uint8Array(16);
  const opcodes = [0xf0, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7];
  for (const mode of [2, 1, 0]) {
    for (let round = 0; round < count; round++) {
      for (let index = 0; index < 16; index++) bytes[index] = rng.next();
      comparison.compare(bytes, mode);
      if (round % 4 !== 0) continue;
      bytes[0] = 0xc4;
      bytes[1] = (bytes[1]! & 0xe0) | (2 + rng.below(2)) | (mode === 2 ? 0 : 0xc0);
      bytes[2]! &= 0xfb;
      bytes[3] = opcodes[rng.below(6)]!;
      comparison.compare(bytes, mode);
    }
  }
}
