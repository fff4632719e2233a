import { ATOMIC_ACCESS_NAMES, type AtomicAccess } from '../impl/muen/kernel-context.ts';

/** What the kernel is about to do at each of its accesses to shared state, for people. */
const WORDS: Readonly<Record<keyof typeof AtomicAccess, string>> = {
  pendingSet: 'set a target event pending',
  pendingRead: 'look for pending events of a subject',
  pendingConsume: 'take a pending event of the subject that it enters',
  pendingClear: 'clear the pending events of a subject',
  activitySet: 'mark a scheduling group as active',
  activityRead: 'look which scheduling groups are active',
  activityClear: 'mark a scheduling group as inactive',
  barrierRead: 'look at a barrier',
  barrierAdd: 'count itself at a barrier',
  barrierReset: 'reset the count of a barrier',
  barrierRelease: 'release the CPUs at a barrier',
  barrierSpin: 'wait at a barrier',
  majorAdvance: 'begin the next major frame',
  lockTake: 'take the lock of the I/O APIC',
  lockSpin: 'wait for the lock of the I/O APIC',
  lockRelease: 'release the lock of the I/O APIC',
  ioApicSelect: 'select a register of the I/O APIC',
  ioApicRead: 'read a register of the I/O APIC',
  ioApicWrite: 'write a register of the I/O APIC',
  auditSlot: 'record a crash and stop the system',
  auditCount: 'count a crash',
  auditReset: 'reset the machine after a crash',
};

/** Words for what comes next: an access to shared state, or the entry of a subject (0). */
export function accessWords(access: number): string {
  const name = ATOMIC_ACCESS_NAMES[access];
  return name === undefined || name === '' ? 'enter a subject' : WORDS[name as keyof typeof AtomicAccess];
}
