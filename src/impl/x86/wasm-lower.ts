import { invariant, unreachable } from '../../units/invariant.ts';
import type { Stmt, Width } from './ir.ts';
import { AccessFlag, ExitStatus } from './record-layout.ts';
import { Field } from './state-layout.ts';
import { commitBounce, lowerPointer, storeAt } from './wasm-access.ts';
import { EMPTY_BLOCK, Op, ValueType } from './wasm-binary.ts';
import { LOADS, lowerValue, STORES } from './wasm-expression.ts';
import { lowerFlags } from './wasm-flag-update.ts';
import { BUDGET, CPU, type HandlerCode, RECORD } from './wasm-handler.ts';
import { checkTarget, lowerJump, lowerLinkedJump } from './wasm-jump.ts';

/**
 * Lowers the meaning of an instruction variant to the body of its handler.
 *
 * Values of 8 .. 64 bits are i64 with clear upper bits, single bits are i32.
 */
export function lowerHandler(h: HandlerCode, statements: readonly Stmt[]): void {
  lowerStatements(h, statements);
  if (!endsControl(statements)) h.next();
  else h.push(Op.unreachable);
}

/** Lowers an instruction and the one of the next record to one handler. */
export function lowerPair(h: HandlerCode, first: readonly Stmt[], second: readonly Stmt[]): void {
  lowerStatements(h, first);
  h.step();
  h.temporaries.clear();
  h.places.clear();
  lowerHandler(h, second);
}

function lowerStatements(h: HandlerCode, statements: readonly Stmt[]): void {
  statements.forEach((statement, index) => {
    const isChecked = statement.s === 'checkTarget';
    const jump = isChecked ? statements[index + 1] : statement;
    // A linked jump needs no check of its target: it comes first.
    const isBehindCheck = !isChecked && statements[index - 1]?.s === 'checkTarget';
    if (jump?.s === 'jump' && jump.isRelative && !isBehindCheck) lowerLinkedJump(h, jump.target);
    lowerStatement(h, statement);
  });
}

function lowerStatement(h: HandlerCode, statement: Stmt): void {
  switch (statement.s) {
    case 'let': {
      lowerValue(h, statement.e);
      setTemporary(h, statement.id, statement.e.w);
      return;
    }
    case 'load': {
      const flags = statement.intent === 'modify' ? AccessFlag.write | AccessFlag.modify : 0;
      const pointer = lowerPointer(h, statement.segment, statement.address, statement.w, flags);
      if (statement.intent === 'modify') h.places.set(statement.id, pointer);
      h.get(pointer);
      h.memory(LOADS[statement.w]!, 0);
      setTemporary(h, statement.id, statement.w);
      return;
    }
    case 'storeBack': {
      const pointer = h.places.get(statement.id);
      invariant(pointer !== undefined, 'a place is loaded before it is stored');
      storeAt(h, pointer, statement.w, statement.e);
      return;
    }
    case 'store': {
      const value = h.local(ValueType.i64);
      lowerValue(h, statement.e);
      h.set(value);
      const pointer = lowerPointer(h, statement.segment, statement.address, statement.w, AccessFlag.write);
      h.get(pointer);
      h.get(value);
      h.memory(STORES[statement.w]!, 0);
      commitBounce(h, pointer);
      return;
    }
    case 'setGpr':
      h.get(CPU);
      lowerValue(h, statement.e);
      h.memory(registerStore(statement.w), statement.n * 8 + (statement.high ? 1 : 0));
      return;
    case 'setReg':
      h.registerAddress(statement.place);
      lowerValue(h, statement.e);
      h.memory(registerStore(statement.w), 0);
      return;
    case 'setState':
      h.get(CPU);
      lowerValue(h, statement.e);
      h.memory(STORES[statement.w]!, statement.offset);
      return;
    case 'flags':
      lowerFlags(h, statement.set);
      return;
    case 'checkTarget':
      checkTarget(h, statement.target);
      return;
    case 'checkAligned':
      lowerValue(h, statement.address);
      h.i64(BigInt(statement.bytes - 1));
      h.push(Op.i64And, Op.i64Eqz, Op.i32Eqz, Op.if, EMPTY_BLOCK);
      h.fault(13);
      h.push(Op.end);
      return;
    case 'jump':
      lowerJump(h, statement.target);
      return;
    case 'repeat':
      h.countDown(() => {
        h.get(CPU);
        h.startRip();
        h.memory(Op.i64Store, Field.rip);
      });
      h.dispatch();
      return;
    case 'if':
      lowerValue(h, statement.c);
      h.push(Op.if, EMPTY_BLOCK);
      lowerStatements(h, statement.yes);
      if (statement.no.length > 0) {
        h.push(Op.else);
        lowerStatements(h, statement.no);
      }
      h.push(Op.end);
      return;
    case 'fault':
      h.fault(statement.vector);
      return;
    case 'helper':
      callHelper(h, statement.name);
      return;
    default:
      unreachable(statement);
  }
}

function setTemporary(h: HandlerCode, id: number, w: Width): void {
  let local = h.temporaries.get(id);
  if (local === undefined) {
    local = h.local(w === 1 ? ValueType.i32 : ValueType.i64);
    h.temporaries.set(id, local);
  }
  h.set(local);
}

function callHelper(h: HandlerCode, name: string): void {
  const status = h.local(ValueType.i32);
  h.get(RECORD);
  h.i32(h.helperIndex(name));
  h.get(BUDGET);
  h.call(h.calls.helper);
  h.tee(status);
  h.push(Op.if, EMPTY_BLOCK);
  h.get(status);
  h.i32(ExitStatus.unwound);
  h.push(Op.i32Eq, Op.if, EMPTY_BLOCK);
  h.exit(ExitStatus.unwound, false);
  h.push(Op.end);
  h.exit(ExitStatus.left, true);
  h.push(Op.end);
}

const registerStore = (w: Width): number => (w >= 32 ? Op.i64Store : STORES[w]!);

/** True if a statement list never reaches its end. */
function endsControl(statements: readonly Stmt[]): boolean {
  const last = statements[statements.length - 1];
  if (last === undefined) return false;
  if (last.s === 'jump' || last.s === 'repeat' || last.s === 'fault') return true;
  return last.s === 'if' && endsControl(last.yes) && endsControl(last.no);
}
