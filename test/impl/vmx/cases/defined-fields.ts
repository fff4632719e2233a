/*
 * What of a transcript line is comparable between processors: fields that an exit does not define keep old values on real ones
 * (SDM Vol. 3C, "Recording VM-Exit Information and Updating VM-Entry Control Fields").
 */

/** Exits by an instruction, which define the instruction length. */
const INSTRUCTION_EXITS = new Set(
  [9, ...range(10, 32), 36, 39, 40, 44, 46, 47, 50, 51, 53, 54, 55, 56, 57, 58, 59, 61, 63].map(reason =>
    reason.toString(16),
  ),
);
/** Exits that define the instruction information. */
const INFORMATION_EXITS = new Set(
  [0x13, 0x15, 0x16, 0x17, 0x19, 0x1b, 0x1e, 0x2e, 0x2f, 0x32, 0x35, 0x39, 0x3a].map(reason => reason.toString(16)),
);
/** Exits that define the guest-linear address: INS and OUTS, LMSW, EPT violations. */
const LINEAR_EXITS = new Set(['1c', '1e', '30']);

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** RFLAGS of a fault or an EPT violation without RF, which the SDM wants as the event would have saved it (Vol. 3C, "Saving RIP, RSP, RFLAGS, and SSP"); Bochs leaves it out. */
const withoutResume = (word: string): string => `f${(Number.parseInt(word.slice(1), 16) & ~0x1_0000).toString(16)}`;

/** One exit without what it does not define. NMI blocking is left out too: Bochs keeps it from one VM entry to the next. */
function comparableExit(text: string): string {
  const words = text.trim().split(' ');
  const reason = words.find(word => word.startsWith('x'))?.slice(1) ?? '0';
  const hasVectoring = words.some(word => word.startsWith('v'));
  const isException = words.some(word => /^i8000[01][3b]/.test(word) && !word.endsWith('01'));
  const isFault = (reason === '0' && isException) || reason === '30' || reason === '31';
  const isSoftware = words.some(word => /^i80000[0-9a-f]?[456]/.test(word));
  return words
    .map(word => (isFault && word.startsWith('f') ? withoutResume(word) : word))
    .map(word => (/^b[89a]$/.test(word) ? { b8: '', b9: 'b1', ba: 'b2' }[word]! : word))
    .filter(word => {
      if (word === '') return false;
      if (word.startsWith('l')) return INSTRUCTION_EXITS.has(reason) || (reason === '0' && isSoftware) || hasVectoring;
      if (word.startsWith('n')) return INFORMATION_EXITS.has(reason);
      if (word.startsWith('a')) return LINEAR_EXITS.has(reason);
      return true;
    })
    .join(' ');
}

/** A line of a transcript with its exits reduced to what they define. */
export function comparable(line: string): string {
  return line
    .split(';')
    .map(part => (part.includes('r') ? comparableExit(part) : part.trim()))
    .join('; ');
}
