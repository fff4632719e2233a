import { createRng } from '../../units/rng.ts';
import { STATE_FIELDS } from '../decode-operation.ts';
import { BLOCK_KINDS } from './code-blocks.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import { CodeWriter, Reg } from './code-writer.ts';
import { EXCEPTIONS, PRIVILEGED, VMX } from './processor-blocks.ts';

const APIC_BASE = 0x1b;
/** Instructions with what they need in registers. */
const PREPARED: readonly ((code: CodeWriter) => CodeWriter)[] = [
  code => code.set(Reg.cx, APIC_BASE).emit(0x0f, 0x32),
  code => code.set(Reg.cx, APIC_BASE).emit(0x0f, 0x30),
  // CR0.NW of what is read, and CR4.OSXSAVE before XSETBV.
  code => code.emit(0x0f, 0x20, 0xc0, 0x0f, 0xba, 0xf8, 29, 0x0f, 0x22, 0xc0),
  code => code.emit(0x0f, 0x20, 0xe0, 0x0f, 0xba, 0xe8, 18, 0x0f, 0x22, 0xe0).set(Reg.cx, 0).emit(0x0f, 0x01, 0xd1),
];
const INSTRUCTIONS = [
  ...[...PRIVILEGED, ...VMX, ...EXCEPTIONS].map(bytes => (code: CodeWriter) => code.emit(...bytes)),
  ...PREPARED,
];
/** Programs of each kind of block. */
const VARIANTS = 2;

/** JMP to itself. */
const SPIN = [0xeb, 0xfe];

/** A field of a monitored subject with a value that VM entry refuses, then the handover to it. */
function refusedState(code: CodeWriter, { words, vmcalls }: CodeVocabulary, place: number): boolean {
  const field = STATE_FIELDS[place];
  const page = words.writableWindows.find(({ purpose }) => purpose === 'state');
  const handover = vmcalls.find(({ mode }) => mode === 'switch');
  if (field === undefined || page === undefined || handover === undefined) return false;
  code
    .set(Reg.bx, page.address + field.offset)
    .set(Reg.ax, field.refused[0]!)
    .access(Reg.bx, 4, true);
  code.set(Reg.ax, handover.number).emit(0x0f, 0x01, 0xc1);
  return true;
}

/** Byte offsets in a state page. */
const InState = { interruptibility: 132, instructionLength: 144, rip: 164, rflags: 220 } as const;

/**
 * A monitor that steps over what trapped, makes a vector pending, and lets its subject run with interrupts on, but blocked for one
 * instruction: the vector has to wait for the window.
 */
function waitingVector(code: CodeWriter, { words, vmcalls }: CodeVocabulary): boolean {
  const state = words.writableWindows.find(({ purpose }) => purpose === 'state');
  const vectors = words.writableWindows.find(({ holdsVectors }) => holdsVectors);
  const handover = vmcalls.find(({ mode }) => mode === 'switch');
  if (state === undefined || vectors === undefined || handover === undefined) return false;
  const start = code.here;
  code.set(Reg.bx, vectors.address).store32(4, 1);
  code.set(Reg.bx, state.address).store32(InState.interruptibility, 1).store32(InState.rflags, 0x202);
  // MOV EAX, [BX + length]; ADD [BX + RIP], EAX.
  code.emit(0x8b, 0x83).u32(InState.instructionLength).emit(0x01, 0x83).u32(InState.rip);
  code.set(Reg.ax, handover.number).emit(0x0f, 0x01, 0xc1);
  code.emit(0xe9).u32(start - (code.here + 4));
  return true;
}

/** Number of programs of a sweep. */
export const SWEEP_LENGTH = INSTRUCTIONS.length + VARIANTS * BLOCK_KINDS.length + STATE_FIELDS.length + 1;

/**
 * One of the programs that a guided campaign starts from: each instruction that may exit by itself, then each kind of block. Undefined
 * if the subject has nothing that the block could be about.
 */
export function sweepProgram(vocabulary: CodeVocabulary, index: number): readonly number[] | undefined {
  const code = new CodeWriter(vocabulary.is64Bit, vocabulary.entry);
  const instruction = INSTRUCTIONS[index];
  if (instruction !== undefined) {
    const window = vocabulary.words.writableWindows.find(({ purpose }) => purpose === 'memory');
    if (window !== undefined) code.set(Reg.bx, window.address + 0x80);
    instruction(code);
  } else {
    const place = index - INSTRUCTIONS.length;
    const kind = BLOCK_KINDS[Math.floor(place / VARIANTS)];
    const isWritten =
      kind !== undefined
        ? kind.emit(code, vocabulary, createRng(place))
        : index < SWEEP_LENGTH - 1
          ? refusedState(code, vocabulary, place - VARIANTS * BLOCK_KINDS.length)
          : waitingVector(code, vocabulary);
    if (!isWritten) return undefined;
  }
  return [...code.bytes, ...SPIN];
}
