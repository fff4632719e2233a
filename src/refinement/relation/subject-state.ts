import type { Cpu } from '../../impl/cpu.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../../impl/memory.ts';
import { vmcsWord } from '../../impl/vmx/vmcs.ts';

/**
 * Relation between a subject's registers in the processor and its state page, stated from the documented layout (Muen
 * "Subject State", 493 bytes) and not from the implementation's transfer tables.
 */

interface StateRow {
  /** 32-bit word of the state page. */
  readonly page: number;
  /** Word of the VMCS region. */
  readonly vmcs: number;
  /** Loaded back at entry. */
  readonly restored: boolean;
  readonly name: string;
}

const scalar = (offset: number, words: 1 | 2, field: string, restored: boolean): StateRow[] =>
  Array.from({ length: words }, (_, half) => ({
    page: offset / 4 + half,
    vmcs: vmcsWord(field) + half,
    restored,
    name: half === 0 ? field : `${field} (high)`,
  }));

const segmentRows = (offset: number, name: string): StateRow[] => [
  ...scalar(offset, 1, `GUEST_${name}_SELECTOR`, true),
  ...scalar(offset + 8, 2, `GUEST_${name}_BASE`, true),
  ...scalar(offset + 16, 1, `GUEST_${name}_LIMIT`, true),
  ...scalar(offset + 20, 1, `GUEST_${name}_ACCESS`, true),
];

const tableRows = (offset: number, name: string): StateRow[] => [
  ...scalar(offset + 8, 2, `GUEST_${name}_BASE`, true),
  ...scalar(offset + 16, 1, `GUEST_${name}_LIMIT`, true),
];

const ROWS: readonly StateRow[] = [
  ...scalar(128, 1, 'EXIT_REASON', false),
  ...scalar(132, 1, 'GUEST_INTERRUPTIBILITY', true),
  ...scalar(136, 1, 'GUEST_ACTIVITY', true),
  ...scalar(140, 1, 'GUEST_SYSENTER_CS', true),
  ...scalar(144, 1, 'EXIT_INSTRUCTION_LENGTH', false),
  ...scalar(148, 2, 'EXIT_QUALIFICATION', false),
  ...scalar(156, 2, 'GUEST_PHYSICAL_ADDRESS', false),
  ...scalar(164, 2, 'GUEST_RIP', true),
  ...scalar(172, 2, 'GUEST_RSP', true),
  ...scalar(180, 2, 'GUEST_CR0', true),
  ...scalar(188, 2, 'CR0_SHADOW', true),
  ...scalar(196, 2, 'GUEST_CR3', false),
  ...scalar(204, 2, 'GUEST_CR4', true),
  ...scalar(212, 2, 'CR4_SHADOW', true),
  ...scalar(220, 2, 'GUEST_RFLAGS', true),
  ...scalar(228, 2, 'GUEST_EFER', true),
  ...scalar(236, 2, 'GUEST_SYSENTER_ESP', true),
  ...scalar(244, 2, 'GUEST_SYSENTER_EIP', true),
  ...['CS', 'SS', 'DS', 'ES', 'FS', 'GS', 'TR', 'LDTR'].flatMap((name, index) => segmentRows(252 + 24 * index, name)),
  ...tableRows(444, 'GDTR'),
  ...tableRows(468, 'IDTR'),
];

const REGISTER_NAMES = [
  'CR2',
  'RAX',
  'RBX',
  'RCX',
  'RDX',
  'RDI',
  'RSI',
  'RBP',
  'R8',
  'R9',
  'R10',
  'R11',
  'R12',
  'R13',
  'R14',
  'R15',
];
const REGISTER_WORDS = 32;
/** Words of the page that the relation speaks about: 493 bytes, rounded up. */
export const STATE_PAGE_WORDS = 124;

const pageWords = Uint16Array.from(ROWS, row => row.page);
const vmcsWords = Uint16Array.from(ROWS, row => row.vmcs);
const RESTORED = ROWS.filter(row => row.restored);
const restoredPage = Uint16Array.from(RESTORED, row => row.page);
const restoredVmcs = Uint16Array.from(RESTORED, row => row.vmcs);
/** Selectors are 16 bits wide in the VMCS. */
const restoredMask = Uint32Array.from(RESTORED, row => (row.name.endsWith('_SELECTOR') ? 0xffff : 0xffff_ffff));

/** Upper halves of selectors: VMREAD clears what a field of 16 bits does not have. */
const selectorHighs = ROWS.filter(row => row.name.endsWith('_SELECTOR')).map(row => row.page + 1);

/** Name of a word of the state page, for differences. */
export function stateWordName(word: number): string {
  if (word < REGISTER_WORDS) return `${REGISTER_NAMES[word >>> 1]}${word % 2 === 1 ? ' (high)' : ''}`;
  return ROWS.find(row => row.page === word)?.name ?? (word === 123 ? 'Running' : `word ${word}`);
}

/** What the state page must hold once the exiting subject is saved: registers, VMCS fields, the rest as before. */
export function expectSaved(memory: PhysicalMemory, cpu: Cpu, expected: Uint32Array): void {
  const base = cpu.vmcsSlot * FRAME_WORDS;
  const words = memory.words;
  expected.set(cpu.registers);
  for (let row = 0; row < pageWords.length; row++) expected[pageWords[row]!] = words[base + vmcsWords[row]!]!;
  for (const word of selectorHighs) expected[word] = 0;
}

/** First word in which a state page differs from what is expected, -1 if none does. */
export function firstPageDifference(memory: PhysicalMemory, slot: number, expected: Uint32Array): number {
  const base = slot * FRAME_WORDS;
  const words = memory.words;
  for (let word = 0; word < STATE_PAGE_WORDS; word++) {
    if (words[base + word] !== expected[word]) return word;
  }
  return -1;
}

/** First page word that the processor does not hold at entry as the state page says, -1 if all is loaded. */
export function firstEntryDifference(memory: PhysicalMemory, cpu: Cpu, expected: Uint32Array): number {
  const base = cpu.vmcsSlot * FRAME_WORDS;
  const words = memory.words;
  for (let word = 0; word < REGISTER_WORDS; word++) {
    if (cpu.registers[word] !== expected[word]) return word;
  }
  for (let row = 0; row < restoredPage.length; row++) {
    if (words[base + restoredVmcs[row]!] !== (expected[restoredPage[row]!]! & restoredMask[row]!) >>> 0)
      return restoredPage[row]!;
  }
  return -1;
}

/** Takes a page's present content as what is expected: after boot, or after its monitor wrote it. */
export function adoptPage(memory: PhysicalMemory, slot: number, expected: Uint32Array): void {
  const base = slot * FRAME_WORDS;
  expected.set(memory.words.subarray(base, base + STATE_PAGE_WORDS));
}
