import type { Cpu } from './cpu.ts';
import { HostException } from './host-exception.ts';
import { FRAME_WORDS, type PhysicalMemory } from './memory.ts';

/**
 * Extended processor state in the standard format of the XSAVE area (SDM Vol. 1, "Managing State Using the XSAVE Feature
 * Set"). The processor's registers are kept in the same layout, so that saving and loading are copies of whole components.
 */

/** 32-bit words of the XSAVE area that the kernel keeps for a subject: 4032 bytes. */
export const XSAVE_WORDS = 1008;
/** Word of the XSAVE header that says which components are not in their initial configuration. */
export const XSTATE_BV_WORD = 128;
/** Words of the header that must be zero: XCOMP_BV and the reserved rest (standard form of XRSTOR). */
const HEADER_END_WORD = 144;
const MXCSR_WORD = 6;
const MXCSR_MASK_WORD = 7;
/** FTW and FOP share a word: byte 5 and the top five bits of FOP are reserved and read as 0. */
const TAG_AND_OPCODE_WORD = 1;
const TAG_AND_OPCODE_BITS = 0x07ff_00ff;

/** A user state component: its bit in XCR0, place and size in the area in words. */
export interface StateComponent {
  readonly name: string;
  readonly bit: number;
  readonly firstWord: number;
  readonly words: number;
}

/** Components that the kernel supports; offsets of CPUID leaf 0xd as all processors with them report. */
export const STATE_COMPONENTS: readonly StateComponent[] = [
  { name: 'x87', bit: 0, firstWord: 0, words: 40 },
  { name: 'SSE', bit: 1, firstWord: 40, words: 64 },
  { name: 'AVX', bit: 2, firstWord: 144, words: 64 },
  { name: 'opmask', bit: 5, firstWord: 272, words: 16 },
  { name: 'ZMM_Hi256', bit: 6, firstWord: 288, words: 128 },
  { name: 'Hi16_ZMM', bit: 7, firstWord: 416, words: 256 },
];

/** MXCSR and the control word after a reset, and the MXCSR bits that this processor has. */
export const MXCSR_INITIAL = 0x1f80;
export const MXCSR_BITS = 0xffff;
export const FCW_INITIAL = 0x37f;

const GENERAL_PROTECTION = 13;

/** What is copied per component: MXCSR and its mask, in the middle of the x87 part, follow rules of their own. */
const COPIES: readonly StateComponent[] = STATE_COMPONENTS.flatMap(component =>
  component.bit === 0
    ? [
        { ...component, words: MXCSR_WORD },
        { ...component, firstWord: MXCSR_MASK_WORD + 1, words: component.words - MXCSR_MASK_WORD - 1 },
      ]
    : [component],
);
/** Components with which MXCSR is saved and loaded: SSE, AVX. */
const MXCSR_COMPONENTS = 0b110;

/** Registers of a processor after RESET, in area layout. */
export function initialExtendedState(): Uint32Array {
  const registers = new Uint32Array(XSAVE_WORDS);
  registers[0] = FCW_INITIAL;
  registers[MXCSR_WORD] = MXCSR_INITIAL;
  registers[MXCSR_MASK_WORD] = MXCSR_BITS;
  return registers;
}

/** True if the area equals the registers: neither changed since one was copied to the other. */
function isSynced(memory: PhysicalMemory, slot: number, cpu: Cpu): boolean {
  return cpu.syncedSlot === slot && cpu.syncedVersion === cpu.fpuVersion && memory.isSettled(slot);
}

function noteSynced(memory: PhysicalMemory, slot: number, cpu: Cpu): void {
  memory.settle(slot);
  cpu.syncedSlot = slot;
  cpu.syncedVersion = cpu.fpuVersion;
}

/**
 * XSAVE of the components in XCR0 to a slot, from word `base`; XSTATE_BV of other components stays. An area that equals the
 * registers already is not written, which changes nothing but the cost. Every user of a slot saves and loads with the same XCR0.
 */
