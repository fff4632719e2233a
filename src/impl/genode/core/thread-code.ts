/** Registers of a thread: sixteen general ones by their number on x86-64, then instruction pointer and flags. */
export type ThreadRegisters = readonly bigint[];

const RSP = 4;
export const RIP = 16;
export const RFLAGS = 17;
export const REGISTER_COUNT = 18;

/** Flags of a thread that starts: interrupts are enabled, bit 1 is always set. */
export const START_FLAGS = 0x202n;
const [CF, PF, AF, ZF, SF, OF] = [0, 2, 4, 6, 7, 11];

/** Exceptions of the processor that threads can raise (SDM vol. 3A, table 7-1). */
export const Vector = { debug: 1, breakpoint: 3, invalidOpcode: 6, stack: 12, generalProtection: 13 } as const;

/** Memory of a thread; an access that fails yields undefined, and the instruction has no effect. */
export interface ThreadMemory {
  /** Code from an address: as many bytes as there are, at most `sizeBytes`. */
  fetch(address: bigint, sizeBytes: number): Uint8Array;
  /** The code ends before the instruction does. */
  missing(address: bigint): void;
  load(address: bigint): bigint | undefined;
  store(address: bigint, value: bigint): boolean;
}

/** What one instruction did. */
export type ThreadStep =
  | { readonly kind: 'done'; readonly registers: ThreadRegisters }
  /** Registers as the handler of the exception sees them. */
  | { readonly kind: 'exception'; readonly vector: number; readonly registers: ThreadRegisters }
  | { readonly kind: 'fault' };

