/** Writes WebAssembly modules (WebAssembly Core Specification, "Binary Format"): only what the interpreter uses. */

export const ValueType = { i32: 0x7f, i64: 0x7e } as const;

/** Opcodes by name. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8U: 0x2d,
  i32Load16U: 0x2f,
  i64Load8U: 0x31,
  i64Load16U: 0x33,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtU: 0x49,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtU: 0x56,
  i64LeU: 0x58,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  i32Popcnt: 0x69,
  i64Clz: 0x79,
  i64Ctz: 0x7a,
  i64Popcnt: 0x7b,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i32WrapI64: 0xa7,
  i64ExtendI32U: 0xad,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

/** Block type without a result. */
export const EMPTY_BLOCK = 0x40;

/** Unsigned LEB128. */
export function pushUnsigned(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

/** Signed LEB128. */
export function pushSigned(bytes: number[], value: bigint): void {
  let rest = value;
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) {
      bytes.push(byte);
      return;
    }
    bytes.push(byte | 0x80);
  }
}

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export interface WasmFunction {
  readonly type: number;
  /** Types of the locals after the parameters. */
  readonly locals: readonly number[];
  /** Instructions without the final end. */
  readonly code: readonly number[];
}

export interface WasmModule {
  readonly types: readonly FunctionType[];
  /** Imported functions of module "env", in index order. */
  readonly imports: readonly { readonly name: string; readonly type: number }[];
  readonly memoryPages: { readonly initial: number; readonly maximum: number };
  readonly functions: readonly WasmFunction[];
  /** Table elements: indices into the whole function index space. */
  readonly table: readonly number[];
  readonly exports: readonly { readonly name: string; readonly index: number }[];
}

type Bytes = readonly number[] | Uint8Array;

/** A section of parts. */
function section(id: number, ...parts: readonly Bytes[]): readonly Bytes[] {
  const head: number[] = [id];
  pushUnsigned(
    head,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  return [head, ...parts];
}

function pushName(bytes: number[], name: string): void {
  pushUnsigned(bytes, name.length);
  for (let index = 0; index < name.length; index++) bytes.push(name.charCodeAt(index));
}

function functionBody(f: WasmFunction): readonly Bytes[] {
  const locals: number[] = [];
  pushUnsigned(locals, f.locals.length);
  for (const type of f.locals) locals.push(1, type);
  const size: number[] = [];
  pushUnsigned(size, locals.length + f.code.length + 1);
  return [size, locals, f.code, [Op.end]];
}

function concatenated(parts: readonly Bytes[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Bytes of a module; its memory is imported as env.memory and its functions are in table 0. */
export function encodeModule(module: WasmModule): Uint8Array {
  const types: number[] = [];
  pushUnsigned(types, module.types.length);
  for (const { parameters, results } of module.types) {
    types.push(0x60, parameters.length, ...parameters, results.length, ...results);
  }
  const imports: number[] = [];
  pushUnsigned(imports, module.imports.length + 1);
  for (const { name, type } of module.imports) {
    pushName(imports, 'env');
    pushName(imports, name);
    imports.push(0, type);
  }
  pushName(imports, 'env');
  pushName(imports, 'memory');
  imports.push(2, 1);
  pushUnsigned(imports, module.memoryPages.initial);
  pushUnsigned(imports, module.memoryPages.maximum);
  const functions: number[] = [];
  pushUnsigned(functions, module.functions.length);
  for (const { type } of module.functions) functions.push(type);
  const table: number[] = [1, 0x70, 0];
  pushUnsigned(table, module.table.length);
  const exported: number[] = [];
  pushUnsigned(exported, module.exports.length);
  for (const { name, index } of module.exports) {
    pushName(exported, name);
    exported.push(0);
    pushUnsigned(exported, index);
  }
  const elements: number[] = [1, 0, Op.i32Const, 0, Op.end];
  pushUnsigned(elements, module.table.length);
  for (const index of module.table) pushUnsigned(elements, index);
  const count: number[] = [];
  pushUnsigned(count, module.functions.length);
  return concatenated([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, imports),
    ...section(3, functions),
    ...section(4, table),
    ...section(7, exported),
    ...section(9, elements),
    ...section(10, count, ...module.functions.flatMap(functionBody)),
  ]);
}
