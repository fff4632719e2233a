import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { invalidateEpt, invalidateVpid } from '../../../src/impl/vmx/translation.ts';
import { defaultHooks } from '../../../src/impl/x86/default-hooks.ts';
import { Interpreter } from '../../../src/impl/x86/interpreter.ts';
import { Cr0, Cr4, Efer, Field, Gpr, Rights, Seg } from '../../../src/impl/x86/state-layout.ts';
import { X86Processor } from '../../../src/impl/x86/x86-processor.ts';
import { hpa } from '../../../src/units/address.ts';

const ROOT = 0x1000;
const OTHER_ROOT = 0x8000;
const PAGE_TABLE = 0x4000;
const CODE = 0x10_0000;
const DATA = 0x20_0000;
const OLD = 0x30_0000;
const NEW = 0x31_0000;
const DESCRIPTOR = 0x11_0000;
const GLOBAL = 0x100;
const KEEP = 1n << 63n;

/** mov rax, [rsi]; mov cr3, rbx; invpcid rcx, [rdi]; invlpg [rsi]; mov [rsi], rdx. */
const PROGRAM = { read: CODE, load: CODE + 3, invpcid: CODE + 6, invlpg: CODE + 11, write: CODE + 14 };
const BYTES = [0x48, 0x8b, 0x06, 0x0f, 0x22, 0xdb, 0x66, 0x0f, 0x38, 0x82, 0x0f, 0x0f, 0x01, 0x3e, 0x48, 0x89, 0x16];

/** Two address spaces over the same tables; the page at DATA holds OLD or NEW. */
class Machine {
  readonly memory = new PhysicalMemory();
  readonly cpu = new X86Processor(this.memory);

  constructor(bits = 3) {
    const put = (address: number, value: number): void => this.memory.writePair(hpa(address), value, 0);
    for (const root of [ROOT, OTHER_ROOT]) put(root, 0x2003);
    put(0x2000, 0x3003);
    put(0x3000, 0x83);
    put(0x3008, PAGE_TABLE + 3);
    put(OLD, 0x0101);
    put(NEW, 0x0202);
    this.map(OLD, bits);
    this.memory.writeBytes(hpa(CODE), Uint8Array.from(BYTES));
    const { state } = this.cpu;
    state.setSegment(Seg.cs, 8, 0n, 0xffff_ffff, 0x809b | Rights.long);
    for (const segment of [Seg.ss, Seg.ds, Seg.es]) state.setSegment(segment, 16, 0n, 0xffff_ffff, 0xc093);
    state.setU64(Field.cr0, BigInt((Cr0.pg | Cr0.wp | Cr0.pe | Cr0.ne | Cr0.et) >>> 0));
    state.setU64(Field.cr3, BigInt(ROOT | 1));
    state.setU64(Field.cr4, BigInt(Cr4.pae | Cr4.pge | Cr4.pcide));
    state.setU64(Field.efer, BigInt(Efer.lme | Efer.lma));
    state.setGpr(Gpr.rsi, BigInt(DATA));
    state.setGpr(Gpr.rdi, BigInt(DESCRIPTOR));
    this.cpu.updateContext();
    Interpreter.attach(this.cpu);
  }

  map(frame: number, bits = 3): void {
    this.memory.writePair(hpa(PAGE_TABLE), frame | bits, 0);
  }

  #step(rip: number): void {
    this.cpu.state.rip = BigInt(rip);
    this.cpu.step();
  }

  /** What a load from DATA gives. */
  read(): bigint {
    this.#step(PROGRAM.read);
    return this.cpu.state.gpr(Gpr.rax);
  }

  load(cr3: bigint): void {
    this.cpu.state.setGpr(Gpr.rbx, cr3);
    this.#step(PROGRAM.load);
  }

  /** A store to DATA; the vector of the exception that it raises. */
  write(): number | undefined {
    let vector: number | undefined;
    this.cpu.hooks = {
      ...defaultHooks,
      interceptEvent: (_cpu, event) => {
        vector = event.vector;
        return true;
      },
    };
    this.cpu.isNonRoot = true;
    this.#step(PROGRAM.write);
    this.cpu.isNonRoot = false;
    return vector;
  }

  invlpg(): void {
    this.#step(PROGRAM.invlpg);
  }

  invpcid(type: bigint, pcid: number): void {
    this.cpu.state.setGpr(Gpr.rcx, type);
    this.memory.writePair(hpa(DESCRIPTOR), pcid, 0);
    this.memory.writePair(hpa(DESCRIPTOR + 8), DATA, 0);
    this.#step(PROGRAM.invpcid);
  }

  /** As VM entry and exit do with VPIDs. */
  setGuest(vpid: number, ept = 0): void {
    this.cpu.space.cache.setGuest(vpid, ept);
    this.cpu.updateContext();
  }
}

