import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/units/rng.ts';
import { DecoderComparison } from '../../oracle/decoder-compare.ts';

const isDeep = process.env.MUENCHECK_BUDGET === 'deep';
const PREFIXES = [[], [0x66], [0xf3], [0xf2], [0x48], [0x40], [0x66, 0x4f], [0xf3, 0x48], [0x66, 0xf2, 0x45], [0x67]];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

describe('the decoder on the WebAssembly.Memory', () => {
  it('writes the same records as the decoder in TypeScript, over all opcodes and ModRM bytes', () => {
    const comparison = new DecoderComparison();
    const rng = createRng(5);
    const code = new Uint8Array(15);
    const stride = isDeep ? 1 : 7;
    for (const prefix of PREFIXES) {
      for (const map of MAPS) {
        for (let opcode = 0; opcode < 256; opcode++) {
          for (let modrm = rng.below(stride); modrm < 256; modrm += stride) {
            for (let index = 0; index < 15; index++) code[index] = rng.next();
            code.set([...prefix, ...map, opcode, modrm]);
            const difference = comparison.compare(code, rng.below(4000));
            if (difference !== undefined) expect.fail(`${Buffer.from(code).toString('hex')}: ${difference}`);
          }
        }
      }
    }
    // What is left is what no row knows, other prefixes and vector encodings.
    expect(comparison.equal).toBeGreaterThan(comparison.left / 2);
  });

  it('and the same of VEX encodings', () => {
    const comparison = new DecoderComparison();
    const rng = createRng(6);
    const code = new Uint8Array(15);
    for (let round = 0; round < (isDeep ? 4_000_000 : 100_000); round++) {
      for (let index = 0; index < 15; index++) code[index] = rng.next();
      code[0] = 0xc4;
      // Mostly the maps and the length that general-purpose instructions have.
      if (rng.below(8) !== 0) code[1] = (code[1]! & 0xe0) | (2 + rng.below(2));
      if (rng.below(8) !== 0) code[2]! &= rng.below(2) === 0 ? 0xfb : 0x83;
      if (rng.below(2) === 0) code[2]! |= 0x78;
      if (rng.below(8) !== 0) code[3] = 0xf0 | (code[3]! & 7);
      const difference = comparison.compare(code, rng.below(4000));
      if (difference !== undefined) expect.fail(`${Buffer.from(code).toString('hex')}: ${difference}`);
    }
    expect(comparison.equal).toBeGreaterThan(comparison.left / 8);
  });
});
