import { describe, expect, it } from 'vitest';
import { CodeMode } from '../../../src/impl/x86/code-mode.ts';
import { Decoder, newInstruction } from '../../../src/impl/x86/decoder.ts';
import { disassemble } from '../../../src/impl/x86/disassembler.ts';

/** Operands are compared with iced-x86 on all encodings by decoder.test.ts; here is what the whole text looks like. */
describe('disassemble', () => {
  it.each([
    ['f0480fb10b', CodeMode.bits64, 'lock cmpxchg qword ptr [rbx], rcx'],
    ['f348a5', CodeMode.bits64, 'rep movsq qword ptr [rdi], qword ptr [rsi]'],
    ['f3ae', CodeMode.bits32, 'repe scasb byte ptr [edi]'],
    ['64488b042528000000', CodeMode.bits64, 'mov rax, qword ptr fs:[28h]'],
    ['480305f0ffffff', CodeMode.bits64, 'add rax, qword ptr [rip-10h]'],
    ['e8fbffffff', CodeMode.bits64, 'call 1000h'],
    ['75f0', CodeMode.bits16, 'jne 0FF2h'],
    ['8f442408', CodeMode.bits64, 'pop qword ptr [rsp+8]'],
    ['ea11223344aabb', CodeMode.bits32, 'jmp 44332211h, 0BBAAh'],
    ['c8341205', CodeMode.bits64, 'enter 1234h, 5'],
    ['0fa2', CodeMode.bits64, 'cpuid'],
  ])('%s in mode %i is %s', (hex, mode, text) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const instruction = newInstruction();
    new Decoder().decode(bytes, 0, bytes.length, mode, instruction);
    expect(disassemble(instruction, { mode, address: 0x1000n })).toBe(text);
  });
});
