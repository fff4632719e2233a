import { describe, expect, it } from 'vitest';
import { Cpu } from '../../src/impl/cpu.ts';
import { HostException } from '../../src/impl/host-exception.ts';
import { PhysicalMemory } from '../../src/impl/memory.ts';
import { setXcr0, XSTATE_BV_WORD, xrstor, xsave } from '../../src/impl/xsave.ts';
import { frameOf, hpa } from '../../src/units/address.ts';

/* XSAVE and XRSTOR against the SDM's description of the standard format (Vol. 1, "Operation of XSAVE", "Operation of XRSTOR"). */

const AREA = 16;

function machine(xcr0: number): { memory: PhysicalMemory; slot: number; cpu: Cpu; word(index: number): number } {
  const memory = new PhysicalMemory();
  const slot = memory.slotOf(frameOf(hpa(0x10_0000)));
  const cpu = new Cpu(0, memory);
  cpu.xcr0 = xcr0;
  return { memory, slot, cpu, word: index => memory.readWord(slot, AREA + index) };
}

function load(cpu: Cpu, word: number, value: number): void {
  cpu.fpu[word] = value;
  cpu.fpuVersion += 1;
}

describe('XSAVE', () => {
  it('writes the components in XCR0 and leaves the others', () => {
    const { memory, slot, cpu, word } = machine(3);
    load(cpu, 8, 0x11);
    load(cpu, 40, 0x22);
    load(cpu, 144, 0x33);
    memory.writeWord(slot, AREA + 144, 0x99);
    xsave(memory, slot, AREA, cpu);
    expect([word(8), word(40), word(144)]).toEqual([0x11, 0x22, 0x99]);
  });

  it('keeps the XSTATE_BV bits of components outside of XCR0', () => {
    const { memory, slot, cpu, word } = machine(3);
    memory.writeWord(slot, AREA + XSTATE_BV_WORD, 0b100);
    load(cpu, XSTATE_BV_WORD, 0b111);
    xsave(memory, slot, AREA, cpu);
    expect(word(XSTATE_BV_WORD)).toBe(0b111);
  });

  it('after another write of the area writes it again', () => {
    const { memory, slot, cpu, word } = machine(3);
    load(cpu, 40, 5);
    xsave(memory, slot, AREA, cpu);
    memory.writeWord(slot, AREA + 40, 6);
    xsave(memory, slot, AREA, cpu);
    expect(word(40)).toBe(5);
  });
});

describe('XRSTOR', () => {
  it('initialises components that XSTATE_BV lacks', () => {
    const { memory, slot, cpu } = machine(7);
    load(cpu, 40, 1);
    load(cpu, 144, 2);
    memory.writeWord(slot, AREA + XSTATE_BV_WORD, 0b10);
    memory.writeWord(slot, AREA + 40, 7);
    memory.writeWord(slot, AREA + 6, 0x1f80);
    xrstor(memory, slot, AREA, cpu);
    expect([cpu.fpu[0], cpu.fpu[40], cpu.fpu[144]]).toEqual([0x37f, 7, 0]);
  });

  it.each([
    ['a component outside of XCR0', XSTATE_BV_WORD, 4],
    ['XCOMP_BV', XSTATE_BV_WORD + 2, 1],
    ['a reserved bit of MXCSR', 6, 0x1_0000],
  ])('refuses %s with #GP', (_name, word, value) => {
    const { memory, slot, cpu } = machine(3);
    memory.writeWord(slot, AREA + word, value);
    expect(() => xrstor(memory, slot, AREA, cpu)).toThrow(HostException);
  });

  it('loads what was changed behind its back after an XSAVE to the same place', () => {
    const { memory, slot, cpu } = machine(3);
    xsave(memory, slot, AREA, cpu);
    memory.writeWord(slot, AREA + XSTATE_BV_WORD, 2);
    memory.writeWord(slot, AREA + 40, 9);
    xrstor(memory, slot, AREA, cpu);
    expect(cpu.fpu[40]).toBe(9);
  });
});

describe('XSETBV', () => {
  it.each([
    [1, true],
    [3, true],
    [7, true],
    [0xe7, true],
    [0, false],
    [2, false],
    [5, false],
    [0x27, false],
    [0x67, false],
    [0xa7, false],
    [0xc7, false],
    [0xe3, false],
    [0x107, false],
  ])('of 0x%s: %s', (value, valid) => {
    const { cpu } = machine(1);
    const set = (): void => setXcr0(cpu, value, 0xe7);
    if (valid) expect(set).not.toThrow();
    else expect(set).toThrow(HostException);
  });
});
