import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import { INJECT_EXTERNAL_INTERRUPT, Vmcs, vmcsWord } from '../impl/vmx/vmcs.ts';
import { frameBase, frameOf, hpa, PAGE_SIZE_BYTES } from '../units/address.ts';
import type { Fault } from './fault.ts';
import { nothing, seamFaults, withOps } from './fault-parts.ts';

const STEPS = 'scheduling/step-refinement';
const INTERLEAVED = 'events/interleaved-refinement';
const INTERRUPTS = 'interrupts/step-refinement';
const VMCALLS = 'events/every-vmcall';

/** R8 .. R15 in the register block: words 16 .. 31. */
const UPPER_REGISTERS = 16;
const CR4_WORD = vmcsWord('GUEST_CR4');
/** Shadows of CR0 and CR4 in the state page. */
const SHADOW_WORDS = [47, 53];
/** Bit 11 of the VM-entry interruption information. */
const DELIVER_ERROR_CODE = 0x800;

/** Defects of the kernel's exit handling: state, events, interrupts, reset. */
export const KERNEL_FAULTS: readonly Fault[] = seamFaults('kernel', [
  {
    id: 'event-to-wrong-subject',
    title: 'a target event is set pending for the subject after the one that the event names',
    precedent: 'Muen cc8e59a94 (2022-10): after a reschedule the caller went on with a stale subject',
    killedBy: ['isolation/noninterference', INTERLEAVED, VMCALLS, 'vmx/machine-code-refinement'],
    replace: ops => ({
      setEventPending: (kernel, subject, event) =>
        ops.setEventPending(kernel, (subject + 1) % kernel.tables.subjects.length, event),
    }),
  },
  {
    id: 'registers-not-cleared',
    title: 'R8 to R15 of the subject that exits stay in the CPU and are not loaded for the next one',
    precedent: 'Muen 61d8b5310 (2018-01): guest GPRs left in CPU registers after the exit; CVE-2018-3665 (LazyFP)',
    killedBy: ['isolation/noninterference', 'isolation/machine-code', STEPS],
    replace: ops => ({
      saveState(kernel, cpu, subject) {
        const upper = cpu.registers.slice(UPPER_REGISTERS);
        ops.saveState(kernel, cpu, subject);
        cpu.registers.set(upper, UPPER_REGISTERS);
      },
      restoreState(kernel, cpu, subject) {
        const upper = cpu.registers.slice(UPPER_REGISTERS);
        ops.restoreState(kernel, cpu, subject);
        cpu.registers.set(upper, UPPER_REGISTERS);
      },
    }),
  },
  {
    id: 'state-field-not-restored',
    title: 'CR4 of the state page is not loaded into the VMCS before an entry',
    precedent: 'Muen 3e21acf59 (2023-01): control-register values of the policy did not reach the VMCS',
    killedBy: ['vmx/entry-checks'],
    replace: ops => ({
      restoreState(kernel, cpu, subject) {
        const cr4 = cpu.vmread(CR4_WORD);
        ops.restoreState(kernel, cpu, subject);
        cpu.vmwrite(CR4_WORD, cr4);
      },
    }),
  },
  {
    id: 'shadow-initialised-zero',
    title: 'the read shadows of CR0 and CR4 start as 0 instead of what the policy says',
    precedent: 'Muen 3e21acf59 (2023-01): the CR0 and CR4 shadows were initialised with 0',
    killedBy: ['scheduling/step-refinement'],
    replace: ops => ({
      resetState(kernel, subject) {
        ops.resetState(kernel, subject);
        for (const word of SHADOW_WORDS) kernel.memory.writeWord(kernel.at.stateSlots[subject]!, word, 0);
      },
    }),
  },
  {
    id: 'injection-with-error-code',
    title: 'an injected interrupt is marked as delivering an error code, which no processor enters a guest with',
    precedent:
      'ACRN pull request 379 (2018-06): the error-code field of an injected event was written where there is none',
    killedBy: ['interrupts/step-refinement'],
    replace: ops => ({
      injectInterrupt(kernel, cpu, subject) {
        ops.injectInterrupt(kernel, cpu, subject);
        const info = cpu.vmread(Vmcs.entryInterruptInfo);
        if ((info & INJECT_EXTERNAL_INTERRUPT) !== 0) cpu.vmwrite(Vmcs.entryInterruptInfo, info | DELIVER_ERROR_CODE);
      },
    }),
  },
  {
    id: 'entry-failure-ignored',
    title: 'the kernel goes on as if the subject ran, although the processor refused to enter it',
    precedent: 'Muen b6c2f7980: an error of VMRESUME was ignored',
    killedBy: ['vmx/entry-checks'],
    replace: ops => ({
      enterSubject(kernel, cpu) {
        ops.enterSubject(kernel, cpu);
        cpu.entryFailureReason = 0;
      },
    }),
  },
  {
    id: 'rip-not-advanced',
    title: 'RIP stays at the instruction that the kernel handled',
    precedent: 'Muen cc8e59a94 (2022-10): RIP of a hypercall and of a reschedule advanced in the wrong places',
    killedBy: [STEPS, VMCALLS],
    replace: () => ({ incrementRip: () => {} }),
  },
  {
    id: 'double-rip-increment',
    title: 'sleep and yield advance RIP even when the caller advances it as well',
    precedent: 'Muen cc8e59a94 (2022-10): reschedule always incremented RIP',
    killedBy: [STEPS, VMCALLS],
    replace: ops => ({
      reschedulePartition: (kernel, cpu, subject, _advanceRip, sleep) =>
        ops.reschedulePartition(kernel, cpu, subject, true, sleep),
    }),
  },
  {
    id: 'timed-event-rip-increment',
    title: 'a timed event that puts its subject to sleep skips an instruction of it',
    precedent: 'Muen d50dbd68d (2023-05): RIP incremented when a timed event triggers sleep or handover',
    killedBy: [STEPS],
    replace: ops => ({
      *handleTimerExpiry(kernel, cpu) {
        const handleSourceEvent: typeof ops.handleSourceEvent = (inner, at, subject, event) =>
          ops.handleSourceEvent(inner, at, subject, event, true);
        yield* ops.handleTimerExpiry(withOps(kernel, { handleSourceEvent }), cpu);
      },
    }),
  },
  {
    id: 'timed-event-not-cleared',
    title: 'a timed event that was handled stays set and is handled again in every frame',
    precedent: 'Muen 617bfd966 (2014-12): timers not cleared, so that they expire spuriously',
    killedBy: [STEPS],
    replace: () => ({ clearTimedEvent: () => {} }),
  },
  {
    id: 'timed-event-number-cleared',
    title: 'clearing an expired timed event also clears its event number',
    precedent: 'Muen c5d7560b4 (2015-03): subjects had to write the event number each time',
    killedBy: [STEPS],
    replace: ops => ({ clearTimedEvent: (kernel, subject) => ops.initTimedEvent(kernel, subject) }),
  },
  {
    id: 'hypercall-from-ring-3',
    title: 'VMCALL is accepted from user mode',
    precedent: 'Muen 3e5dcb9d6 (2020-05): CPL check added; CVE-2009-3722 (KVM: debug registers without CPL check)',
    killedBy: [VMCALLS, STEPS],
    replace: () => ({ privilegeLevel: () => 0 }),
  },
  {
    id: 'hypercall-number-truncated',
    title: 'only the low half of RAX is compared with the number of events',
    precedent: 'XSA-212 (CVE-2017-7228): incomplete check of a hypercall argument',
    killedBy: [VMCALLS, STEPS],
    replace: () => ({ isValidHypercall: low => low < 64 }),
  },
  {
    id: 'xsetbv-unchecked',
    title: 'XSETBV takes over any value',
    precedent: 'CVE-2014-3610 (KVM): a value written by the guest reached the processor unchecked',
    killedBy: [STEPS],
    replace: () => ({ isValidXcr0: () => true }),
  },
  {
    id: 'lowest-event-first',
    title: 'of several pending target events the lowest number is delivered first',
    precedent: 'Genode b811ef4331: a wrong order of selection starves one of two',
    killedBy: ['events/every-reset', INTERLEAVED],
    replace: () => ({
      *consumeEvent(kernel, subject) {
        yield AtomicAccess.pendingConsume;
        const base = kernel.at.pendingBase + 2 * subject;
        for (let half = 0; half < 2; half++) {
          const bits = kernel.memory.readWord(kernel.at.globalSlot, base + half);
          if (bits === 0) continue;
          kernel.memory.writeWord(kernel.at.globalSlot, base + half, (bits & (bits - 1)) >>> 0);
          return half * 32 + 31 - Math.clz32(bits & -bits);
        }
        return -1;
      },
    }),
  },
  {
    id: 'reset-keeps-interrupts',
    title: 'vectors that were pending before a reset are injected afterwards',
    precedent: 'Muen f9a0bc91a (2016-10): state of the former life kept at a subject reset',
    killedBy: ['events/every-reset', STEPS],
    replace: () => ({ clearInterrupts: () => {} }),
  },
  {
    id: 'reset-keeps-fpu',
    title: 'XCR0 and FPU state survive the reset of a subject',
    precedent: 'Muen 14f872695 (2016-10): FPU state not cleared at subject initialisation',
    killedBy: ['events/every-reset'],
    replace: ops => ({
      *initSubject(kernel, cpu, subject) {
        const isBoot = kernel.memory.readWord(kernel.at.fpuSlots[subject]!, 0) === 0;
        yield* ops.initSubject(isBoot ? kernel : withOps(kernel, { resetFpu: () => {} }), cpu, subject);
      },
    }),
  },
  {
    id: 'stray-write',
    title: 'restoring a subject writes one word past its VMCS region',
    precedent: 'CVE-2013-1796 (KVM): a write to a shared page ran over its end',
    killedBy: [STEPS],
    replace: ops => ({
      restoreState(kernel, cpu, subject) {
        ops.restoreState(kernel, cpu, subject);
        const { memory } = kernel;
        const region = frameBase(memory.frameOfSlot(cpu.vmcsSlot));
        memory.writeWord(memory.slotOf(frameOf(hpa(region + PAGE_SIZE_BYTES))), 1, subject + 1);
      },
    }),
  },
  {
    id: 'irq-no-activity-indication',
    title: 'a device interrupt does not mark the group of its owner as active',
    precedent: 'Muen 983b9a04d (2023-01): IRQ insertion did not set the group activity indicator',
    killedBy: [INTERRUPTS, 'interrupts/every-arrival'],
    replace: ops => ({
      *handleInterrupt(kernel, cpu, vector) {
        yield* ops.handleInterrupt(withOps(kernel, { indicateActivity: nothing }), cpu, vector);
      },
    }),
  },
  {
    id: 'level-irq-not-masked',
    title: 'a level-triggered interrupt stays unmasked until its owner has handled it',
    precedent: 'CVE-2015-5307 (KVM, Xen): endless delivery of one event keeps the CPU from all other work',
    killedBy: [INTERRUPTS],
    replace: () => ({ maskIrq: nothing }),
  },
  {
    id: 'injection-ignores-if',
    title: 'a vector is injected although the subject has interrupts disabled',
    precedent: 'XSA-170 (CVE-2016-2271): guest state that fails the VM-entry checks crashes the guest',
    killedBy: [INTERRUPTS],
    replace: () => ({ acceptsInterrupts: () => true }),
  },
  {
    id: 'window-not-opened',
    title: 'interrupt-window exiting is not requested while vectors remain pending',
    precedent: 'Genode 42397cb512: a wake-up was lost',
    killedBy: [INTERRUPTS],
    replace: ops => ({
      setInterruptWindow: (cpu, open) => {
        if (!open) ops.setInterruptWindow(cpu, false);
      },
    }),
  },
  {
    id: 'vmcs-not-switched',
    title: 'a handover keeps the VMCS of the subject that handed over',
    precedent: 'Muen cc8e59a94 (2022-10): the caller used a stale next subject',
    killedBy: [VMCALLS, STEPS, 'vmx/machine-code-refinement'],
    replace: ops => ({
      loadVmcs(kernel, cpu, subject) {
        const isSameGroup = kernel.at.vmcsSlots.some(
          (slot, id) =>
            slot === cpu.vmcsSlot && kernel.tables.subjects[id]!.group === kernel.tables.subjects[subject]!.group,
        );
        if (!isSameGroup) ops.loadVmcs(kernel, cpu, subject);
      },
    }),
  },
]);
