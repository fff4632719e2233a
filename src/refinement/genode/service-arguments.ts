import type { RpcValue } from '../../impl/genode/proxy/values.ts';
import type { RpcType } from '../../impl/genode/services/interface.ts';

const WORDS = ['', 'a', 'file', 'a -> b', '/', '/dir', '..', 'x'.repeat(100)] as const;

/** A value of a type as a client may send it: small, large or odd. */
export function argumentOf(type: RpcType, choice: number): RpcValue {
  switch (type.kind) {
    case 'u64':
      return [0n, 1n, 5n, 64n, 4096n, 0xffff_ffffn, 2n ** 64n - 1n, BigInt(choice)][choice % 8]!;
    case 'i64':
      return BigInt(choice % 16) - 8n;
    case 'i32':
      return [0, 1, -1, 7, 0x7fff_ffff, -0x8000_0000, choice, 32][choice % 8]!;
    case 'bool':
    case 'signal':
      return choice % 2;
    case 'string':
      return WORDS[choice % WORDS.length]!.slice(0, type.maxBytes - 1);
    case 'bytes':
      return Array.from({ length: type.sizeBytes }, (_, index) => (choice * (index + 3)) & 0xff);
    case 'u8':
      return choice & 0xff;
    case 'u16':
      return choice & 0xffff;
    default:
      return [0, 1, 2, 3, 0xffff_ffff, choice][choice % 6]!;
  }
}
