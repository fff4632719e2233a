import { describe, expect, it } from 'vitest';
import {
  ADDRESS,
  BIT,
  BOOLEAN,
  BYTE,
  decimal,
  formatWord64,
  HASH,
  MSR_ADDRESS,
  NAME,
  oneOf,
  orNone,
  PCI_DEVICE,
  parseWord64,
  type ValueType,
  WORD16,
  WORD32,
  WORD64,
  XS_BOOLEAN,
} from '../../src/policy/literal.ts';

const read = (type: ValueType<unknown>, text: string): unknown => {
  const result = type.parse(text);
  return result.ok ? result.value : result.error.code;
};

describe('literals', () => {
  it.each<[string, ValueType<unknown>, string, unknown]>([
    ['address', ADDRESS, '16#0010_0000#', 0x10_0000],
    ['address', ADDRESS, '16#000f_ffff_ffff_ffff#', 2 ** 52 - 1],
    ['address', ADDRESS, '16#0010_0000_0000_0000#', 'POL-RANGE'],
    ['address', ADDRESS, '16#ffff_ffff_ffff_ffff#', 'POL-RANGE'],
    ['address', ADDRESS, '1048576', 'POL-NUMBER'],
    ['address', ADDRESS, '0x1000', 'POL-NUMBER'],
    ['address', ADDRESS, '16#100000#', 'POL-NUMBER'],
    ['address', ADDRESS, '16#0010_0000# ', 'POL-NUMBER'],
    ['address', ADDRESS, '', 'POL-NUMBER'],
    ['address', ADDRESS, '16#0010__0000#', 'POL-NUMBER'],
    ['address', ADDRESS, '16#0001_0000_0000_0000_0000#', 'POL-NUMBER'],
    ['word64', WORD64, '16#FFFF_ffff_FFFF_ffff#', 2n ** 64n - 1n],
    ['word32', WORD32, '16#ffff_ffff#', 2 ** 32 - 1],
    ['word32', WORD32, '16#0000_0000_0001#', 'POL-RANGE'],
    ['word32', WORD32, '16#0001_0000_0000#', 'POL-RANGE'],
    ['word16', WORD16, '16#03f8#', 0x3f8],
    ['word16', WORD16, '16#0001_0000#', 'POL-RANGE'],
    ['byte', BYTE, '16#ff#', 255],
    ['byte', BYTE, '16#100#', 'POL-NUMBER'],
    ['byte', BYTE, '255', 'POL-NUMBER'],
    ['PCI device', PCI_DEVICE, '16#1f#', 31],
    ['PCI device', PCI_DEVICE, '16#20#', 'POL-RANGE'],
    ['MSR', MSR_ADDRESS, '16#0174#', 0x174],
    ['MSR', MSR_ADDRESS, '16#c000_1fff#', 0xc000_1fff],
    ['MSR', MSR_ADDRESS, '16#2000#', 'POL-RANGE'],
    ['MSR', MSR_ADDRESS, '16#c000_2000#', 'POL-RANGE'],
    ['MSR', MSR_ADDRESS, '16#bfff_ffff#', 'POL-RANGE'],
    ['MSR', MSR_ADDRESS, '16#0001_c000_0080#', 'POL-RANGE'],
    ['decimal', decimal('n', 1, 63), ' +63\n', 63],
    ['decimal', decimal('n', 1, 63), '0', 'POL-RANGE'],
    ['decimal', decimal('n', 1, 63), '64', 'POL-RANGE'],
    ['decimal', decimal('n', 1, 63), '-1', 'POL-RANGE'],
    ['decimal', decimal('n', 1, 63), '9'.repeat(400), 'POL-RANGE'],
    ['decimal', decimal('n', 1, 63), '1e1', 'POL-NUMBER'],
    ['decimal', decimal('n', 1, 63), '16#01#', 'POL-NUMBER'],
    ['decimal or none', orNone(decimal('n', 1, 63)), 'none', 'none'],
    ['decimal or none', orNone(decimal('n', 1, 63)), 'None', 'POL-NUMBER'],
    ['bit', BIT, ' 1 ', 1],
    ['bit', BIT, '00', 0],
    ['bit', BIT, '2', 'POL-BIT'],
    ['bit', BIT, '', 'POL-BIT'],
    ['boolean', BOOLEAN, 'true', true],
    ['boolean', BOOLEAN, 'True', 'POL-BOOLEAN'],
    ['boolean', BOOLEAN, '1', 'POL-BOOLEAN'],
    ['schema boolean', XS_BOOLEAN, '1', true],
    ['name', NAME, 'x'.repeat(63), 'x'.repeat(63)],
    ['name', NAME, 'x'.repeat(64), 'POL-NAME'],
    ['name', NAME, '', 'POL-NAME'],
    ['hash', HASH, `16#${'aB'.repeat(32)}#`, 'ab'.repeat(32)],
    ['hash', HASH, 'none', 'none'],
    ['hash', HASH, 'abc', 'POL-HASH'],
  ])('%s: reads %3$s', (_, type, text, expected) => {
    expect(read(type, text)).toEqual(expected);
  });

  it('suggests the literal that was meant', () => {
    const hint = (type: ValueType<unknown>, text: string) => {
      const result = type.parse(text);
      return result.ok ? '' : result.error.hint;
    };
    expect(hint(ADDRESS, '0x100000')).toBe('Write it as 16#0010_0000#.');
    expect(hint(BYTE, '0x5')).toBe('Write it as 16#05#.');
    expect(hint(ADDRESS, 'zzz')).toContain('16#0010_0000#');
    expect(hint(ADDRESS, '4096')).toBe('Write it as 16#1000# if it is decimal, as 16#4096# if it is hexadecimal.');
    expect(hint(ADDRESS, '8')).toBe('Write it as 16#0008#.');
    expect(hint(ADDRESS, 'f000')).toBe('Write it as 16#f000#.');
    expect(hint(ADDRESS, '4K')).toBe('Write it as 16#1000#.');
    expect(hint(ADDRESS, '2 MiB')).toBe('Write it as 16#0020_0000#.');
    expect(hint(BYTE, '0x1ff')).toContain('two hex digits');
    expect(hint(BYTE, '31')).toBe('Write it as 16#1f# if it is decimal, as 16#31# if it is hexadecimal.');
    expect(hint(ADDRESS, '9'.repeat(200))).toContain('16#0010_0000#');
    expect(hint(oneOf('a caching type', ['UC', 'WB']), 'wb')).toContain('Did you mean WB?');
  });

  it('formats as the toolchain does', () => {
    expect([0n, 0x1000n, 0x10_0000n, 2n ** 64n - 1n].map(formatWord64)).toEqual([
      '16#0000#',
      '16#1000#',
      '16#0010_0000#',
      '16#ffff_ffff_ffff_ffff#',
    ]);
    expect(parseWord64('16#0000_0000_0000_1000#')).toBe(0x1000n);
  });
});
