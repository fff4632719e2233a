import type { RegionDescription, SubjectDescription } from './policy-description.ts';

/** Trap table of a subject without monitor: every trap stops the system. */
export const PANIC_TRAPS = { event: 'system_panic', panic: true } as const;

/** Program text (no-operation bytes; hosted software runs in its place) and a stack below the entry stack pointer 0x3000. */
const PROGRAM_REGIONS: readonly RegionDescription[] = [
  {
    name: 'text',
    type: 'subject_binary',
    sizeBytes: 0x1000,
    address: 0x20_0000,
    writable: false,
    executable: true,
    fill: 0x90,
  },
  { name: 'stack', type: 'subject', sizeBytes: 0x2000, address: 0x1000, writable: true, executable: false, fill: 0 },
];

/** A native subject with a program, a stack and optional private memory. */
export function nativeSubject(name: string, cpu: number, extra: readonly RegionDescription[] = []): SubjectDescription {
  return { name, cpu, profile: 'native', regions: [...PROGRAM_REGIONS, ...extra], traps: PANIC_TRAPS };
}

/** The subject that tells the kernel the next major frame. */
export function tau0Subject(cpu: number): SubjectDescription {
  return { ...nativeSubject('tau0', cpu), traps: { event: 'tau0_panic', panic: true }, isTau0: true };
}