/** Longest instruction of the processor. */
const MAX_INSTRUCTION_BYTES = 15;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
/** Addresses whose upper bits repeat bit 47; others are refused before any translation (SDM vol. 1, 3.3.7.1). */
const isCanonical = (address: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;
const bit = (value: bigint, place: number): bigint => (value >> BigInt(place)) & 1n;

function isEvenParity(value: bigint): boolean {
  let rest = Number(value & 0xffn);
  rest ^= rest >> 4;
  rest ^= rest >> 2;
  rest ^= rest >> 1;
  return (rest & 1) === 0;
}

/** Flags after a + b or a - b (SDM vol. 1, 3.4.3.1); INC and DEC keep the carry. */
function arithmeticFlags(flags: bigint, a: bigint, b: bigint, isMinus: boolean, keepsCarry: boolean): bigint {
  const exact = isMinus ? a - b : a + b;
  const result = u64(exact);
  const isOverflow = isMinus
    ? bit(a, 63) !== bit(b, 63) && bit(result, 63) !== bit(a, 63)
    : bit(a, 63) === bit(b, 63) && bit(result, 63) !== bit(a, 63);
  const set: readonly (readonly [number, boolean])[] = [
    ...(keepsCarry ? [] : ([[CF!, exact !== result]] as const)),
    [PF!, isEvenParity(result)],
    [AF!, bit(a ^ b ^ result, 4) === 1n],
    [ZF!, result === 0n],
    [SF!, bit(result, 63) === 1n],
    [OF!, isOverflow],
  ];
  return set.reduce((sum, [place, isSet]) => {
    const mask = 1n << BigInt(place);
    return isSet ? sum | mask : sum & ~mask;
  }, flags);
}

/** An instruction while it is decoded and executed. */
class Instruction {
  readonly #memory: ThreadMemory;
  readonly #start: bigint;
  readonly #code: Uint8Array;
  readonly registers: bigint[];
  #at = 0;
  /** The code or an operand is not there. */
  hasFaulted = false;
  vector = 0;

  constructor(registers: ThreadRegisters, memory: ThreadMemory) {
    this.#memory = memory;
    this.#start = registers[RIP]!;
    this.#code = memory.fetch(this.#start, MAX_INSTRUCTION_BYTES);
    this.registers = [...registers];
  }

  #byte(): number {
    const byte = this.#code[this.#at];
    if (byte === undefined && !this.hasFaulted) {
      this.hasFaulted = true;
      this.#memory.missing(u64(this.#start + BigInt(this.#at)));
    }
    this.#at += 1;
    return byte ?? 0;
  }

  #immediate(bytes: number): bigint {
    let value = 0n;
    for (let place = 0; place < bytes; place++) value |= BigInt(this.#byte()) << BigInt(8 * place);
    return BigInt.asIntN(8 * bytes, value);
  }

  #raise(vector: number): void {
    if (this.vector === 0) this.vector = vector;
  }

  #load(address: bigint, vector: number = Vector.generalProtection): bigint {
    if (!isCanonical(address) || !isCanonical(u64(address + 7n))) {
      this.#raise(vector);
      return 0n;
    }
    const value = this.#memory.load(address);
    if (value === undefined) this.hasFaulted = true;
    return value ?? 0n;
  }

  #store(address: bigint, value: bigint, vector: number = Vector.generalProtection): void {
    if (!isCanonical(address) || !isCanonical(u64(address + 7n))) this.#raise(vector);
    else if (!this.#memory.store(address, value)) this.hasFaulted = true;
  }

  #jump(isTaken: boolean): void {
    const distance = this.#immediate(1);
    if (isTaken) this.#target = u64(this.#start + BigInt(this.#at) + distance);
  }

  #target: bigint | undefined;

  run(): void {
    const first = this.#byte();
    if (first >= 0x40 && first <= 0x4f) this.#withRex(first, this.#byte());
    else this.#plain(first);
    const next = u64(this.#start + BigInt(this.#at));
    if (this.#target !== undefined && !isCanonical(this.#target)) this.#raise(Vector.generalProtection);
    if (!this.hasFaulted) this.registers[RIP] = this.#target ?? next;
  }

  #plain(opcode: number): void {
    switch (opcode) {
      case 0x90:
        return;
      case 0xf3:
        if (this.#byte() !== 0x90) this.#raise(Vector.invalidOpcode);
        return;
      case 0xcc:
        this.#raise(Vector.breakpoint);
        return;
      case 0xf4:
        this.#raise(Vector.generalProtection);
        return;
      case 0xeb:
        this.#jump(true);
        return;
      case 0x74:
      case 0x75:
        this.#jump((bit(this.registers[RFLAGS]!, ZF!) === 1n) === (opcode === 0x74));
        return;
      case 0xe8: {
        const distance = this.#immediate(4);
        const next = u64(this.#start + BigInt(this.#at));
        this.#push(next);
        this.#target = u64(next + distance);
        return;
      }
      case 0xc3:
        this.#target = this.#pop();
        return;
      default:
        this.#stack(opcode, 0);
    }
  }

  #stack(opcode: number, extra: number): void {
    const register = extra + (opcode & 7);
    if (opcode >= 0x50 && opcode <= 0x57) this.#push(this.registers[register]!);
    else if (opcode >= 0x58 && opcode <= 0x5f) this.registers[register] = this.#pop();
    else this.#raise(Vector.invalidOpcode);
  }

  #push(value: bigint): void {
    const place = u64(this.registers[RSP]! - 8n);
    this.#store(place, value, Vector.stack);
    this.registers[RSP] = place;
  }

  #pop(): bigint {
    const value = this.#load(this.registers[RSP]!, Vector.stack);
    this.registers[RSP] = u64(this.registers[RSP]! + 8n);
    return value;
  }

  #withRex(rex: number, opcode: number): void {
    const base = (rex & 1) * 8;
    const isWide = (rex & 8) !== 0;
    if (!isWide) {
      this.#stack(opcode, base);
      return;
    }
    if (opcode >= 0xb8 && opcode <= 0xbf) {
      this.registers[base + (opcode & 7)] = u64(this.#immediate(8));
      return;
    }
    const operands = [0x01, 0x29, 0x39, 0x89, 0x8b, 0xc7, 0xff];
    if (!operands.includes(opcode)) {
      this.#raise(Vector.invalidOpcode);
      return;
    }
    const modrm = this.#byte();
    const isMemory = modrm < 0x40;
    const [reg, low] = [(modrm >> 3) & 7, modrm & 7];
    const isMove = opcode === 0x89 || opcode === 0x8b;
    const isKnown = isMemory ? isMove && low !== 4 && low !== 5 : modrm >= 0xc0;
    if (isKnown) this.#operate(opcode, reg + (rex & 4) * 2, low + base, reg, isMemory);
    else this.#raise(Vector.invalidOpcode);
  }

  #operate(opcode: number, source: number, target: number, extension: number, isMemory: boolean): void {
    const { registers } = this;
    switch (opcode) {
      case 0x89:
        if (isMemory) this.#store(registers[target]!, registers[source]!);
        else registers[target] = registers[source]!;
        return;
      case 0x8b:
        registers[source] = isMemory ? this.#load(registers[target]!) : registers[target]!;
        return;
      case 0xc7:
        if (extension === 0) registers[target] = u64(this.#immediate(4));
        else this.#raise(Vector.invalidOpcode);
        return;
      case 0xff:
        if (extension <= 1) this.#add(target, 1n, extension === 1, true, true);
        else this.#raise(Vector.invalidOpcode);
        return;
      default:
        this.#add(target, registers[source]!, opcode !== 0x01, false, opcode !== 0x39);
    }
  }

  #add(target: number, value: bigint, isMinus: boolean, keepsCarry: boolean, isKept: boolean): void {
    const { registers } = this;
    const before = registers[target]!;
    registers[RFLAGS] = arithmeticFlags(registers[RFLAGS]!, before, value, isMinus, keepsCarry);
    if (isKept) registers[target] = u64(isMinus ? before - value : before + value);
  }
}

/**
 * Executes one instruction of a hosted thread: 64-bit MOV between registers, memory at a register and immediates, ADD, SUB,
 * CMP, INC, DEC, PUSH, POP, CALL, RET, JMP, JZ, JNZ with short distances, NOP and PAUSE in their encodings for x86-64. INT3 is
 * a breakpoint, HLT is not allowed in user mode, and any other instruction an invalid opcode.
 */
export function executeThread(registers: ThreadRegisters, memory: ThreadMemory): ThreadStep {
  const instruction = new Instruction(registers, memory);
  instruction.run();
  if (instruction.hasFaulted) return { kind: 'fault' };
  const { vector } = instruction;
  if (vector === 0) return { kind: 'done', registers: instruction.registers };
  // A breakpoint is a trap: its handler sees the next instruction. What else there is are faults, without any effect.
  const seen = vector === Vector.breakpoint ? instruction.registers : registers;
  return { kind: 'exception', vector, registers: seen };
}
