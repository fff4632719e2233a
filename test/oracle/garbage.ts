import { PhysicalMemory } from '../../src/impl/memory.ts';
import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { Cr0, Cr4, Efer, Field, Rights, Seg } from '../../src/impl/x86/state-layout.ts';
import { X86Processor } from '../../src/impl/x86/x86-processor.ts';
import { frameNumber, hpa } from '../../src/units/address.ts';
import { mix32, type Rng } from '../../src/units/rng.ts';

/** Modes that garbage runs in, at CPL 0 and 3. */
export const GARBAGE_MODES = ['real', 'protected', 'paged', 'compatibility', 'long'] as const;
export type GarbageMode = (typeof GARBAGE_MODES)[number];

const CODE = 0x4000;
const CODE_BYTES = 64;
const TABLES = 0x1000;
const MAX_INSTRUCTIONS = 64;

const code = new Uint8Array(CODE_BYTES);
const codeWords = new Uint32Array(code.buffer);

/** A program of random bytes; the array is used again. */
export function randomBytes(rng: Rng): Uint8Array {
  for (let index = 0; index < codeWords.length; index++) codeWords[index] = rng.next();
  return code;
}

/** Random registers, three in four of them addresses from `first` on. */
export function fillRegisters({ memory, state }: X86Processor, rng: Rng, first: number, bytes: number): void {
  const at = state.base >>> 2;
  for (let n = 0; n < 16; n++) {
    memory.words[at + 2 * n] = rng.below(4) === 0 ? rng.next() : first + rng.below(bytes);
    memory.words[at + 2 * n + 1] = 0;
  }
}

/** A processor over a small memory in which random bytes are executed, from one snapshot again and again. */
export class GarbageMachine {
  readonly #memory = new PhysicalMemory();
  readonly #cpu: X86Processor;
  readonly #saved: Uint8Array;
  readonly #snapshot;

  constructor(mode: GarbageMode, cpl: 0 | 3) {
    this.#cpu = new X86Processor(this.#memory, { frameLimit: 0x400 });
    Interpreter.attach(this.#cpu);
    const { state } = this.#cpu;
    const put = (address: number, value: number): void => this.#memory.writePair(hpa(address), value >>> 0, 0);
    const isLong = mode === 'long' || mode === 'compatibility';
    if (isLong) {
      put(TABLES, 0x2007);
      put(0x2000, 0x3007);
      for (let page = 0; page < 4; page++) put(0x3000 + page * 8, page * 0x20_0000 + 0x87);
    } else this.#memory.writeWord(this.#memory.slotOf(frameNumber(1)), 0, 0x87);
    const level = mode === 'real' ? 0 : cpl;
    if (mode !== 'real') {
      const dpl = level << Rights.dplShift;
      for (const segment of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs]) {
        state.setSegment(segment, 0x10 | level, 0n, 0xffff_ffff, 0xc093 | dpl);
      }
      state.setSegment(Seg.cs, 8 | level, 0n, 0xffff_ffff, (mode === 'long' ? 0xa09b : 0xc09b) | dpl);
      const paging = mode === 'protected' ? 0 : Cr0.pg | Cr0.wp;
      state.setU64(Field.cr0, BigInt((Cr0.pe | Cr0.ne | Cr0.et | paging) >>> 0));
      state.setU64(Field.cr3, BigInt(TABLES));
      state.setU64(Field.cr4, BigInt(isLong ? Cr4.pae : Cr4.pse));
      state.setU64(Field.efer, BigInt(isLong ? Efer.lme | Efer.lma | Efer.sce : 0));
    } else state.setSegment(Seg.cs, 0, 0n, 0xffff, 0x9b);
    state.rip = BigInt(CODE);
    this.#cpu.updateContext();
    this.#memory.slotOf(frameNumber(CODE >>> 12));
    this.#saved = this.#cpu.save();
    this.#snapshot = this.#memory.snapshot();
  }

  /** Runs one random program; a word that depends on all it did. */
  run(rng: Rng): number {
    this.#memory.restore(this.#snapshot);
    this.#cpu.isNonRoot = false;
    this.#cpu.load(this.#saved);
    const { state } = this.#cpu;
    fillRegisters(this.#cpu, rng, 0, 0x8000);
    this.#memory.writeBytes(hpa(CODE), randomBytes(rng));
    const { executed, reason } = this.#cpu.run(MAX_INSTRUCTIONS);
    const digest = this.#memory.digest();
    return mix32(executed ^ mix32(state.u32(Field.rip)) ^ digest.high ^ digest.low ^ reason.length);
  }
}
