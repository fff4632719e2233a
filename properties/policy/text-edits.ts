import fc from 'fast-check';

const hostileValues = [
  '',
  '0',
  '-1',
  '1',
  '63',
  '64',
  '255',
  '256',
  '65535',
  '4294967295',
  '99999999999999999999999',
  '16#0000#',
  '16#1000#',
  '16#000f_ffff_ffff_f000#',
  '16#ffff_ffff_ffff_ffff#',
  '16#ff#',
  'true',
  'none',
  'auto',
  '$size',
  'alpha',
  'beta',
  'vt|state',
  '__proto__',
  'constructor',
  'x'.repeat(64),
  '&amp;&#x10FFFF;',
];
/** Texts that values are replaced by. */
export const hostileText = fc.oneof(
  fc.constantFrom(...hostileValues),
  fc.string({ maxLength: 12 }).map(text => text.replace(/[<&"]/g, '')),
);

/** One change to the text of a policy, at a place given as a fraction of its length. */
export const textEdit = fc.oneof(
  fc.record({ kind: fc.constant('value' as const), at: fc.double({ min: 0, max: 1, noNaN: true }), text: hostileText }),
  fc.record({
    kind: fc.constant('delete' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.nat(200),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    text: fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom(
        '<',
        '>',
        '"',
        '&',
        ']]>',
        '<!--',
        '<![CDATA[',
        '<?x?>',
        '<!DOCTYPE a>',
        '\u0000',
        '<memory/>',
        '</system>',
      ),
    ),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.nat(2000),
  }),
  fc.record({
    kind: fc.constant('element' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    action: fc.constantFrom('remove' as const, 'double' as const),
  }),
);
export type TextEdit = typeof textEdit extends fc.Arbitrary<infer T> ? T : never;

/** Offset of the occurrence of `pattern` nearest behind the given fraction of the text. */
export function find(text: string, fraction: number, pattern: RegExp): RegExpExecArray | null {
  const search = new RegExp(pattern, 'g');
  search.lastIndex = Math.floor(text.length * fraction * 0.999);
  return search.exec(text) ?? new RegExp(pattern, 'g').exec(text);
}

/** Makes one change. */
export function applyEdit(text: string, edit: TextEdit): string {
  const offset = Math.floor(text.length * edit.at);
  switch (edit.kind) {
    case 'delete':
      return text.slice(0, offset) + text.slice(offset + edit.count);
    case 'insert':
      return text.slice(0, offset) + edit.text + text.slice(offset);
    case 'repeat':
      return text.slice(0, offset) + text.slice(Math.max(0, offset - edit.count));
    case 'value': {
      const match = find(text, edit.at, /="[^"]*"/);
      return match === null
        ? text
        : `${text.slice(0, match.index)}="${edit.text}"${text.slice(match.index + match[0].length)}`;
    }
    case 'element': {
      const match = find(text, edit.at, /<\w+(?: [^<>]*)?\/>|<(\w+)(?: [^<>]*)?>[^<]*<\/\1>/);
      if (match === null) return text;
      const kept = edit.action === 'double' ? match[0] + match[0] : '';
      return text.slice(0, match.index) + kept + text.slice(match.index + match[0].length);
    }
  }
}
