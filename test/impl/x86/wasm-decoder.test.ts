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
});
