import { CodeMode } from '../../src/impl/x86/code-mode.ts';
import { Decoder, DecodeStatus, newInstruction } from '../../src/impl/x86/decoder.ts';
import { encode, type MemoryOperand } from '../../src/impl/x86/encoder.ts';
import { Size } from '../../src/impl/x86/instruction.ts';
import type { InstructionRow } from '../../src/impl/x86/row.ts';
import { Gpr } from '../../src/impl/x86/state-layout.ts';
import type { Rng } from '../../src/units/rng.ts';
import { CODE_BASE, CODE_START, DATA_BASE, WINDOW_BYTES, WINDOW_START } from './user-machine.ts';

/** One instruction with the registers and memory to execute it on. */
export interface Snippet {
  readonly row: InstructionRow;
  readonly bits: 32 | 64;
  readonly code: Uint8Array;
  readonly gpr: bigint[];
  readonly flags: number;
  readonly window: Uint8Array;
}

const MASK64 = 0xffff_ffff_ffff_ffffn;
const decoder = new Decoder();
const decoded = newInstruction();

/** Random 64-bit value with a taste for borders. */
function interesting(rng: Rng): bigint {
  const raw = (BigInt(rng.next()) << 32n) | BigInt(rng.next());
  switch (rng.below(8)) {
    case 0:
      return raw & 0xffn;
    case 1:
      return BigInt.asUintN(64, -(raw & 0xffn));
    case 2:
      return BigInt.asUintN(64, (1n << BigInt(rng.below(64))) - BigInt(rng.below(3)));
    case 3:
      return raw & 0xffff_ffffn;
    case 4:
      return [0n, 1n, MASK64, 0x7fff_ffff_ffff_ffffn, 1n << 63n, 0x8000_0000n, 0x7fff_ffffn, 0x80n][rng.below(8)]!;
    default:
      return raw;
  }
}

/** An address in the data window, now and then near an end of the pages or far away. */
function dataAddress(rng: Rng, bits: number): bigint {
  switch (rng.below(24)) {
    case 0:
      return BigInt(DATA_BASE + 0x2000 - rng.below(20));
    case 1:
      return BigInt(DATA_BASE - rng.below(12));
    case 2:
      return bits === 64 ? 0x7fff_ffff_ffffn - BigInt(rng.below(8)) + BigInt(rng.below(16)) : BigInt(DATA_BASE - 0x800);
    case 3:
    case 4:
      return BigInt(DATA_BASE + 0x1000 - rng.below(16));
    case 5:
      return BigInt(CODE_BASE + CODE_START + rng.below(16));
    default:
      return BigInt(DATA_BASE + WINDOW_START + 16 + rng.below(WINDOW_BYTES - 48));
  }
}

/** Instructions that this oracle cannot observe, and why. */
export function excludedFromHost(row: InstructionRow, bits: number): string | undefined {
  if (row.class !== 'user') return 'system instruction';
  if (row.mnemonic === 'int3') return 'ends snippets';
  if (row.feature === 'xop') return 'not announced';
  if (row.modes === (bits === 64 ? '32' : '64')) return 'other mode';
  return undefined;
}

