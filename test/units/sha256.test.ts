import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { compressSha256, paddingBlock, SHA256_INITIAL } from '../../src/units/sha256.ts';

test.each([0, 64, 128, 4096, 12_352])('a message of %i bytes has the digest that OpenSSL computes', length => {
  const message = Uint8Array.from({ length }, (_, index) => (index * index + 7 * index + length) & 0xff);
  const state = Uint32Array.from(SHA256_INITIAL);
  compressSha256(state, message.subarray(0, Math.floor(length / 128) * 64));
  compressSha256(state, message.subarray(Math.floor(length / 128) * 64));
  compressSha256(state, paddingBlock(length));
  const digest = [...state].map(word => word.toString(16).padStart(8, '0')).join('');
  expect(digest).toBe(createHash('sha256').update(message).digest('hex'));
});

test('a part of a block is no message', () => {
  expect(() => compressSha256(Uint32Array.from(SHA256_INITIAL), new Uint8Array(63))).toThrow('whole blocks');
});
