import { controlBytes, type Helper, intercepted, readGpr, requireKernel, writeGpr } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { Cr4, Field } from './state-layout.ts';
import { Vector } from './unwind.ts';

/** Place of a debug register; DR4 and DR5 are aliases unless CR4.DE. */
function debugField(cpu: Processor): number {
  let n = cpu.instruction.reg;
  if (n > 7) cpu.fault(Vector.invalidOpcode);
  if (n === 4 || n === 5) {
    if ((cpu.state.u32(Field.cr4) & Cr4.de) !== 0) cpu.fault(Vector.invalidOpcode);
    n += 2;
  }
  return n <= 3 ? Field.dr0 + 8 * n : n === 6 ? Field.dr6 : Field.dr7;
}

/** DR7.GD: an access to a debug register traps first. */
function checkGeneralDetect(cpu: Processor): void {
  const { state } = cpu;
  if ((state.u32(Field.dr7) & 0x2000) === 0) return;
  cpu.debugFault(0x2000n);
}

const readDebug: Helper = cpu => {
  const { instruction } = cpu;
  const field = debugField(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'readDr', dr: instruction.reg, gpr: instruction.rm });
  checkGeneralDetect(cpu);
  writeGpr(cpu, instruction.rm, controlBytes(cpu), cpu.state.u64(field));
  return false;
};

const writeDebug: Helper = cpu => {
  const { state, instruction } = cpu;
  const field = debugField(cpu);
  requireKernel(cpu);
  intercepted(cpu, { kind: 'writeDr', dr: instruction.reg, gpr: instruction.rm });
  checkGeneralDetect(cpu);
  const value = readGpr(cpu, instruction.rm, controlBytes(cpu));
  if (field === Field.dr6 || field === Field.dr7) {
    if (value >> 32n !== 0n) cpu.fault(Vector.protection, 0);
    const fixed = field === Field.dr6 ? (value & 0xe00fn) | 0xffff_0ff0n : (value & 0xffff_2bffn) | 0x400n;
    state.setU64(field, fixed);
  } else state.setU64(field, value);
  if (field !== Field.dr6) cpu.updateContext();
  return false;
};

/** Debug registers. */
export const DEBUG_HELPERS: Readonly<Record<string, Helper>> = { readDebug, writeDebug };
