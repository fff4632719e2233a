import { PHYSICAL_LIMIT } from '../units/address.ts';
import { nearest } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';

/** Why a text is no value of a type. */
export interface ValueProblem {
  readonly code: string;
  /** What was expected instead. */
  readonly expects: string;
  readonly hint: string;
}

/** A type of attribute values or element content: what it is called and how it is read. */
export interface ValueType<T> {
  readonly name: string;
  parse(text: string): Result<T, ValueProblem>;
}

/** Value of an Ada based literal, 16#0010_0000# (Muen word64Type: one to four groups of four hex digits); undefined if it is none. */
export function parseWord64(text: string): bigint | undefined {
  return /^16#[0-9a-fA-F]{4}(?:_[0-9a-fA-F]{4}){0,3}#$/.test(text) ? hexValue(text) : undefined;
}

const hexValue = (text: string): bigint => BigInt(`0x${text.slice(3, -1).replaceAll('_', '')}`);

/** Formats 0 .. 2^64-1 as the toolchain does: 16#1000#, 16#0010_0000#. */
export function formatWord64(value: bigint): string {
  const digits = value.toString(16);
  const padded = digits.padStart(Math.ceil(digits.length / 4) * 4, '0');
  return `16#${padded.match(/..../g)!.join('_')}#`;
}

const refuse = (code: string, expects: string, hint: string): Result<never, ValueProblem> =>
  err({ code, expects, hint });
const trimmed = (text: string): string => text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');

const UNITS: Readonly<Record<string, bigint>> = { k: 1n << 10n, m: 1n << 20n, g: 1n << 30n };

/** Hex literal with that many digits at least; undefined when the number has more than can be written. */
function literalOf(value: bigint, minimumDigits: number): string | undefined {
  if (minimumDigits === 2) return value > 0xffn ? undefined : `16#${value.toString(16).padStart(2, '0')}#`;
  return value >= 1n << 64n ? undefined : formatWord64(value);
}

