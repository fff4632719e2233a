import { err, ok, type Result } from '../../../units/result.ts';
import type { RpcField, RpcType } from '../services/interface.ts';

/** A value of an RPC argument or result: 64-bit integers are bigints, strings Latin-1 without NUL, packed records bytes. */
export type RpcValue = number | bigint | string | readonly number[];

const INTEGER_BYTES: Readonly<Partial<Record<RpcType['kind'], number>>> = {
  u8: 1,
  bool: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  // Capabilities cross as numbers that the proxies agree on.
  signal: 4,
  dataspace: 4,
  session: 4,
  capability: 4,
};

function integerBytes(value: bigint, count: number): number[] {
  let rest = BigInt.asUintN(count * 8, value);
  return Array.from({ length: count }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

function encodeValue(type: RpcType, value: RpcValue): number[] {
  const count = INTEGER_BYTES[type.kind];
  if (count !== undefined) return integerBytes(BigInt(value as number | bigint), count);
  if (type.kind === 'bytes')
    return Array.from({ length: type.sizeBytes }, (_, index) => (value as readonly number[])[index] ?? 0);
  const text = Array.from(value as string, character => character.charCodeAt(0) & 0xff);
  return [...integerBytes(BigInt(text.length + 1), 2), ...text, 0];
}

/** Marshals values that fit their types, in order; integers are little endian, strings carry their length and NUL. */
export const encodeValues = (fields: readonly RpcField[], values: readonly RpcValue[]): number[] =>
  fields.flatMap((field, index) => encodeValue(field.type, values[index] ?? 0));

/** Bytes of a message as they are consumed. */
interface Cursor {
  readonly bytes: readonly number[];
  at: number;
}

function take(cursor: Cursor, count: number): readonly number[] | undefined {
  if (count > cursor.bytes.length - cursor.at) return undefined;
  cursor.at += count;
  return cursor.bytes.slice(cursor.at - count, cursor.at);
}

function decodeInteger(type: RpcType, bytes: readonly number[]): Result<RpcValue, string> {
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (type.kind === 'bool' && value > 1n) return err(`the truth value is ${value}`);
  if (type.kind === 'u64') return ok(value);
  if (type.kind === 'i64') return ok(BigInt.asIntN(64, value));
  return ok(type.kind === 'i32' ? Number(BigInt.asIntN(32, value)) : Number(value));
}

function decodeString(cursor: Cursor, maxBytes: number): Result<RpcValue, string> {
  const size = take(cursor, 2);
  const length = size === undefined ? 0 : size[0]! + size[1]! * 256;
  if (length < 1 || length > maxBytes) return err(`a string of ${length} bytes, 1 to ${maxBytes} are allowed`);
  const bytes = take(cursor, length);
  if (bytes === undefined) return err('the string is longer than the message');
  if (bytes.indexOf(0) !== length - 1) return err('the string does not end with its only NUL');
  return ok(String.fromCharCode(...bytes.slice(0, -1)));
}

function decodeValue(type: RpcType, cursor: Cursor): Result<RpcValue, string> {
  if (type.kind === 'string') return decodeString(cursor, type.maxBytes);
  const bytes = take(cursor, type.kind === 'bytes' ? type.sizeBytes : INTEGER_BYTES[type.kind]!);
  if (bytes === undefined) return err('the message ends inside of a value');
  return type.kind === 'bytes' ? ok(bytes) : decodeInteger(type, bytes);
}

/** Unmarshals values from bytes that a peer may have written at will; every byte must belong to a value. */
export function decodeValues(fields: readonly RpcField[], bytes: readonly number[]): Result<RpcValue[], string> {
  const cursor: Cursor = { bytes, at: 0 };
  const values: RpcValue[] = [];
  for (const { name, type } of fields) {
    const value = decodeValue(type, cursor);
    if (!value.ok) return err(`${name}: ${value.error}`);
    values.push(value.value);
  }
  return cursor.at === bytes.length ? ok(values) : err(`${bytes.length - cursor.at} bytes too many`);
}
