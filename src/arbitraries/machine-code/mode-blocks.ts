import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { Rng } from '../../units/rng.ts';
import { type BlockKind, pick } from './block-kind.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import { CodeWriter, Reg } from './code-writer.ts';
import { DescriptorTable, Selector } from './descriptor-table.ts';

/** Blocks inside of a mode, at most. */
const MAX_INNER = 4;
/** Bytes of tables and stack that a change of the mode needs, at the end of a page. */
const AREA_BYTES = 0x400;
/** Paging structures of long mode, and the page behind them for descriptors. */
const LONG_MODE_PAGES = 3;
const EFER = 0xc000_0080;
const FOUR_GIB = 2 ** 32;
/** RFLAGS in user mode: interrupts closed or open, I/O privilege level 0 or 3. */
const USER_FLAGS = [0x2, 0x202, 0x3202] as const;
/** Halves of an entry of a paging structure: present, writable, user; and a page of 1 GiB. */
const TABLE_ENTRY = 7;
const LARGE_PAGE = 0x87;

type Inner = readonly BlockKind[];

/** A page of writable memory, with `pages` of them in a row; undefined if the subject has none below 4 GiB. */
function writablePages({ words }: CodeVocabulary, rng: Rng, pages: number): number | undefined {
  const usable = words.writableWindows.filter(
    ({ purpose, address, sizeBytes }) =>
      purpose === 'memory' && sizeBytes >= pages * PAGE_SIZE_BYTES && address + sizeBytes <= FOUR_GIB,
  );
  return pick(rng, usable)?.address;
}

/** Some blocks, in whatever mode the writer is for. */
function emitInner(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner): void {
  for (let left = 1 + rng.below(MAX_INNER); left > 0; left--) {
    const kind = rng.below(3) === 0 ? inner.find(({ id }) => id === 'vmcall')! : pick(rng, inner)!;
    const block = new CodeWriter(code.is64Bit, code.here);
    if (kind.emit(block, vocabulary, rng)) code.emit(...block.bytes);
  }
}

/** Ring 3 by IRET, and back by a call gate in three of four cases. */
function userMode(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner): boolean {
  const page = writablePages(vocabulary, rng, 1);
  if (page === undefined) return false;
  const area = page + PAGE_SIZE_BYTES - AREA_BYTES;
  const stack = area + AREA_BYTES - 0x10;
  const table = new DescriptorTable(code, area).flat().taskState(stack);
  const gate = table.callGate();
  table.load();
  code.set(Reg.ax, Selector.task).emit(0x0f, 0x00, 0xd8);
  code.set(Reg.sp, stack - 0x100);
  code.push8(Selector.userData | 3).push32(stack - 0x100);
  code.push32(pick(rng, USER_FLAGS)!).push8(Selector.userCode | 3);
  const target = code.push32(0).bytes.length - 4;
  code.emit(...(code.is64Bit ? [0x48] : []), 0xcf);
  code.patch32(target, code.here);
  code.set(Reg.ax, Selector.userData | 3).emit(0x8e, 0xd8, 0x8e, 0xc0);
  emitInner(code, vocabulary, rng, inner);
  if (rng.below(4) === 0) return true;
  table.call(Selector.gate | 3);
  gate.leadTo(code.here);
  return true;
}

/** A far jump to code of the other width, some blocks there, and back. */
function otherWidth(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner, area: number): void {
  const table = new DescriptorTable(code, area).flat();
  table.load();
  code.set(Reg.sp, area + AREA_BYTES - 0x100);
  const start = table.jump(Selector.otherCode);
  start.leadTo(code.here);
  const other = new CodeWriter(!code.is64Bit, code.here);
  emitInner(other, vocabulary, rng, inner);
  if (other.is64Bit) {
    // RETFQ.
    const back = other.push8(Selector.code).set(Reg.ax, 0).bytes.length - 4;
    other.emit(0x50, 0x48, 0xcb);
    // RIP lies on top of CS.
    other.patch32(back, other.here);
  } else {
    other
      .emit(0xea)
      .u32(other.here + 7 - 1)
      .emit(Selector.code, 0);
  }
  code.emit(...other.bytes);
}