export function xsave(memory: PhysicalMemory, slot: number, base: number, cpu: Cpu): void {
  if (isSynced(memory, slot, cpu)) return;
  memory.touch(slot);
  const at = slot * FRAME_WORDS + base;
  const { words } = memory;
  const { fpu, xcr0 } = cpu;
  for (let row = 0; row < COPIES.length; row++) {
    const { bit, firstWord, words: count } = COPIES[row]!;
    if ((xcr0 & (1 << bit)) === 0) continue;
    const end = firstWord + count;
    for (let word = firstWord; word < end; word++) words[at + word] = fpu[word]!;
  }
  if ((xcr0 & MXCSR_COMPONENTS) !== 0) {
    words[at + MXCSR_WORD] = fpu[MXCSR_WORD]!;
    words[at + MXCSR_MASK_WORD] = MXCSR_BITS;
  }
  words[at + XSTATE_BV_WORD] = ((words[at + XSTATE_BV_WORD]! & ~xcr0) | (fpu[XSTATE_BV_WORD]! & xcr0)) >>> 0;
  noteSynced(memory, slot, cpu);
}

/** XRSTOR of the components in XCR0; a component whose bit in XSTATE_BV is clear gets its initial configuration. */
export function xrstor(memory: PhysicalMemory, slot: number, base: number, cpu: Cpu): void {
  if (isSynced(memory, slot, cpu)) return;
  const at = slot * FRAME_WORDS + base;
  const { words } = memory;
  const { fpu, xcr0 } = cpu;
  checkArea(words, at, xcr0);
  cpu.fpuVersion += 1;
  const present = words[at + XSTATE_BV_WORD]!;
  for (let row = 0; row < COPIES.length; row++) {
    const { bit, firstWord, words: count } = COPIES[row]!;
    if ((xcr0 & (1 << bit)) === 0) continue;
    const end = firstWord + count;
    if ((present & (1 << bit)) === 0) fpu.fill(0, firstWord, end);
    else for (let word = firstWord; word < end; word++) fpu[word] = words[at + word]!;
  }
  if ((present & 1) === 0) fpu[0] = FCW_INITIAL;
  fpu[TAG_AND_OPCODE_WORD]! &= TAG_AND_OPCODE_BITS;
  if ((xcr0 & MXCSR_COMPONENTS) !== 0) fpu[MXCSR_WORD] = words[at + MXCSR_WORD]!;
  fpu[XSTATE_BV_WORD] = ((fpu[XSTATE_BV_WORD]! & ~xcr0) | (present & xcr0)) >>> 0;
  const isExact =
    present === xcr0 &&
    words[at + TAG_AND_OPCODE_WORD] === fpu[TAG_AND_OPCODE_WORD] &&
    words[at + MXCSR_MASK_WORD] === MXCSR_BITS;
  if (isExact) noteSynced(memory, slot, cpu);
}

/** What XRSTOR refuses with #GP: components that are not enabled, reserved header bytes, reserved bits of MXCSR. */
function checkArea(words: Uint32Array, at: number, xcr0: number): void {
  let reserved = (words[at + XSTATE_BV_WORD]! & ~xcr0) | words[at + XSTATE_BV_WORD + 1]!;
  for (let word = XSTATE_BV_WORD + 2; word < HEADER_END_WORD; word++) reserved |= words[at + word]!;
  if ((xcr0 & MXCSR_COMPONENTS) !== 0) reserved |= words[at + MXCSR_WORD]! & ~MXCSR_BITS;
  if (reserved !== 0) throw new HostException(GENERAL_PROTECTION, 'XRSTOR of an invalid area');
}

/** XSETBV of XCR0: #GP for values that the processor does not support (SDM Vol. 1, "XSAVE-Supported Features"). */
export function setXcr0(cpu: Cpu, value: number, features: number): void {
  const avx512 = value & 0xe0;
  const isValid =
    (value & 1) !== 0 &&
    (value & ~features) === 0 &&
    ((value & 4) === 0 || (value & 2) !== 0) &&
    (avx512 === 0 || (avx512 === 0xe0 && (value & 4) !== 0));
  if (!isValid) throw new HostException(GENERAL_PROTECTION, `XSETBV of 0x${value.toString(16)}`);
  cpu.xcr0 = value >>> 0;
}
