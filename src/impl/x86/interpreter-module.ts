import { MAX_FRAMES } from '../memory.ts';
import { addFusedPairs, type FusedPairs } from './fused-pairs.ts';
import type { Expr, RegisterPlace, Stmt } from './ir.ts';
import { meaningOf, VARIANTS_PER_ROW, variantsOf } from './meaning.ts';
import { HELPERS } from './system.ts';
import { INSTRUCTIONS } from './table.ts';
import { encodeModule, Op, ValueType, type WasmFunction } from './wasm-binary.ts';
import { add64, and64, type Code, get, i64, load32, mul64, set, shr64 } from './wasm-build.ts';
import { type HandlerCalls, HandlerCode } from './wasm-handler.ts';
import { lowerOnward } from './wasm-jump.ts';
import { lowerHandler } from './wasm-lower.ts';

const { i32: I32, i64: I64 } = ValueType;

/** Type of handlers: record, budget, processor to status. */
const HANDLER_TYPE = 0;
const TYPES = [
  { parameters: [I32, I32, I32], results: [I32] },
  { parameters: [I32], results: [] },
  { parameters: [I32, I32], results: [] },
  { parameters: [I64, I64, I64], results: [I64] },
  { parameters: [I64, I64], results: [I64] },
];
const IMPORTS = [
  { name: 'slowAccess', type: 0 },
  { name: 'commit', type: 1 },
  { name: 'raise', type: 2 },
  { name: 'helper', type: 0 },
  { name: 'divide', type: 3 },
];
const CALLS: HandlerCalls = { slowAccess: 0, commit: 1, raise: 2, helper: 3, divide: 4, mulHigh: IMPORTS.length };

/** Names of helpers by the index that handlers pass. */
export const HELPER_NAMES: readonly string[] = Object.keys(HELPERS);

/** High half of a 64 x 64 bit product from four 32-bit products. */
function mulHighFunction(): WasmFunction {
  const low = (value: Code): Code => and64(value, i64(0xffff_ffffn));
  const high = (value: Code): Code => shr64(value, i64(32n));
  const [a, b, t] = [0, 1, 2];
  const middle = add64(mul64(high(get(a)), low(get(b))), high(mul64(low(get(a)), low(get(b)))));
  const outer = add64(mul64(high(get(a)), high(get(b))), high(get(t)));
  const inner = add64(mul64(low(get(a)), high(get(b))), low(get(t)));
  return { type: 4, locals: [I64], code: [...set(t, middle), ...add64(outer, high(inner))] };
}

/** Starts a chain of handlers. */
function enterFunction(): WasmFunction {
  return {
    type: HANDLER_TYPE,
    locals: [],
    code: [...get(0), ...get(1), ...get(2), ...load32(get(0)), Op.callIndirect, 0, 0],
  };
}

function special(lower: (handler: HandlerCode) => void): WasmFunction {
  const handler = new HandlerCode(CALLS, () => 0);
  lower(handler);
  return { type: HANDLER_TYPE, locals: handler.locals, code: [...handler.code, Op.unreachable] };
}

/** The interpreter as a module, the same for all machines. */
export interface InterpreterModule {
  readonly module: WebAssembly.Module;
  /** Handler of each variant, 0 for those that no decoder produces. */
  readonly handlers: Int32Array;
  /** Bits of places (1 rm, 2 reg, 4 vvvv) that a variant uses as byte registers. */
  readonly bytePlaces: Uint8Array;
  readonly fused: FusedPairs;
}

const PLACE_BITS: Readonly<Record<RegisterPlace, number>> = { rm: 1, reg: 2, vvvv: 4 };

/** Places that statements use with 8 bits. */
function bytePlacesOf(statements: readonly Stmt[]): number {
  let bits = 0;
  const visitExpr = (e: Expr): void => {
    if (e.k === 'reg' && e.w === 8) bits |= PLACE_BITS[e.place];
    for (const value of Object.values(e))
      if (typeof value === 'object' && value !== null && 'k' in value) visitExpr(value);
  };
  const visit = (list: readonly Stmt[]): void => {
    for (const statement of list) {
      if (statement.s === 'setReg' && statement.w === 8) bits |= PLACE_BITS[statement.place];
      if (statement.s === 'if') {
        visitExpr(statement.c);
        visit(statement.yes);
        visit(statement.no);
      } else if (statement.s === 'flags') {
        for (const e of Object.values(statement.set)) visitExpr(e as Expr);
      } else {
        for (const value of Object.values(statement))
          if (typeof value === 'object' && value !== null && 'k' in value) visitExpr(value as Expr);
      }
    }
  };
  visit(statements);
  return bits;
}

let built: InterpreterModule | undefined;

/** Builds the module once per process. */
export function interpreterModule(): InterpreterModule {
  built ??= build();
  return built;
}

function build(): InterpreterModule {
  const handlers = new Int32Array(INSTRUCTIONS.length * VARIANTS_PER_ROW);
  const bytePlaces = new Uint8Array(handlers.length);
  // In the order of SpecialHandler.
  const functions: WasmFunction[] = [
    special(handler => handler.leaveForLookup()),
    special(handler => handler.followTarget()),
    special(lowerOnward),
  ];
  // Many variants mean the same: those of groups that only raise #UD, for instance.
  const known = new Map<string, number>();
  const newHandler = (): HandlerCode => new HandlerCode(CALLS, name => HELPER_NAMES.indexOf(name));
  const toFunction = ({ locals, code }: HandlerCode): WasmFunction => ({ type: HANDLER_TYPE, locals, code });
  for (const row of INSTRUCTIONS) {
    for (const index of variantsOf(row)) {
      const meaning = meaningOf(index);
      bytePlaces[index] = bytePlacesOf(meaning);
      const body = newHandler();
      lowerHandler(body, meaning);
      const f = toFunction(body);
      const key = f.locals.length + String.fromCharCode(...f.code);
      let handler = known.get(key);
      if (handler === undefined) {
        handler = functions.length;
        known.set(key, handler);
        functions.push(f);
      }
      handlers[index] = handler;
    }
  }
  const fused = addFusedPairs(handlers, functions, newHandler, toFunction);
  // Imports, the high product and `enter` come first.
  const firstHandler = IMPORTS.length + 2;
  const bytes = encodeModule({
    types: TYPES,
    imports: IMPORTS,
    memoryPages: { initial: 1, maximum: MAX_FRAMES / 16 },
    functions: [mulHighFunction(), enterFunction(), ...functions],
    table: functions.map((_, index) => firstHandler + index),
    exports: [{ name: 'enter', index: IMPORTS.length + 1 }],
  });
  return { module: new WebAssembly.Module(bytes), handlers, bytePlaces, fused };
}
