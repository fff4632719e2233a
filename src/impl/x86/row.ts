import { defined } from '../../units/invariant.ts';
import type { Builder } from './builder.ts';
import { type OperandCode, parseOperands } from './operands.ts';

/** Writes the meaning of one variant of an instruction. */
export type Semantics = (b: Builder) => void;

/** Mandatory prefix of an encoding; 'any' where prefixes do not choose the instruction. */
export type MandatoryPrefix = 'any' | 'np' | '66' | 'f3' | 'f2';

/** Which privilege an instruction needs; 'user' ones never fault for privilege. */
export type Privilege = 'user' | 'cpl0' | 'iopl' | 'special';

/** One row of the instruction table: an encoding and what it means. */
export interface InstructionRow {
  readonly id: number;
  /** Mnemonic, or one for each operand size 16, 32, 64. */
  readonly mnemonic: string | readonly [string, string, string];
  readonly encoding: string;
  /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
  readonly map: number;
  readonly opcode: number;
  readonly prefix: MandatoryPrefix;
  readonly isVex: boolean;
  /** ModRM.reg of a group, -1 for none. */
  readonly digit: number;
  /** Whole ModRM byte, -1 for none. */
  readonly modrm: number;
  readonly hasModrm: boolean;
  readonly operands: readonly OperandCode[];
  readonly operandText: string;
  /** 'mem' and 'reg' restrict ModRM.mod. */
  readonly form: 'any' | 'mem' | 'reg';
  readonly modes: 'any' | '64' | '32';
  /** Variants by operand size exist. */
  readonly isSized: boolean;
  /** Operand size is chosen by W alone: 32 or 64. */
  readonly isWide: boolean;
  /** Size of operands in 64-bit mode without prefixes. */
  readonly size64: 'usual' | 'default64' | 'force64';
  /** A repeat prefix makes variants. */
  readonly isString: boolean;
  readonly isLockable: boolean;
  /** The memory operand that is not encoded (strings, XLAT) takes a segment override, DS by default. */
  readonly usesDataSegment: boolean;
  /** Mnemonic follows the address size (JCXZ, JECXZ, JRCXZ). */
  readonly isNamedByAddressSize: boolean;
  /** 90 is NOP unless REX.B names another register. */
  readonly isNopWithoutRex: boolean;
  /** CPUID feature that announces it. */
  readonly feature: string;
  readonly class: 'user' | 'system' | 'unsupported';
  readonly privilege: Privilege;
  /** Exceptions beside those of memory operands, as the SDM names them. */
  readonly exceptions: readonly string[];
  /** Test guests whose transcripts cover a system row. */
  readonly transcripts: readonly string[];
  readonly semantics: Semantics;
}

export interface RowOptions {
  readonly form?: 'mem' | 'reg';
  readonly modes?: '64' | '32';
  readonly isSized?: boolean;
  readonly isWide?: boolean;
  readonly size64?: 'default64' | 'force64';
  readonly isString?: boolean;
  readonly isLockable?: boolean;
  readonly usesDataSegment?: boolean;
  readonly isNamedByAddressSize?: boolean;
  readonly isNopWithoutRex?: boolean;
  readonly feature?: string;
  readonly class?: 'system' | 'unsupported';
  readonly privilege?: Privilege;
  readonly exceptions?: readonly string[];
}

export type RowDraft = Omit<InstructionRow, 'id'>;

const MAPS: Readonly<Record<string, number>> = { '0F': 1, '0F38': 2, '0F3A': 3 };
const PREFIXES = ['NP', '66', 'F3', 'F2'];

/**
 * Reads an encoding in the SDM's notation: "VEX? NP|66|F3|F2? 0F|0F38|0F3A? opcode /r|/digit|mod=byte".
 *
 * NP means that none of the three prefixes may select another instruction.
 */
function parseEncoding(encoding: string) {
  const tokens = encoding.split(' ');
  let index = 0;
  const isVex = tokens[index] === 'VEX';
  if (isVex) index++;
  let prefix: MandatoryPrefix = 'any';
  if (
    PREFIXES.includes(tokens[index]!) &&
    tokens.length > index + 1 &&
    /^(0F|0F38|0F3A|[0-9A-F]{2})$/.test(tokens[index + 1]!)
  ) {
    prefix = tokens[index++]!.toLowerCase() as MandatoryPrefix;
  }
  let map = 0;
  if (tokens[index]! in MAPS && tokens.length > index + 1 && /^[0-9A-F]{2}$/.test(tokens[index + 1]!)) {
    map = MAPS[tokens[index++]!]!;
  }
  const opcode = Number.parseInt(defined(tokens[index++], 'opcode'), 16);
  const rest = tokens[index] ?? '';
  const digit = /^\/[0-7]$/.test(rest) ? Number(rest[1]) : -1;
  const modrm = rest.startsWith('mod=') ? Number.parseInt(rest.slice(4), 16) : -1;
  return { isVex, prefix, map, opcode, digit, modrm, hasModrm: rest !== '' };
}

const MODRM_KINDS = 'EMRGSCD';

/** A row from its encoding, mnemonic, operands and meaning. */
export function row(
  encoding: string,
  mnemonic: string | readonly [string, string, string],
  operandText: string,
  semantics: Semantics,
  options: RowOptions = {},
): RowDraft {
  const parsed = parseEncoding(encoding);
  const operands = parseOperands(operandText);
  const isWide = options.isWide ?? operands.some(({ size }) => size === 'y');
  return {
    mnemonic,
    encoding,
    operandText,
    operands,
    ...parsed,
    hasModrm: parsed.hasModrm || operands.some(({ kind }) => MODRM_KINDS.includes(kind)),
    form:
      options.form ??
      (operands.some(({ kind }) => kind === 'M') ? 'mem' : operands.some(({ kind }) => kind === 'R') ? 'reg' : 'any'),
    modes: options.modes ?? 'any',
    isSized: options.isSized ?? operands.some(({ size }) => size === 'v' || size === 'z' || size === 'y'),
    isWide,
    size64: options.size64 ?? 'usual',
    isString: options.isString ?? false,
    isLockable: options.isLockable ?? false,
    usesDataSegment: options.usesDataSegment ?? options.isString ?? false,
    isNamedByAddressSize: options.isNamedByAddressSize ?? false,
    isNopWithoutRex: options.isNopWithoutRex ?? false,
    feature: options.feature ?? 'base',
    class: options.class ?? 'user',
    privilege: options.privilege ?? 'user',
    exceptions: options.exceptions ?? [],
    transcripts: [],
    semantics,
  };
}

/** Two hexadecimal digits. */
export const hex2 = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
