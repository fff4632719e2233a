import type { CpuState } from './cpu-state.ts';
import { Cr4, Field } from './state-layout.ts';

/** What a breakpoint waits for: DR7.R/W (SDM Vol. 3B, "Debug Control Register (DR7)"). */
const Kind = { instruction: 0, write: 1, port: 2, readWrite: 3 } as const;
/** Bytes by DR7.LEN. */
const LENGTHS = [1, 2, 8, 4];
const COUNT = 4;
const ENABLE_BITS = 0xff;

interface Breakpoint {
  /** Its bit in DR6. */
  readonly bit: number;
  readonly kind: number;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The breakpoints that DR0 .. DR3 and DR7 set up.
 *
 * While one is enabled the processor runs instruction by instruction, and every data access is announced here.
 */
export class Breakpoints {
  #enabled: readonly Breakpoint[] = [];
  #dr7 = 0;
  /** DR6 bits of the data and port accesses of the instruction at hand. */
  hits = 0;

  get isActive(): boolean {
    return this.#enabled.length > 0;
  }

  /** Takes DR0 .. DR3, DR7 and CR4.DE over. */
  refresh(state: CpuState): void {
    const dr7 = state.u32(Field.dr7);
    if ((dr7 & ENABLE_BITS) === 0) {
      if (this.#dr7 !== 0) this.#enabled = [];
      this.#dr7 = 0;
      return;
    }
    this.#dr7 = dr7;
    const hasPorts = (state.u32(Field.cr4) & Cr4.de) !== 0;
    const enabled: Breakpoint[] = [];
    for (let index = 0; index < COUNT; index++) {
      const kind = (dr7 >>> (16 + 4 * index)) & 3;
      if (((dr7 >>> (2 * index)) & 3) === 0 || (kind === Kind.port && !hasPorts)) continue;
      const bytes = LENGTHS[(dr7 >>> (18 + 4 * index)) & 3]!;
      // The low bits of the address do not count.
      const first = state.u64(Field.dr0 + 8 * index) & ~BigInt(bytes - 1);
      enabled.push({ bit: 1 << index, kind, first, last: first + BigInt(bytes - 1) });
    }
    this.#enabled = enabled;
  }

  /** DR6 bits of instruction breakpoints at a linear address. */
  atInstruction(linear: bigint): number {
    return this.#match(linear, 1, kind => kind === Kind.instruction);
  }

  /** Notes an access to data at a linear address. */
  noteData(linear: bigint, sizeBytes: number, isWrite: boolean): void {
    this.hits |= this.#match(linear, sizeBytes, kind => kind === Kind.readWrite || (kind === Kind.write && isWrite));
  }

  /** Notes an access to a port. */
  notePort(port: number, sizeBytes: number): void {
    if (this.isActive) this.hits |= this.#match(BigInt(port), sizeBytes, kind => kind === Kind.port);
  }

  #match(address: bigint, sizeBytes: number, isKind: (kind: number) => boolean): number {
    let bits = 0;
    for (const { bit, kind, first, last } of this.#enabled) {
      if (isKind(kind) && address <= last && address + BigInt(sizeBytes - 1) >= first) bits |= bit;
    }
    return bits;
  }
}
