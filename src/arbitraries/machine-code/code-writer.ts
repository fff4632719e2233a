import { CodeMode } from '../../impl/x86/code-mode.ts';

/** Registers by encoding number. */
export const Reg = { ax: 0, cx: 1, dx: 2, bx: 3, sp: 4, bp: 5, si: 6, di: 7 } as const;

/** Collects the bytes of one block of code, for 64-bit mode or for flat 32-bit protected mode. */
export class CodeWriter {
  readonly bytes: number[] = [];
  readonly is64Bit: boolean;
  readonly #address: number;

  /** `address` is where the block will stand. */
  constructor(is64Bit: boolean, address = 0) {
    this.is64Bit = is64Bit;
    this.#address = address;
  }

  /** Address of the next byte. */
  get here(): number {
    return this.#address + this.bytes.length;
  }

  get mode(): number {
    return this.is64Bit ? CodeMode.bits64 : CodeMode.bits32;
  }

  emit(...bytes: readonly number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  u32(value: number): this {
    return this.emit(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
  }

  /** MOV of an immediate to one of the eight low registers: 32 bits, or all 64 where the value or the mode wants it. */
  set(register: number, value: number): this {
    if (!this.is64Bit || (value >= 0 && value < 2 ** 32)) return this.emit(0xb8 + register).u32(value);
    const low = value >>> 0;
    return this.emit(0x48, 0xb8 + register)
      .u32(low)
      .u32(Math.floor(value / 2 ** 32));
  }

  /** MOV of a 64-bit immediate given as halves; the low one alone in 32-bit mode. */
  setHalves(register: number, low: number, high: number): this {
    if (!this.is64Bit || high === 0) return this.set(register, low >>> 0);
    return this.emit(0x48, 0xb8 + register)
      .u32(low)
      .u32(high);
  }

  /** MOV between memory at [register] and AL, AX, EAX or RAX. */
  access(register: number, sizeBytes: number, isWrite: boolean): this {
    if (sizeBytes === 2) this.emit(0x66);
    if (sizeBytes === 8 && this.is64Bit) this.emit(0x48);
    const opcode = (isWrite ? 0x88 : 0x8a) | (sizeBytes === 1 ? 0 : 1);
    return this.emit(opcode, register);
  }

  /** MOV of a 32-bit immediate to [BX + offset], offset up to 255. */
  store32(offset: number, value: number): this {
    if (offset < 0x80) return this.emit(0xc7, 0x43, offset).u32(value);
    return this.emit(0xc7, 0x83).u32(offset).u32(value);
  }

  /** PUSH of an immediate, sign-extended to the width of the mode. */
  push8(value: number): this {
    return this.emit(0x6a, value);
  }

  push32(value: number): this {
    return this.emit(0x68).u32(value);
  }

  /** Changes a 32-bit value that was written before. */
  patch32(index: number, value: number): this {
    for (let byte = 0; byte < 4; byte++) this.bytes[index + byte] = (value >>> (8 * byte)) & 0xff;
    return this;
  }

  /** ModRM with a register operand. */
  modrm(reg: number, rm: number): this {
    return this.emit(0xc0 | (reg << 3) | rm);
  }
}
