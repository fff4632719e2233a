import type { Cpu } from '../impl/cpu.ts';
import { FPU_AREA_WORD, FPU_XCR0_WORD } from '../impl/muen/fpu.ts';
import { RCX_WORD, RDX_WORD } from '../impl/muen/state-layout.ts';
import { vmcsWord } from '../impl/vmx/vmcs.ts';
import { xsave } from '../impl/xsave.ts';
import type { Fault } from './fault.ts';
import { seamFaults, withOps } from './fault-parts.ts';

const EXTENDED = 'isolation/extended-state';
const RESETS = 'events/every-reset';
const STORE_COUNT = vmcsWord('EXIT_MSR_STORE_COUNT');
const LOAD_COUNT = vmcsWord('ENTRY_MSR_LOAD_COUNT');

/** Defects in the switching of FPU state, XCR0 and MSRs. */
export const KERNEL_EXTENDED_FAULTS: readonly Fault[] = seamFaults('kernel', [
  {
    id: 'fpu-not-loaded-first',
    title: 'the FPU state of the initial subject of a CPU is not loaded for its first entry',
    precedent: 'Muen fb132dd74 (2024-05): FPU state of the initial subject not loaded on first entry',
    killedBy: [EXTENDED],
    replace: ops => {
      const entered = new WeakSet<Cpu>();
      return {
        restoreFpu(kernel, cpu, subject) {
          if (entered.has(cpu)) ops.restoreFpu(kernel, cpu, subject);
          else ops.writeXcr0(kernel, cpu, kernel.memory.readWord(kernel.at.fpuSlots[subject]!, FPU_XCR0_WORD));
          entered.add(cpu);
        },
      };
    },
  },
  {
    id: 'fpu-not-restored',
    title: 'FPU registers are left to the next subject until it is worth loading its own',
    precedent: 'CVE-2018-3665 (LazyFP): registers of the former owner stay readable',
    killedBy: [EXTENDED, 'isolation/noninterference'],
    replace: ops => ({
      restoreFpu: (kernel, cpu, subject) =>
        ops.writeXcr0(kernel, cpu, kernel.memory.readWord(kernel.at.fpuSlots[subject]!, FPU_XCR0_WORD)),
    }),
  },
  {
    id: 'fpu-saved-as-enabled',
    title: 'only the state components that the exiting subject has enabled are saved',
    precedent: 'XSA-52 (CVE-2013-2076): XSAVE and XRSTOR with a mask of the wrong owner leak register contents',
    killedBy: [EXTENDED],
    replace: () => ({
      saveFpu: (kernel, cpu, subject) => xsave(kernel.memory, kernel.at.fpuSlots[subject]!, FPU_AREA_WORD, cpu),
    }),
  },
  {
    id: 'fpu-control-word-zero',
    title: 'a reset leaves the FPU control words zero instead of their initial values',
    precedent: 'Muen 14f872695 (2016-10): FPU state not brought to its initial values at subject initialisation',
    killedBy: [EXTENDED],
    replace: ops => ({
      resetFpu(kernel, subject) {
        ops.resetFpu(kernel, subject);
        kernel.memory.writeWord(kernel.at.fpuSlots[subject]!, FPU_AREA_WORD, 0);
      },
    }),
  },
  {
    id: 'xcr0-of-kernel-kept',
    title: 'a subject is entered with all state components enabled, whatever its XCR0 says',
    precedent: 'XSA-53 (CVE-2013-2077): XCR0 and the state that is restored under it did not agree',
    killedBy: [EXTENDED],
    replace: ops => ({
      restoreFpu(kernel, cpu, subject) {
        ops.restoreFpu(kernel, cpu, subject);
        ops.writeXcr0(kernel, cpu, kernel.tables.xcr0Features);
      },
    }),
  },
  {
    id: 'xsetbv-index-unchecked',
    title: 'XSETBV of any extended control register writes XCR0',
    precedent: 'XSA-54 (CVE-2013-2078): XSETBV was executed with an operand that had not been checked',
    killedBy: [EXTENDED],
    replace: ops => ({
      handleXsetbv(kernel, subject) {
        const slot = kernel.at.stateSlots[subject]!;
        const index = kernel.memory.readWord(slot, RCX_WORD);
        kernel.memory.writeWord(slot, RCX_WORD, 0);
        ops.handleXsetbv(kernel, subject);
        kernel.memory.writeWord(slot, RCX_WORD, index);
      },
    }),
  },
  {
    id: 'xsetbv-high-half-unchecked',
    title: 'XSETBV looks at the low half of the value only',
    precedent: 'XSA-212 (CVE-2017-7228): an argument of the guest was checked in part',
    killedBy: [EXTENDED],
    replace: ops => ({
      handleXsetbv(kernel, subject) {
        const slot = kernel.at.stateSlots[subject]!;
        const high = kernel.memory.readWord(slot, RDX_WORD);
        kernel.memory.writeWord(slot, RDX_WORD, 0);
        ops.handleXsetbv(kernel, subject);
        kernel.memory.writeWord(slot, RDX_WORD, high);
      },
    }),
  },
  {
    id: 'disabled-component-kept',
    title: 'state components that a subject disables keep their contents',
    precedent: 'XSA-52 (CVE-2013-2076): stale contents of state components became visible again',
    killedBy: [EXTENDED],
    replace: () => ({
      setSubjectXcr0: (kernel, subject, value) =>
        kernel.memory.writeWord(kernel.at.fpuSlots[subject]!, FPU_XCR0_WORD, value),
    }),
  },
  {
    id: 'msr-store-not-cleared',
    title: 'stored MSRs keep their values over a reset of the subject',
    precedent: 'Muen f9a0bc91a (2016-10): MSR store not cleared on initialisation and reset',
    killedBy: [RESETS],
    replace: () => ({ clearMsrStore: () => {} }),
  },
  {
    id: 'msrs-not-stored',
    title: 'VM exits store no MSRs, so that what the subject wrote is lost',
    precedent: 'Muen f9a0bc91a (2016-10): MSR store in a state that its subject did not leave it in',
    killedBy: [EXTENDED],
    replace: ops => ({
      resetVmcs(kernel, cpu, subject) {
        ops.resetVmcs(kernel, cpu, subject);
        cpu.vmwrite(STORE_COUNT, 0);
      },
    }),
  },
  {
    id: 'msrs-not-loaded',
    title: 'VM entries load no MSRs, so that those of the former life or the former subject stay',
    precedent: 'XSA-204 (CVE-2016-10013): SYSCALL state of a guest handled wrongly',
    killedBy: [RESETS],
    replace: ops => ({
      resetVmcs(kernel, cpu, subject) {
        ops.resetVmcs(kernel, cpu, subject);
        cpu.vmwrite(LOAD_COUNT, 0);
      },
    }),
  },
  {
    id: 'reset-misses-xcr0',
    title: 'a reset brings back the FPU registers of a subject but not its XCR0',
    precedent: 'Muen 14f872695 (2016-10): FPU state not cleared at subject initialisation',
    killedBy: [RESETS],
    replace: ops => ({
      *initSubject(kernel, cpu, subject) {
        const xcr0 = kernel.memory.readWord(kernel.at.fpuSlots[subject]!, FPU_XCR0_WORD);
        const resetFpu: typeof ops.resetFpu = (inner, target) => {
          ops.resetFpu(inner, target);
          if (xcr0 !== 0) inner.memory.writeWord(inner.at.fpuSlots[target]!, FPU_XCR0_WORD, xcr0);
        };
        yield* ops.initSubject(withOps(kernel, { resetFpu }), cpu, subject);
      },
    }),
  },
]);
