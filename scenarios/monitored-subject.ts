import { nativeSubject } from './native-subject.ts';
import type { EventDescription, RegionDescription, SubjectDescription } from './policy-description.ts';

/** Where virtual machines start: no-operation bytes that software or a program replaces. */
export const VM_BINARY: RegionDescription = {
  name: 'binary',
  type: 'subject_binary',
  sizeBytes: 0x1000,
  address: 0x40_0000,
  writable: true,
  executable: true,
  fill: 0x90,
};

/** Memory of a virtual machine for code and data. */
export const vmRam = (sizeBytes: number): RegionDescription => ({
  name: 'ram',
  type: 'subject',
  sizeBytes,
  address: 0x100_0000,
  writable: true,
  executable: true,
});

/** A native subject that reads and writes the state and the pending interrupts of another one. */
export const monitorSubject = (name: string, cpu: number, subject: string): SubjectDescription => ({
  ...nativeSubject(name, cpu),
  monitors: [
    { logical: 'monitor_state', subject, page: 'state', address: 0x1e_0000, writable: true },
    { logical: 'monitor_interrupts', subject, page: 'interrupts', address: 0x1e_2000, writable: true },
  ],
});

/** Handover of a subject to its monitor by the event `trap` and back, and the monitor's reset of it; `short` is the subject in their names. */
export const monitorEvents = (
  subject: string,
  monitor: string,
  trap: string,
  short = subject,
): readonly EventDescription[] => [
  { name: trap, mode: 'switch', target: { subject: monitor, logical: 'handle_trap' } },
  {
    name: `resume_${short}`,
    mode: 'switch',
    source: { subject: monitor, logical: `resume_${short}`, id: 4 },
    target: { subject, logical: 'resume' },
  },
  {
    name: `reset_${short}`,
    mode: 'switch',
    source: { subject: monitor, logical: `reset_${short}`, id: 5 },
    target: { subject, logical: 'reset', id: 63, action: { kind: 'reset' } },
  },
];