/** How to write a number that someone wrote another way: digits alone may be decimal or hexadecimal. */
function suggestWord(text: string, minimumDigits: 2 | 4): string {
  const example =
    minimumDigits === 2 ? 'two hex digits, as in 16#1f#' : 'hex digits in groups of four, as in 16#0010_0000#';
  const write = (value: bigint): string => {
    const literal = literalOf(value, minimumDigits);
    return literal === undefined ? `Write ${example}.` : `Write it as ${literal}.`;
  };
  const compact = text.trim().replaceAll('_', '').slice(0, 100);
  const sized = /^([0-9]+) ?([kmg])(?:i?b)?$/i.exec(compact);
  if (sized !== null) return write(BigInt(sized[1]!) * UNITS[sized[2]!.toLowerCase()]!);
  const hex = /^(?:16#|0x)([0-9a-f]+)#?$/i.exec(compact)?.[1] ?? /^[0-9]*[a-f][0-9a-f]*#?$/i.exec(compact)?.[0];
  if (hex !== undefined) return write(BigInt(`0x${hex.replace('#', '')}`));
  if (!/^[0-9]+$/.test(compact)) return `Write ${example}.`;
  const [decimal, hexadecimal] = [BigInt(compact), BigInt(`0x${compact}`)].map(value =>
    literalOf(value, minimumDigits),
  );
  if (decimal === undefined) return `Write ${example}.`;
  return decimal === hexadecimal || hexadecimal === undefined
    ? `Write it as ${decimal}.`
    : `Write it as ${decimal} if it is decimal, as ${hexadecimal} if it is hexadecimal.`;
}

/** Hex literal below `limit`, kept as a number. */
function boundedWord(name: string, limit: number, groups: number): ValueType<number> {
  const expects = `${name} (hex literal with ${groups === 1 ? 'four digits' : `up to ${groups} groups of four digits`}, as 16#0010_0000#)`;
  return {
    name,
    parse(text) {
      const value = parseWord64(text);
      if (value === undefined) return refuse('POL-NUMBER', expects, suggestWord(text, 4));
      if (value >= BigInt(limit) || text.length > 3 + groups * 5) {
        return refuse('POL-RANGE', `${name} below ${formatWord64(BigInt(limit))}`, 'Use a smaller number.');
      }
      return ok(Number(value));
    },
  };
}

/** Byte address below 2^52 (SDM Vol. 1, "Physical and Virtual Address Size"). */
export const ADDRESS = boundedWord('an address', PHYSICAL_LIMIT, 4);
/** Number of bytes below 2^52. */
export const SIZE = boundedWord('a size in bytes', PHYSICAL_LIMIT, 4);
export const WORD32 = boundedWord('a 32-bit word', 2 ** 32, 2);
export const WORD16 = boundedWord('a 16-bit word', 2 ** 16, 1);

/** 64-bit word, exact. */
export const WORD64: ValueType<bigint> = {
  name: 'a 64-bit word',
  parse(text) {
    const value = parseWord64(text);
    return value === undefined
      ? refuse('POL-NUMBER', 'a 64-bit word (hex literal, as 16#0010_0000#)', suggestWord(text, 4))
      : ok(value);
  },
};

/** Two-digit hex literal 16#00# .. 16#limit#. */
function byteBelow(name: string, limit: number): ValueType<number> {
  return {
    name,
    parse(text) {
      if (!/^16#[0-9a-fA-F]{2}#$/.test(text))
        return refuse('POL-NUMBER', `${name} (two hex digits, as 16#1f#)`, suggestWord(text, 2));
      const value = Number(hexValue(text));
      return value < limit
        ? ok(value)
        : refuse('POL-RANGE', `${name} below 16#${limit.toString(16)}#`, 'Use a smaller number.');
    },
  };
}
export const BYTE = byteBelow('a byte', 256);
/** PCI device number 0 .. 31. */
export const PCI_DEVICE = byteBelow('a PCI device number', 32);

/** MSR address 0 .. 16#1fff# or 16#c000_0000# .. 16#c000_1fff#: what an MSR bitmap covers (SDM Vol. 3C, "MSR-Bitmap Address"). */
export const MSR_ADDRESS: ValueType<number> = {
  name: 'an MSR address',
  parse(text) {
    const expects = 'an MSR address 16#0000# .. 16#1fff# or 16#c000_0000# .. 16#c000_1fff#';
    const value = parseWord64(text);
    if (value === undefined) return refuse('POL-NUMBER', expects, suggestWord(text, 4));
    const low = value & 0xffff_ffffn;
    const covered = value <= 0x1fffn || (low >= 0xc000_0000n && value <= 0xc000_1fffn);
    return covered ? ok(Number(value)) : refuse('POL-RANGE', expects, 'No MSR bitmap covers this register.');
  },
};

/** Decimal number `min` .. `max`. */
export function decimal(name: string, min: number, max: number): ValueType<number> {
  return {
    name,
    parse(text) {
      const digits = trimmed(text);
      if (!/^\+?[0-9]+$/.test(digits)) {
        const negative = /^-[0-9]+$/.test(digits);
        if (negative) return refuse('POL-RANGE', `${name} ${min} .. ${max}`, 'Use a number within the range.');
        return refuse('POL-NUMBER', `${name}, a decimal number ${min} .. ${max}`, 'Write decimal digits only.');
      }
      const value = Number(digits);
      return value >= min && value <= max
        ? ok(value)
        : refuse('POL-RANGE', `${name} ${min} .. ${max}`, 'Use a number within the range.');
    },
  };
}

/** Either the word `none` or a value of `type`. */
export function orNone<T>(type: ValueType<T>): ValueType<T | 'none'> {
  return {
    name: `${type.name} or none`,
    parse(text) {
      if (text === 'none') return ok('none');
      const result = type.parse(text);
      return result.ok ? result : refuse(result.error.code, `${result.error.expects}, or none`, result.error.hint);
    },
  };
}

/** One of the given words. */
export function oneOf<const Word extends string>(name: string, words: readonly Word[]): ValueType<Word> {
  return {
    name,
    parse(text) {
      const word = words.find(candidate => candidate === text);
      if (word !== undefined) return ok(word);
      const meant = nearest(text, words);
      const hint =
        meant === undefined ? 'Use one of the listed words' : `Did you mean ${meant}? Use one of the listed words`;
      return refuse('POL-ENUM', `${name}: one of ${words.join(', ')}`, `${hint} (they are case-sensitive).`);
    },
  };
}

function flag(name: string, yes: readonly string[], no: readonly string[]): ValueType<boolean> {
  return {
    name,
    parse(text) {
      if (yes.includes(text)) return ok(true);
      if (no.includes(text)) return ok(false);
      return refuse('POL-BOOLEAN', 'true or false', 'Write true or false in lower case.');
    },
  };
}
export const BOOLEAN = flag('a boolean', ['true'], ['false']);
/** XML Schema boolean, which also allows 1 and 0 (the attribute pci/@msi). */
export const XS_BOOLEAN = flag('a boolean', ['true', '1'], ['false', '0']);

/** Value of one named bit. */
export const BIT: ValueType<0 | 1> = {
  name: 'a bit',
  parse(text) {
    const digits = trimmed(text);
    if (/^\+?0*1$/.test(digits)) return ok(1);
    if (/^\+?0+$/.test(digits)) return ok(0);
    return refuse('POL-BIT', '0 or 1', 'Write 0 or 1.');
  },
};

/** Name of an element or reference to one: 1 .. 63 characters. */
export const NAME: ValueType<string> = {
  name: 'a name',
  parse(text) {
    if (text.length >= 1 && text.length <= 63) return ok(text);
    return refuse(
      'POL-NAME',
      'a name of 1 .. 63 characters',
      text === '' ? 'Give a name.' : 'Shorten the name to 63 characters.',
    );
  },
};

/** Any text. */
export const TEXT: ValueType<string> = { name: 'a text', parse: text => ok(text) };

/** SHA-256 digest 16#<64 hex digits>#, read as the 64 digits in lower case; or none. */
export const HASH: ValueType<string> = {
  name: 'a SHA-256 digest',
  parse(text) {
    if (text === 'none') return ok('none');
    const digits = /^16#([0-9a-fA-F]{64})#$/.exec(text)?.[1];
    if (digits !== undefined) return ok(digits.toLowerCase());
    return refuse('POL-HASH', 'a SHA-256 digest 16#<64 hex digits># or none', 'Run mucfgmemhashes, or write none.');
  },
};
