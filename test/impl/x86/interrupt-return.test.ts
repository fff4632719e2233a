import { describe, expect, it } from 'vitest';
import { Cr0, Field, Flag, Interruptibility, Seg } from '../../../src/impl/x86/state-layout.ts';
import { type GuestMachine, guestMachine } from '../../guests/machine.ts';

const STACK = 0x8000;

/** A machine in real-address mode at an IRET, with NMIs blocked. */
function atReturn(frame: readonly number[]): GuestMachine {
  const machine = guestMachine(Uint8Array.of());
  const { cpu } = machine;
  const { state } = cpu;
  cpu.writePhysical(0x7000, 1, 0xcfn);
  frame.forEach((word, index) => {
    cpu.writePhysical(STACK + index * 2, 2, BigInt(word));
  });
  state.setU64(Field.cr0, BigInt(Cr0.et));
  state.setSegment(Seg.cs, 0, 0n, 0xffff, 0x9b);
  state.setSegment(Seg.ss, 0, 0n, 0xffff, 0x93);
  state.rip = 0x7000n;
  state.setGpr(4, BigInt(STACK));
  state.setU32(Field.interruptibility, Interruptibility.nmi);
  cpu.updateContext();
  return machine;
}

describe('IRET with NMIs blocked', () => {
  it('unblocks them in real-address mode, too', () => {
    const { cpu } = atReturn([0x1234, 0x100, 0x2]);
    cpu.step();
    expect([cpu.state.rip, cpu.state.selector(Seg.cs)]).toEqual([0x1234n, 0x100]);
    expect(cpu.state.u32(Field.interruptibility)).toBe(0);
    expect(cpu.isBlockedReturn).toBe(false);
  });

  it('unblocks them even if it faults, and forgets that by the next instruction', () => {
    const { cpu } = atReturn([]);
    // The stack pointer at the end of its segment: #SS through the interrupt table.
    cpu.state.setGpr(4, 0xffffn);
    cpu.writePhysical(12 * 4, 4, 0x0000_5000n);
    cpu.writePhysical(0x5000, 1, 0x90n);
    cpu.step();
    expect(cpu.state.rip).toBe(0x5000n);
    expect(cpu.state.u32(Field.interruptibility)).toBe(0);
    expect(cpu.isBlockedReturn).toBe(false);
  });
});

describe('RF', () => {
  it('is what IRETD loads, also if the IRETD began with it', () => {
    for (const image of [Flag.rf | 2, 2]) {
      const { cpu } = atReturn([]);
      // 66: doublewords.
      cpu.writePhysical(0x7000, 2, 0xcf66n);
      [0x1234n, 0x100n, BigInt(image)].forEach((value, index) => {
        cpu.writePhysical(STACK + index * 4, 4, value);
      });
      cpu.state.rflags = Flag.rf | 2;
      cpu.updateContext();
      cpu.step();
      expect([cpu.state.rip, cpu.state.rflags & Flag.rf]).toEqual([0x1234n, image & Flag.rf]);
    }
  });
});