function compatibilityMode(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner): boolean {
  const page = writablePages(vocabulary, rng, 1);
  if (!code.is64Bit || page === undefined || code.here + PAGE_SIZE_BYTES > FOUR_GIB) return false;
  otherWidth(code, vocabulary, rng, inner, page + PAGE_SIZE_BYTES - AREA_BYTES);
  return true;
}

/** Paging structures that map the first 4 GiB as they are, IA-32e mode, 64-bit code, and back to 32-bit code. */
function longMode(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner): boolean {
  const page = writablePages(vocabulary, rng, LONG_MODE_PAGES);
  if (code.is64Bit || page === undefined) return false;
  const pointers = page + PAGE_SIZE_BYTES;
  code.set(Reg.bx, page).store32(0, (pointers | TABLE_ENTRY) >>> 0);
  code.store32(4, 0).set(Reg.bx, pointers);
  for (let entry = 0; entry < 4; entry++)
    code.store32(8 * entry, ((entry << 30) | LARGE_PAGE) >>> 0).store32(8 * entry + 4, 0);
  // CR4.PAE, CR3, IA32_EFER.LME, CR0.PG.
  code.emit(0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0);
  code.set(Reg.ax, page).emit(0x0f, 0x22, 0xd8);
  code.set(Reg.cx, EFER).emit(0x0f, 0x32, 0x80, 0xcc, 0x01, 0x0f, 0x30);
  code.emit(0x0f, 0x20, 0xc0, 0x0d).u32(0x8000_0001).emit(0x0f, 0x22, 0xc0);
  otherWidth(code, vocabulary, rng, inner, page + LONG_MODE_PAGES * PAGE_SIZE_BYTES - AREA_BYTES);
  // Paging off again, or not.
  if (rng.below(2) === 0) code.emit(0x0f, 0x20, 0xc0, 0x25).u32(0x7fff_ffff).emit(0x0f, 0x22, 0xc0);
  return true;
}

/** Real mode with the segments of protected mode, where CR0.PE may be cleared. */
function realMode(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng, inner: Inner): boolean {
  if (code.is64Bit) return false;
  code.emit(0x0f, 0x20, 0xc0, 0x83, 0xe0, 0xfe, 0x0f, 0x22, 0xc0);
  emitInner(code, vocabulary, rng, inner);
  if (rng.below(4) !== 0) code.emit(0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0);
  return true;
}

/** A jump or call to a task-state segment. */
function taskSwitch(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng): boolean {
  const page = writablePages(vocabulary, rng, 1);
  if (code.is64Bit || page === undefined) return false;
  const area = page + PAGE_SIZE_BYTES - AREA_BYTES;
  const table = new DescriptorTable(code, area).flat().taskState(area + AREA_BYTES - 0x10);
  table.load();
  if (rng.below(2) === 0) table.call(Selector.task);
  else table.jump(Selector.task).leadTo(0);
  return true;
}

/** Other modes and privilege levels of the processor, with blocks of `inner` in them. */
export const modeBlocks = (inner: Inner): readonly BlockKind[] => [
  {
    id: 'user-mode',
    meaning: 'code in ring 3, mostly with the way back to ring 0',
    weight: 8,
    traps: true,
    emit: (code, vocabulary, rng) => userMode(code, vocabulary, rng, inner),
  },
  {
    id: 'compatibility-mode',
    meaning: '32-bit code of a 64-bit subject',
    weight: 3,
    traps: true,
    emit: (code, vocabulary, rng) => compatibilityMode(code, vocabulary, rng, inner),
  },
  {
    id: 'long-mode',
    meaning: 'paging and 64-bit code of a VM',
    weight: 4,
    traps: true,
    emit: (code, vocabulary, rng) => longMode(code, vocabulary, rng, inner),
  },
  {
    id: 'real-mode',
    meaning: 'code with CR0.PE clear',
    weight: 3,
    traps: true,
    emit: (code, vocabulary, rng) => realMode(code, vocabulary, rng, inner),
  },
  {
    id: 'task-switch',
    meaning: 'a switch to another task',
    weight: 2,
    traps: true,
    emit: (code, vocabulary, rng) => taskSwitch(code, vocabulary, rng),
  },
];
