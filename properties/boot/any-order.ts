import type { CheckContext } from '../../src/engine/property.ts';
import { assembleKernel } from '../../src/impl/create-system.ts';
import { type BootOrder, bootKernel } from '../../src/impl/muen/boot.ts';
import type { Kernel } from '../../src/impl/muen/kernel-context.ts';
import { restoreCpus, takeSnapshot } from '../../src/impl/system-snapshot.ts';
import { formatDigest } from '../../src/units/digest.ts';
import { InvariantError } from '../../src/units/invariant.ts';
import { type BootCase, bootProperty } from './boot-property.ts';

/** What a boot leaves behind, in parts that can be compared. */
interface BootResult {
  /** Why it did not come to its end; empty if it did. */
  readonly failure: string;
  readonly memory: string;
  /** Subject and state components of each CPU. */
  readonly cpus: string;
  readonly ioApic: string;
}

function resultOf({ memory, cpus, platform }: Kernel, failure: string): BootResult {
  return {
    failure,
    memory: formatDigest(memory.digest()),
    cpus: cpus.map(cpu => `${cpu.vmcsSlot}:${cpu.xcr0}`).join(' '),
    ioApic: platform.ioApic.entries.join(),
  };
}

/** In what two boots differ, empty if in nothing. */
function differenceOf(result: BootResult, usual: BootResult): string {
  if (result.failure !== usual.failure)
    return `the boot ends with: ${result.failure || 'success'}; in the usual order with: ${usual.failure || 'success'}`;
  if (usual.failure !== '') return '';
  if (result.cpus !== usual.cpus) return 'the CPUs enter other subjects, or with other state, than in the usual order';
  if (result.ioApic !== usual.ioApic) return 'the I/O APIC is set up otherwise than in the usual order';
  return result.memory === usual.memory ? '' : 'memory is not what it is after a boot in the usual order';
}

/** Another CPU proceeds at each access to shared state in turn. */
export const anyOrder = bootProperty({
  id: 'boot/any-order',
  claim: 'All CPUs boot to the same state, whichever one proceeds at any single access to shared state.',
  killedBy: ['barrier-arrival-not-atomic'],
  witness: { id: 'order', description: 'a boot with one change of the order' },
  cases(context: CheckContext): readonly BootCase[] {
    const assembled = assembleKernel(context.document, context.seams);
    if (!assembled.ok) return [];
    const { kernel } = assembled.value;
    const memory = kernel.memory.snapshot();
    const cpus = takeSnapshot(kernel.cpus, [], kernel.platform);
    const boot = (order: BootOrder): { readonly result: BootResult; readonly points: number } => {
      kernel.memory.restore(memory);
      restoreCpus(kernel.cpus, cpus);
      try {
        const points = bootKernel(kernel, order);
        return { result: resultOf(kernel, ''), points };
      } catch (cause) {
        if (cause instanceof InvariantError) throw cause;
        return { result: resultOf(kernel, cause instanceof Error ? cause.message : 'an exception'), points: 0 };
      }
    };
    const usual = boot(new Map());
    return Array.from({ length: usual.points }, (_, point) => point).flatMap(point =>
      kernel.cpus.map(({ id }) => ({
        name: `CPU ${id} going on at interleaving point ${point}`,
        run(): string {
          return differenceOf(boot(new Map([[point, id]])).result, usual.result);
        },
      })),
    );
  },
});
