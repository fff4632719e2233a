import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { CodeCache } from '../../../src/impl/x86/code-cache.ts';
import { CodeMode } from '../../../src/impl/x86/code-mode.ts';
import { Interpreter } from '../../../src/impl/x86/interpreter.ts';
import { interpreterModule } from '../../../src/impl/x86/interpreter-module.ts';
import { Cr0, Field, Gpr, Seg } from '../../../src/impl/x86/state-layout.ts';
import { X86Processor } from '../../../src/impl/x86/x86-processor.ts';
import { frameNumber, hpa } from '../../../src/units/address.ts';

const INC_EAX = 0x40;
/** More than the cache holds records. */
const INSTRUCTIONS = 20_000;
const CODE = 0x1_0000;

/** 32-bit code without paging. */
function flatProcessor(memory: PhysicalMemory): X86Processor {
  const cpu = new X86Processor(memory);
  const { state } = cpu;
  for (const segment of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs])
    state.setSegment(segment, 16, 0n, 0xffff_ffff, 0xc093);
  state.setSegment(Seg.cs, 8, 0n, 0xffff_ffff, 0xc09b);
  state.setU64(Field.cr0, BigInt(Cr0.pe | Cr0.ne | Cr0.et));
  cpu.updateContext();
  Interpreter.attach(cpu);
  return cpu;
}

describe('the code cache', () => {
  it('drops all records when it is full, and the program goes on', () => {
    const memory = new PhysicalMemory();
    const cpu = flatProcessor(memory);
    memory.writeBytes(hpa(CODE), new Uint8Array(INSTRUCTIONS).fill(INC_EAX));
    for (let round = 1; round <= 3; round++) {
      cpu.state.rip = BigInt(CODE);
      expect(cpu.run(INSTRUCTIONS)).toEqual({ executed: INSTRUCTIONS, reason: 'budget' });
      expect(cpu.state.gpr(Gpr.rax)).toBe(BigInt(round * INSTRUCTIONS));
      expect(cpu.state.rip).toBe(BigInt(CODE + INSTRUCTIONS));
    }
  });

  it('gives the place of code that changed to what comes next, and says so', () => {
    const memory = new PhysicalMemory();
    const cache = new CodeCache(memory, interpreterModule());
    const [kept, changing] = [0x10, 0x11].map(frame => memory.slotOf(frameNumber(frame))) as [number, number];
    const keptRecord = cache.find(kept, 0, CodeMode.bits64);
    const record = cache.find(changing, 0, CodeMode.bits64);
    // Even at the start of the memory no record is at 0, which stands for none.
    expect(keptRecord).toBeGreaterThan(0);
    const { generation } = cache;
    memory.writeWord(changing, 0, 0xc3);
    expect(cache.hasCode(changing)).toBe(false);
    expect(cache.generation).not.toBe(generation);
    expect(cache.find(changing, 0, CodeMode.bits64)).toBe(record);
    expect(cache.find(kept, 0, CodeMode.bits64)).toBe(keptRecord);
    expect([cache.slotOf(record), cache.slotOf(keptRecord)]).toEqual([changing, kept]);
  });
});
