import type { Cpu } from '../impl/cpu.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';
import { cachedTranslation, rememberTranslation } from './shared-tlb.ts';

/** Vector of inter-processor interrupts. */
const IPI_VECTOR = 254;

/** Defects of the processor model. */
export const MACHINE_FAULTS: readonly Fault[] = seamFaults('machine', [
  {
    id: 'stale-translation',
    title: 'translations are cached by address alone and outlive a switch of the subject',
    precedent: 'Muen 8a7437fbe: one VPID for all subjects; XSA-286: stale TLB entries',
    killedBy: ['isolation/noninterference'],
    replace: ops => ({
      translate(memory, cpu, address, access) {
        const cached = cachedTranslation(memory, cpu.id, address, access);
        if (cached >= 0) return cached;
        const physical = ops.translate(memory, cpu, address, access);
        if (physical >= 0) rememberTranslation(memory, cpu.id, address, access, physical);
        return physical;
      },
    }),
  },
  {
    id: 'write-as-read',
    title: 'a write is checked like a read, so read-only pages can be written',
    precedent: 'CVE-2018-10853 (KVM): memory accesses of emulated instructions with too many rights',
    killedBy: ['isolation/stores-confined'],
    replace: ops => ({ translate: (memory, cpu, address) => ops.translate(memory, cpu, address, 'read') }),
  },
  {
    id: 'entry-check-skipped',
    title: 'a guest state that violates the VM-entry checks is entered',
    precedent: 'Muen b6c2f7980: an error of VMRESUME was ignored',
    killedBy: ['vmx/entry-checks'],
    replace: () => ({ checkEntry: () => undefined }),
  },
  {
    id: 'state-outside-snapshot',
    title: 'the first interrupt request of a CPU is lost, and no restore brings that state back',
    precedent: 'Genode 42397cb512: the first wake-up was lost',
    killedBy: ['meta/determinism'],
    replace: ops => {
      const requested = new WeakSet<Cpu>();
      return {
        requestInterrupt(cpu, vector) {
          if (requested.has(cpu)) ops.requestInterrupt(cpu, vector);
          requested.add(cpu);
        },
      };
    },
  },
  {
    id: 'ipi-lost',
    title: 'an inter-processor interrupt does not reach its CPU',
    precedent: 'XSA-343: races around event channels lose or misuse their state',
    killedBy: ['events/ipi-delivered'],
    replace: ops => ({
      requestInterrupt(cpu, vector) {
        if (vector !== IPI_VECTOR) ops.requestInterrupt(cpu, vector);
      },
    }),
  },
]);