/** Makes a snippet of a row, or undefined if the random choice has no encoding. */
export function makeSnippet(rng: Rng, row: InstructionRow, bits: 32 | 64): Snippet | undefined {
  const mode = bits === 64 ? CodeMode.bits64 : CodeMode.bits32;
  const gpr = Array.from({ length: 16 }, () => interesting(rng));
  gpr[Gpr.rsp] = dataAddress(rng, bits);
  if (rng.below(4) !== 0) gpr[Gpr.rsp]! &= ~7n;
  const window = new Uint8Array(WINDOW_BYTES);
  for (let index = 0; index < WINDOW_BYTES; index++) window[index] = rng.next();
  const operandSize = row.isWide
    ? rng.below(2) === 0
      ? Size.dword
      : Size.qword
    : [Size.word, Size.dword, Size.qword][rng.below(3)]!;
  // Near branches with 66 differ between vendors in 64-bit mode (SDM Vol. 2A, JMP: 66 is ignored).
  if (row.size64 === 'force64' && bits === 64 && operandSize === Size.word) return undefined;
  const addressSize = bits === 64 ? (rng.below(8) === 0 ? Size.dword : Size.qword) : Size.dword;
  const registers = bits === 64 ? 16 : 8;
  const isMemory = row.form === 'mem' || (row.hasModrm && row.form === 'any' && rng.below(2) === 0);
  const address = dataAddress(rng, bits);
  const memory = isMemory ? memoryOperand(rng, registers) : undefined;
  if (isMemory && row.modrm >= 0) return undefined;
  let immediate = interesting(rng);
  if (row.operands.some(({ kind }) => kind === 'J')) immediate = BigInt(rng.below(100));
  if (row.operands.some(({ kind }) => kind === 'O')) immediate = address & 0x7fff_ffffn;
  const request = {
    row,
    mode,
    operandSize,
    addressSize,
    reg: rng.below(registers),
    rm: row.operands.some(({ kind }) => kind === 'Z')
      ? (row.opcode & 7) | (rng.below(2) * (bits === 64 ? 8 : 0))
      : rng.below(registers),
    vvvv: rng.below(registers),
    immediate,
    isLocked: row.isLockable && isMemory && rng.below(4) === 0,
    repeat: row.isString ? [0, 0xf2, 0xf3][rng.below(3)]! : 0,
    forcesRex: bits === 64 && !row.isVex && rng.below(4) === 0,
  };
  let code = encode(memory === undefined ? request : { ...request, memory });
  if (code === undefined) return undefined;
  if (memory !== undefined) {
    if (memory.isRipRelative === true) {
      const displacement = Number(address & 0x7fff_ffffn) - (CODE_BASE + CODE_START + code.length);
      code = encode({ ...request, memory: { ...memory, displacement } })!;
    } else aim(gpr, memory, address);
  }
  if (row.isString) {
    gpr[Gpr.rsi] = dataAddress(rng, bits);
    gpr[Gpr.rdi] = dataAddress(rng, bits);
    gpr[Gpr.rcx] = BigInt(rng.below(12)) | (rng.below(4) === 0 && addressSize === Size.dword ? 1n << 40n : 0n);
  }
  if (row.mnemonic === 'xlatb') gpr[Gpr.rbx] = address - BigInt(rng.below(64));
  if (/^(cmpxchg|div|idiv)/.test(String(row.mnemonic)) && rng.below(2) === 0) {
    // Dividends that fit, and comparisons that succeed.
    gpr[Gpr.rdx] = [0n, MASK64, BigInt(rng.below(9))][rng.below(3)]!;
  }
  if (row.mnemonic === 'leave') gpr[Gpr.rbp] = dataAddress(rng, bits);
  if (bits === 32) for (let index = 0; index < 16; index++) gpr[index]! &= 0xffff_ffffn;
  const status = decoder.decode(code, 0, code.length, mode, decoded);
  if (status !== DecodeStatus.ok || decoded.row !== row) return undefined;
  const flags = (rng.next() & 0x8d5) | 0x202 | (rng.below(3) === 0 ? 0x400 : 0);
  return { row, bits, code, gpr, flags, window };
}

function memoryOperand(rng: Rng, registers: number): MemoryOperand {
  if (registers === 16 && rng.below(12) === 0) {
    return { base: -1, index: -1, scale: 0, displacement: 0, isRipRelative: true };
  }
  const index = rng.below(2) === 0 ? -1 : rng.below(registers);
  const displacement = rng.below(3) === 0 ? 0 : rng.below(2) === 0 ? rng.below(256) - 128 : rng.next() % 0x1_0000;
  return { base: rng.below(registers), index: index === 4 ? -1 : index, scale: rng.below(4), displacement };
}

/** Sets the base register so that the operand lies at an address. */
function aim(gpr: bigint[], memory: MemoryOperand, address: bigint): void {
  const { base, index, scale, displacement } = memory;
  if (index >= 0) gpr[index] = BigInt.asUintN(64, BigInt.asIntN(64, gpr[index]!) >> 40n);
  if (index === base) {
    gpr[base] = (address - BigInt(displacement)) / BigInt((1 << scale) + 1);
    return;
  }
  const offset = index < 0 ? 0n : gpr[index]! << BigInt(scale);
  gpr[base] = BigInt.asUintN(64, address - BigInt(displacement) - offset);
}
