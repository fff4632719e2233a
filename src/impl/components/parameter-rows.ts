/** Parameters that are tables: one row a line, words between spaces. */

/** A column: a number (0x and hexadecimal digits), a digest of SHA-256 (64 of them), or one of some words. */
export type Column = 'number' | 'sha256' | readonly string[];
export type Row = readonly (number | string)[];

const MAX_ROWS = 1024;
const NUMBER = /^0x[0-9a-f]{1,12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

function fits(column: Column, word: string): boolean {
  if (column === 'number') return NUMBER.test(word);
  return column === 'sha256' ? SHA256.test(word) : column.includes(word);
}

function meaningOf(column: Column): string {
  if (column === 'number') return '0x and up to 12 hexadecimal digits';
  return column === 'sha256' ? '64 hexadecimal digits' : column.join(' or ');
}

/** Rows of a text, or why it has none; `rest` is the column of further words in a row. */
function parse(text: string, columns: readonly Column[], rest?: Column): readonly Row[] | string {
  const lines = text.split('\n').filter(line => line !== '');
  if (lines.length > MAX_ROWS) return `more than ${MAX_ROWS} lines`;
  const rows: Row[] = [];
  for (const [index, line] of lines.entries()) {
    const words = line.split(' ');
    if (words.length < columns.length || (rest === undefined && words.length > columns.length))
      return `line ${index + 1} has ${words.length} words, expected ${columns.length}`;
    const row: (number | string)[] = [];
    for (const [place, word] of words.entries()) {
      const column = columns[place] ?? rest!;
      if (!fits(column, word)) return `line ${index + 1}: ${JSON.stringify(word)} is not ${meaningOf(column)}`;
      row.push(column === 'number' ? Number(word) : word);
    }
    rows.push(row);
  }
  return rows;
}

/** What is wrong with a text of such rows, empty if nothing is. */
export const checkRows =
  (columns: readonly Column[], rest?: Column) =>
  (text: string): string => {
    const rows = parse(text, columns, rest);
    return typeof rows === 'string' ? rows : '';
  };

/** Rows of a text that was checked. */
export function readRows(text: string, columns: readonly Column[], rest?: Column): readonly Row[] {
  const rows = parse(text, columns, rest);
  return typeof rows === 'string' ? [] : rows;
}

/** Text of rows. */
export const writeRows = (rows: readonly Row[]): string =>
  rows
    .map(row => row.map(value => (typeof value === 'number' ? `0x${value.toString(16)}` : value)).join(' '))
    .join('\n');
