import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeValues, encodeValues, type RpcValue } from '../../../../src/impl/genode/proxy/values.ts';
import { type RpcField, wireBytes } from '../../../../src/impl/genode/services/interface.ts';
import { SESSION_INTERFACES } from '../../../../src/impl/genode/services/interfaces.ts';

const valueArbitrary = ({ type }: RpcField): fc.Arbitrary<RpcValue> => {
  switch (type.kind) {
    case 'bool':
      return fc.nat(1);
    case 'u8':
      return fc.nat(0xff);
    case 'u16':
      return fc.nat(0xffff);
    case 'i32':
      return fc.integer();
    case 'u64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'i64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'string':
      return fc.string({ unit: 'grapheme-ascii', maxLength: type.maxBytes - 1 }).map(text => text.replaceAll('\0', ''));
    case 'bytes':
      return fc.array(fc.nat(0xff), { minLength: type.sizeBytes, maxLength: type.sizeBytes });
    default:
      return fc.nat(0x7fff_ffff);
  }
};
const functions = SESSION_INTERFACES.flatMap(face =>
  face.functions.map(called => [`${face.service}.${called.name}`, called.arguments, called.results] as const),
);

describe('values of every function of every interface', () => {
  test.each(functions)('%s: come back as they were, in no more bytes than the types say', (_, given, results) => {
    for (const fields of [given, results]) {
      const values = fc.tuple(...fields.map(valueArbitrary)) as fc.Arbitrary<RpcValue[]>;
      fc.assert(
        fc.property(values, sent => {
          const bytes = encodeValues(fields, sent);
          expect(bytes.length).toBeLessThanOrEqual(fields.reduce((sum, { type }) => sum + wireBytes(type), 0));
          expect(decodeValues(fields, bytes)).toEqual({ ok: true, value: sent });
        }),
        { numRuns: 15, seed: 3 },
      );
    }
  });
});

describe('bytes of a hostile peer', () => {
  const text: RpcField[] = [{ name: 'text', type: { kind: 'string', maxBytes: 5 } }];
  test.each([
    [[2, 0, 65, 0], 'A'],
    [[0, 0], undefined],
    [[6, 0, 65, 65, 65, 65, 65, 0], undefined],
    [[3, 0, 65, 0, 0], undefined],
    [[2, 0, 65, 65], undefined],
    [[9, 0, 65], undefined],
    [[2, 0, 65, 0, 7], undefined],
    [[255], undefined],
  ])('%o as a string of up to 5 bytes is %s', (bytes, expected) => {
    const decoded = decodeValues(text, bytes);
    expect(decoded.ok ? decoded.value[0] : undefined).toBe(expected);
  });
  test('a truth value is 0 or 1', () => {
    expect(decodeValues([{ name: 'flag', type: { kind: 'bool' } }], [2]).ok).toBe(false);
  });
});
