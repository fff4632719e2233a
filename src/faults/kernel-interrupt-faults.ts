import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import { currentSubject, majorFrameStart, setMajorFrame } from '../impl/muen/scheduling-state.ts';
import type { Fault } from './fault.ts';
import { seamFaults, withOps } from './fault-parts.ts';

const STEPS = 'scheduling/step-refinement';
const INTERRUPTS = 'interrupts/step-refinement';
const VMCALLS = 'events/every-vmcall';
const EXITS = 'vmx/every-exit-reason';

/** Words of a pending-interrupt set. */
const PENDING_WORDS = 8;

/** Defects of interrupt delivery, crash records, frame changes and RIP in steps that involve two subjects. */
export const KERNEL_INTERRUPT_FAULTS: readonly Fault[] = seamFaults('kernel', [
  {
    id: 'eoi-missing',
    title: 'an external interrupt is not ended at the local APIC, which holds back all others of its class',
    precedent: 'XSA-356 (CVE-2020-29567): state of an interrupt vector was left behind after its use',
    killedBy: [INTERRUPTS, 'interrupts/every-arrival'],
    replace: () => ({ endOfInterrupt: () => {} }),
  },
  {
    id: 'io-apic-lock-not-taken',
    title: 'the registers of the I/O APIC are used without taking its lock',
    precedent: 'XSA-343 (CVE-2020-25599): unlocked updates of shared state race with each other',
    killedBy: [INTERRUPTS],
    replace: () => ({
      *takeIoApicLock() {
        yield AtomicAccess.lockTake;
      },
    }),
  },
  {
    id: 'io-apic-wrong-entry',
    title: 'a level-triggered interrupt masks the entry beside its own',
    precedent: 'XSA-237 (CVE-2017-15590): interrupts mapped for the wrong device',
    killedBy: [INTERRUPTS, 'interrupts/every-arrival'],
    replace: ops => ({ maskIrq: (kernel, irq) => ops.maskIrq(kernel, irq + 1) }),
  },
  {
    id: 'window-not-closed',
    title: 'the exit for an interrupt window does not close the window, so that it exits again at once',
    precedent: 'CVE-2015-5307 (KVM, Xen): endless exits for one event keep the CPU from all other work',
    killedBy: [INTERRUPTS],
    replace: ops => ({
      setInterruptWindow: (cpu, open) => {
        if (open) ops.setInterruptWindow(cpu, true);
      },
    }),
  },
  {
    id: 'lowest-vector-first',
    title: 'of several pending vectors the lowest is injected first',
    precedent: 'Genode b811ef4331: a wrong order of selection starves one of two',
    killedBy: [INTERRUPTS],
    replace: () => ({
      consumeInterrupt({ memory, at }, subject) {
        const slot = at.interruptSlots[subject]!;
        for (let word = 0; word < PENDING_WORDS; word++) {
          const bits = memory.readWord(slot, word);
          if (bits === 0) continue;
          memory.writeWord(slot, word, (bits & (bits - 1)) >>> 0);
          return 32 * word + 31 - Math.clz32(bits & -bits);
        }
        return -1;
      },
    }),
  },
  {
    id: 'interrupt-not-consumed',
    title: 'an injected vector stays pending and is injected again',
    precedent: 'CVE-2015-5307 (KVM, Xen): endless delivery of one event',
    killedBy: [INTERRUPTS],
    replace: ops => ({
      consumeInterrupt(kernel, subject) {
        const vector = ops.consumeInterrupt(kernel, subject);
        if (vector >= 0) ops.insertInterrupt(kernel, subject, vector);
        return vector;
      },
    }),
  },
  {
    id: 'interrupt-wakes-nobody',
    title: 'a subject that gets an interrupt while it sleeps is not marked as running',
    precedent: 'Muen 983b9a04d (2023-01): a sleeping target of an interrupt was never woken',
    killedBy: [INTERRUPTS],
    replace: ops => ({
      injectInterrupt: (kernel, cpu, subject) =>
        ops.injectInterrupt(withOps(kernel, { setRunning: () => {} }), cpu, subject),
    }),
  },
  {
    id: 'ipi-to-wrong-cpu',
    title: 'the interrupt for an event of another CPU goes to the CPU behind it',
    precedent: 'Muen cc8e59a94 (2022-10): the caller went on with a stale target',
    killedBy: ['events/ipi-delivered'],
    replace: ops => ({
      sendIpi: (kernel, cpu, target) => ops.sendIpi(kernel, cpu, (target + 1) % kernel.cpus.length),
    }),
  },
  {
    id: 'timers-not-cleared-at-init',
    title: 'the timed event of a subject starts with trigger 0, which is always due',
    precedent: 'Muen 617bfd966 (2014-12): timers not cleared at init, so that they expire spuriously',
    killedBy: [STEPS],
    replace: () => ({
      initTimedEvent(kernel, subject) {
        kernel.memory.fillWords(kernel.at.timedEventSlots[subject]!, 0, 4, 0);
      },
    }),
  },
  {
    id: 'rip-of-next-subject',
    title: 'a call that hands over advances RIP of the subject that takes over',
    precedent: 'Muen cc8e59a94 (2022-10): the caller used a stale next subject',
    killedBy: [VMCALLS],
    replace: ops => ({
      *handleHypercall(kernel, cpu, subject) {
        const incrementRip: typeof ops.incrementRip = inner => ops.incrementRip(inner, currentSubject(inner, cpu));
        yield* ops.handleHypercall(withOps(kernel, { incrementRip }), cpu, subject);
      },
    }),
  },
  {
    id: 'major-start-from-clock',
    title: 'a major frame starts when the BSP gets to it, so that frames drift',
    precedent: 'Genode f74962bdad: time that was spent was not accounted for',
    killedBy: [STEPS],
    replace: ops => ({
      advanceMajorFrame(kernel) {
        ops.advanceMajorFrame(kernel);
        const now = Math.max(kernel.cpus[0]!.tsc, majorFrameStart(kernel));
        setMajorFrame(kernel, kernel.memory.readWord(kernel.at.globalSlot, 0), now);
      },
    }),
  },
  {
    id: 'machine-check-masked',
    title: 'a subject is entered with CR4.MCE as it likes, so that machine checks can stop the processor',
    precedent: 'Muen 3e21acf59 (2023-01): control registers of a subject not as the kernel wants them',
    killedBy: [STEPS],
    replace: () => ({ filterState: () => {} }),
  },
  {
    id: 'audit-stale-subject',
    title: 'the crash audit records the state of another subject than the one that caused the crash',
    precedent: 'Muen cc8e59a94 (2022-10): the caller went on with a stale subject',
    killedBy: [EXITS],
    replace: ops => ({
      writeDump(kernel, cpu, number, found) {
        const { subject } = found;
        const other =
          subject === undefined
            ? {}
            : { subject: { ...subject, id: (subject.id + 1) % kernel.tables.subjects.length } };
        ops.writeDump(kernel, cpu, number, { ...found, ...other });
      },
    }),
  },
  {
    id: 'audit-not-finalised',
    title: 'a crash is recorded but neither counted nor given a generation, so that no reader finds it',
    precedent: 'XSA-340: a record became visible to its reader in the wrong order',
    killedBy: [EXITS],
    replace: () => ({ finaliseAudit: () => {} }),
  },
]);
