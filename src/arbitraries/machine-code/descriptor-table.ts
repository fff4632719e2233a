import { type CodeWriter, Reg } from './code-writer.ts';

/** Selectors of the table, with requested privilege level 0. */
export const Selector = {
  code: 0x08,
  data: 0x10,
  task: 0x18,
  userData: 0x28,
  userCode: 0x30,
  gate: 0x38,
  /** Code of the other width. */
  otherCode: 0x48,
} as const;

/** Upper halves of flat descriptors (SDM Vol. 3A, "Segment Descriptors"); the lower half is always the limit. */
const FLAT_LIMIT = 0xffff;
const CODE = { wide: 0x00af_9b00, narrow: 0x00cf_9b00 } as const;
const USER = 0x6000;
const DATA = 0x00cf_9300;
/** Type 9, an available task-state segment. */
const TASK = 0x8900;
const TASK_LIMIT = 0x67;
/** Type 12, a call gate that ring 3 may use. */
const GATE = 0xec00;

/** Offsets in the area: the table, a far pointer, limit and base for LGDT, the task-state segment. */
const AT = { farPointer: 0x58, pseudoDescriptor: 0x76, task: 0x80 } as const;
const TABLE_LIMIT = 0x4f;

/** A place in the code whose target is still open. */
export interface OpenTarget {
  leadTo(address: number): void;
}

/** Code that builds a global descriptor table in the subject's memory. */
export class DescriptorTable {
  readonly #code: CodeWriter;
  readonly #area: number;

  constructor(code: CodeWriter, area: number) {
    this.#code = code;
    this.#area = area;
    code.set(Reg.bx, area);
  }

  #entry(selector: number, low: number, high: number): this {
    this.#code.store32(selector, low >>> 0).store32(selector + 4, high >>> 0);
    return this;
  }

  /** Flat code and data of rings 0 and 3, and code of the other width. */
  flat(): this {
    const { is64Bit } = this.#code;
    const own = is64Bit ? CODE.wide : CODE.narrow;
    return this.#entry(Selector.code, FLAT_LIMIT, own)
      .#entry(Selector.data, FLAT_LIMIT, DATA)
      .#entry(Selector.userData, FLAT_LIMIT, DATA | USER)
      .#entry(Selector.userCode, FLAT_LIMIT, own | USER)
      .#entry(Selector.otherCode, FLAT_LIMIT, is64Bit ? CODE.narrow : CODE.wide);
  }

  /** A task-state segment with the stack of ring 0. */
  taskState(stack: number): this {
    const code = this.#code;
    const base = this.#area + AT.task;
    this.#entry(
      Selector.task,
      ((base & 0xffff) << 16) | TASK_LIMIT,
      (base & 0xff00_0000) | TASK | ((base >>> 16) & 0xff),
    );
    if (code.is64Bit) this.#entry(Selector.task + 8, 0, 0);
    code.store32(AT.task + 4, stack).store32(AT.task + 8, code.is64Bit ? 0 : Selector.data);
    return this;
  }

  /** A call gate from ring 3 to ring 0. */
  callGate(): OpenTarget {
    const code = this.#code;
    const low = code.store32(Selector.gate, 0).bytes.length - 4;
    const high = code.store32(Selector.gate + 4, 0).bytes.length - 4;
    if (code.is64Bit) this.#entry(Selector.gate + 8, 0, 0);
    return {
      leadTo(address) {
        code.patch32(low, ((Selector.code << 16) | (address & 0xffff)) >>> 0);
        code.patch32(high, ((address & 0xffff_0000) | GATE) >>> 0);
      },
    };
  }

  /** LGDT. */
  load(): this {
    this.#code.store32(AT.pseudoDescriptor - 2, TABLE_LIMIT << 16).store32(AT.pseudoDescriptor + 2, this.#area);
    this.#code.store32(AT.pseudoDescriptor + 6, 0).emit(0x0f, 0x01, 0x53, AT.pseudoDescriptor);
    return this;
  }

  /** A far call to a selector alone: what a gate or a task takes. */
  call(selector: number): void {
    this.#far(selector, 3, 0x9a).leadTo(0);
  }

  /** A far jump. */
  jump(selector: number): OpenTarget {
    return this.#far(selector, 5, 0xea);
  }

  /** By an immediate operand, or in 64-bit mode through memory. */
  #far(selector: number, extension: number, opcode: number): OpenTarget {
    const code = this.#code;
    let at: number;
    if (code.is64Bit) {
      code.set(Reg.bx, this.#area);
      at = code.store32(AT.farPointer, 0).bytes.length - 4;
      code.store32(AT.farPointer + 4, selector).emit(0xff, 0x40 | (extension << 3) | Reg.bx, AT.farPointer);
    } else {
      at = code.emit(opcode).u32(0).bytes.length - 4;
      code.emit(selector & 0xff, selector >>> 8);
    }
    return { leadTo: address => void code.patch32(at, address) };
  }
}
