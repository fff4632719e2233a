import { PhysicalMemory } from '../../src/impl/memory.ts';
import { defaultHooks } from '../../src/impl/x86/default-hooks.ts';
import type { DeliveredEvent } from '../../src/impl/x86/hooks.ts';
import { Cr0, Cr4, Efer, Field, Rights, Seg } from '../../src/impl/x86/state-layout.ts';
import { X86Processor } from '../../src/impl/x86/x86-processor.ts';
import { type Hpa, hpa } from '../../src/units/address.ts';

/** Places that `host-cpu.c` uses, too. */
export const CODE_BASE = 0x1000_0000;
export const CODE_START = 0x800;
export const DATA_BASE = 0x2000_0000;
export const DATA_BYTES = 0x2000;
export const WINDOW_START = 0xf80;
export const WINDOW_BYTES = 256;

const PML4 = 0x1000;
const CODE_FRAME = 0x8000;
const DATA_FRAME = 0x9000;
/** Not behind the first in physical memory. */
const SECOND_CODE_FRAME = 0xc000;
const PRESENT_USER = 5n;
const WRITABLE = 2n;
const NO_EXECUTE = 1n << 63n;

/** Code beside what `host-cpu.c` has. */
export interface CodePages {
  /** 2: a second page behind the first. */
  readonly count: 1 | 2;
  readonly areWritable: boolean;
}

/** A processor in user mode with the memory map of `host-cpu.c`: one code page, two data pages, nothing else but what is asked for. */
export class UserMachine {
  readonly memory = new PhysicalMemory();
  readonly cpu: X86Processor;
  /** The exception that ended the last run. */
  event: DeliveredEvent | undefined;
  readonly codeHost: number;
  /** Places of all code pages. */
  readonly codeHosts: readonly number[];
  readonly dataHost: number;

  constructor(pages: CodePages = { count: 1, areWritable: false }) {
    this.cpu = new X86Processor(this.memory, {
      hooks: {
        ...defaultHooks,
        // Non-root only so that events end the run: instructions do not exit.
        intercept: () => false,
        interceptEvent: (cpu, event) => {
          this.event = event;
          cpu.stopRequested = true;
          return true;
        },
      },
    });
    this.cpu.isNonRoot = true;
    let nextTable = PML4 + 0x1000;
    const put = (address: number, value: bigint): void => this.#put(hpa(address), value);
    const map = (linear: number, frame: number, bits: bigint): void => {
      let table = PML4;
      for (let level = 4; level >= 2; level--) {
        const at = table + (Math.floor(linear / 2 ** (12 + 9 * (level - 1))) % 512) * 8;
        let entry = this.cpu.readPhysical(at, 8);
        if (entry === 0n) {
          entry = BigInt(nextTable) | 7n;
          nextTable += 0x1000;
          put(at, entry);
        }
        table = Number(entry & 0xf_ffff_f000n);
      }
      put(table + ((linear >>> 12) % 512) * 8, BigInt(frame) | bits);
    };
    const code = pages.areWritable ? PRESENT_USER | WRITABLE : PRESENT_USER;
    const frames = [CODE_FRAME, SECOND_CODE_FRAME].slice(0, pages.count);
    frames.forEach((frame, index) => {
      map(CODE_BASE + index * 0x1000, frame, code);
    });
    map(DATA_BASE, DATA_FRAME, PRESENT_USER | WRITABLE | NO_EXECUTE);
    map(DATA_BASE + 0x1000, DATA_FRAME + 0x1000, PRESENT_USER | WRITABLE | NO_EXECUTE);
    this.codeHosts = frames.map(frame => this.memory.slotOf((frame >> 12) as never) * 4096);
    this.codeHost = this.codeHosts[0]!;
    this.dataHost = this.memory.slotOf((DATA_FRAME >> 12) as never) * 4096;
    this.memory.slotOf(((DATA_FRAME >> 12) + 1) as never);
    this.memory.bytes.fill(0xcc, this.codeHost, this.codeHost + 4096);
  }

  #put(address: Hpa, value: bigint): void {
    this.memory.writePair(address, Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  /**
   * Puts the processor into 64-bit or compatibility mode at CPL 3, with flat segments; 16-bit code and its data have segments
   * of 64 KiB with a base, that of CS `codeBase`.
   */
  setMode(bits: 16 | 32 | 64, codeBase = CODE_BASE): void {
    const { state } = this.cpu;
    const user = 3 << Rights.dplShift;
    for (const segment of [Seg.es, Seg.ss, Seg.ds]) {
      if (bits === 16) state.setSegment(segment, 0x2b, BigInt(DATA_BASE), 0xffff, 0x0093 | user);
      else state.setSegment(segment, 0x2b, 0n, 0xffff_ffff, 0xc093 | user);
    }
    for (const segment of [Seg.fs, Seg.gs]) state.setSegment(segment, 0, 0n, 0, Rights.unusable);
    if (bits === 64) state.setSegment(Seg.cs, 0x33, 0n, 0xffff_ffff, 0xa09b | user);
    else if (bits === 32) state.setSegment(Seg.cs, 0x23, 0n, 0xffff_ffff, 0xc09b | user);
    else state.setSegment(Seg.cs, 0x23, BigInt(codeBase), 0xffff, 0x009b | user);
    state.setU64(Field.cr0, BigInt(Cr0.pg | Cr0.wp | Cr0.pe | Cr0.ne | Cr0.et) & 0xffff_ffffn);
    state.setU64(Field.cr3, BigInt(PML4));
    state.setU64(Field.cr4, BigInt(Cr4.pae | Cr4.pge | Cr4.umip));
    state.setU64(Field.efer, BigInt(Efer.lme | Efer.lma | Efer.nxe | Efer.sce));
    this.cpu.updateContext();
  }
}
