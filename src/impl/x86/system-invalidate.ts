import { isRealLike } from './descriptor.ts';
import { controlBytes, type Helper, intercepted, readGpr, requireKernel } from './operand-access.ts';
import type { Processor } from './processor.ts';
import { isCanonical } from './stack-frame.ts';
import { Cr4, Field, Seg } from './state-layout.ts';
import { Vector } from './unwind.ts';

const invalidateCaches: Helper = cpu => {
  requireKernel(cpu);
  intercepted(cpu, { kind: cpu.instruction.row.opcode === 8 ? 'invd' : 'wbinvd' });
  return false;
};

/** Linear address of a memory operand without an access. */
function linearOperand(cpu: Processor): bigint {
  const { state, instruction } = cpu;
  const offset = cpu.effectiveAddress();
  if (state.is64Bit && instruction.segment < Seg.fs) return offset;
  const linear = state.segmentBase(instruction.segment) + offset;
  return linear & (state.is64Bit ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn);
}

const invalidatePage: Helper = cpu => {
  requireKernel(cpu);
  const linear = linearOperand(cpu);
  intercepted(cpu, { kind: 'invlpg', linear });
  if (isCanonical(linear)) cpu.invalidatePage(linear);
  return false;
};

const invalidateContext: Helper = cpu => {
  requireKernel(cpu);
  if (isRealLike(cpu)) cpu.fault(Vector.invalidOpcode);
  intercepted(cpu, { kind: 'invpcid' });
  const { instruction, state } = cpu;
  const type = readGpr(cpu, instruction.reg, controlBytes(cpu));
  const at = cpu.effectiveAddress();
  const first = cpu.readLinear(instruction.segment, at, 8);
  const linear = cpu.readLinear(instruction.segment, at + 8n, 8);
  const usesPcid = (state.u32(Field.cr4) & Cr4.pcide) !== 0;
  const isInvalid = type > 3n || first >> 12n !== 0n || ((type === 0n || type === 1n) && first !== 0n && !usesPcid);
  if (isInvalid || (type === 0n && !isCanonical(linear))) cpu.fault(Vector.protection, 0);
  if (type === 0n) cpu.invalidatePage(linear);
  else if (type === 1n)
    cpu.space.cache.flushMatching(tag => tag.vpid === cpu.space.cache.vpid && tag.pcid === Number(first), true);
  else cpu.flushTlb(type !== 2n);
  cpu.updateContext();
  return false;
};

/** Invalidation of caches and of cached translations. */
export const INVALIDATE_HELPERS: Readonly<Record<string, Helper>> = {
  invalidateCaches,
  invalidatePage,
  invalidateContext,
};