const FIRST = BigInt(ROOT | 1);
const SECOND = BigInt(OTHER_ROOT | 2);
const [BEFORE, AFTER] = [0x0101n, 0x0202n];

describe('cached translations', () => {
  it('stay until INVLPG, as on a processor', () => {
    const machine = new Machine();
    expect(machine.read()).toBe(BEFORE);
    machine.map(NEW);
    expect(machine.read()).toBe(BEFORE);
    machine.invlpg();
    expect(machine.read()).toBe(AFTER);
  });

  it('of a page are dropped by a page fault there', () => {
    const machine = new Machine(1);
    expect(machine.read()).toBe(BEFORE);
    machine.map(NEW, 1);
    expect(machine.read()).toBe(BEFORE);
    expect(machine.write()).toBe(14);
    expect(machine.read()).toBe(AFTER);
  });

  it('of another PCID stay when CR3 changes, and its own when bit 63 is set', () => {
    const machine = new Machine();
    machine.read();
    machine.load(SECOND);
    machine.map(NEW);
    expect(machine.read()).toBe(AFTER);
    machine.load(FIRST | KEEP);
    expect(machine.read()).toBe(BEFORE);
    machine.load(FIRST);
    expect(machine.read()).toBe(AFTER);
  });

  it.each([
    [0n, 1, AFTER],
    [1n, 1, AFTER],
    [1n, 2, BEFORE],
    [2n, 0, AFTER],
    [3n, 0, AFTER],
  ])('INVPCID of type %i for PCID %i reaches what it says', (type, pcid, expected) => {
    const machine = new Machine();
    machine.read();
    machine.map(NEW);
    machine.invpcid(type, pcid);
    expect(machine.read()).toBe(expected);
  });

  it('of global pages outlive MOV to CR3 and INVPCID of type 3, not one of type 2', () => {
    const machine = new Machine(3 | GLOBAL);
    machine.read();
    machine.map(NEW, 3 | GLOBAL);
    machine.load(FIRST);
    expect(machine.read()).toBe(BEFORE);
    machine.invpcid(3n, 0);
    expect(machine.read()).toBe(BEFORE);
    machine.invpcid(2n, 0);
    expect(machine.read()).toBe(AFTER);
  });

  it('of a VPID stay while others run, until INVVPID names it', () => {
    const machine = new Machine();
    machine.setGuest(5);
    machine.read();
    machine.setGuest(0);
    machine.map(NEW);
    expect(machine.read()).toBe(AFTER);
    const rereadAfter = (invalidate: () => void): bigint => {
      machine.setGuest(0);
      invalidate();
      machine.setGuest(5);
      return machine.read();
    };
    expect(rereadAfter(() => {})).toBe(BEFORE);
    expect(rereadAfter(() => invalidateVpid(machine.cpu, 1, 6, 0n))).toBe(BEFORE);
    expect(rereadAfter(() => invalidateVpid(machine.cpu, 1, 5, 0n))).toBe(AFTER);
    machine.map(OLD);
    expect(rereadAfter(() => invalidateVpid(machine.cpu, 0, 5, 0x20_1000n))).toBe(AFTER);
    expect(rereadAfter(() => invalidateVpid(machine.cpu, 0, 5, BigInt(DATA)))).toBe(BEFORE);
    machine.map(NEW);
    expect(rereadAfter(() => invalidateVpid(machine.cpu, 2, 0, 0n))).toBe(AFTER);
  });

  it('of an EPT pointer stay until INVEPT names it', () => {
    const machine = new Machine();
    machine.setGuest(5, 0x77);
    machine.read();
    machine.map(NEW);
    invalidateEpt(machine.cpu, 0x7_801en);
    expect(machine.read()).toBe(BEFORE);
    invalidateEpt(machine.cpu, 0x7_701en);
    expect(machine.read()).toBe(AFTER);
  });

  it('are dropped for the least recently used tag when there are more than fit', () => {
    const machine = new Machine();
    for (let vpid = 1; vpid <= 6; vpid++) {
      machine.setGuest(vpid);
      machine.read();
    }
    machine.map(NEW);
    machine.setGuest(1);
    expect(machine.read()).toBe(AFTER);
    machine.setGuest(6);
    expect(machine.read()).toBe(BEFORE);
  });
});
