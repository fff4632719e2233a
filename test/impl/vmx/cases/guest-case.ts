import { code, encodingOf, launch, OP, type Op, type OpList, op, type VmxCase, vmwrite } from './case-program.ts';
import { GUEST_CODE, LONG, profileValue } from './profiles.ts';

/* Guests that execute a few instructions: what exits, and what the exits report. */

export const Register = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsi: 6, rdi: 7 } as const;
export const set = (register: number, value: bigint | number): Op => op(OP.register, register, value);
export const on = (profile: OpList, field: string, bits: number): Op =>
  vmwrite(field, profileValue(profile, encodingOf(field)) | BigInt(bits >>> 0));
export const off = (profile: OpList, field: string, bits: number): Op =>
  vmwrite(field, profileValue(profile, encodingOf(field)) & ~BigInt(bits >>> 0));
export const proc = (bits: number): Op => on(LONG, 'PROC_CONTROLS', bits);
export const proc2 = (bits: number): Op => on(LONG, 'PROC2_CONTROLS', bits);

export function guest(name: string, profile: OpList, bytes: readonly number[], ...ops: readonly Op[]): VmxCase {
  return { name, lists: [profile], ops: [...code(GUEST_CODE, ...bytes), ...ops, launch(12)] };
}
export const long = (name: string, bytes: readonly number[], ...ops: readonly Op[]): VmxCase =>
  guest(name, LONG, bytes, ...ops);

export const CPUID = [0x0f, 0xa2];
export const NOP = 0x90;
