import type { KernelOps } from '../impl/muen/ops.ts';
import type { Seams } from '../impl/seams.ts';
import type { Fault, FaultSeam } from './fault.ts';

/** A fault of one seam: everything but the seam, and the entries that it replaces, given the ones in place. */
export interface SeamFault<Seam extends FaultSeam> extends Omit<Fault, 'seam' | 'apply'> {
  readonly replace: (ops: Seams[Seam]) => Partial<Seams[Seam]>;
}

/** Turns the replacement of some entries of one collaborator record into a fault. */
export function seamFault<Seam extends FaultSeam>(seam: Seam, { replace, ...facts }: SeamFault<Seam>): Fault {
  return { ...facts, seam, apply: seams => ({ ...seams, [seam]: { ...seams[seam], ...replace(seams[seam]) } }) };
}

/** Types a list of faults of one seam. */
export function seamFaults<Seam extends FaultSeam>(seam: Seam, faults: readonly SeamFault<Seam>[]): readonly Fault[] {
  return faults.map(fault => seamFault(seam, fault));
}

/** A kernel whose functions call some others than usual, for a defect inside a single caller. */
export function withOps<K extends { readonly ops: KernelOps }>(kernel: K, ops: Partial<KernelOps>): K {
  return { ...kernel, ops: { ...kernel.ops, ...ops } };
}

/** A kernel function that touches shared state, doing nothing. */
export function* nothing(): Generator<never, void, void> {}
