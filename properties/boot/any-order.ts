import type { CheckContext } from '../../src/engine/property.ts';
import { assembleKernel } from '../../src/impl/create-system.ts';
import { type BootOrder, bootKernel } from '../../src/impl/muen/boot.ts';
import type { Kernel } from '../../src/impl/muen/kernel-context.ts';
import { restoreCpus, takeSnapshot } from '../../src/impl/system-snapshot.ts';
import { InvariantError } from '../../src/units/invariant.ts';
import { type BootCase, bootProperty } from './boot-property.ts';

/** What a boot leaves behind: digest of memory, scheduling of each CPU, state of the I/O APIC. */
function resultOf(kernel: Kernel): string {
  const { high, low } = kernel.memory.digest();
  const cpus = kernel.cpus.map(cpu => `${cpu.vmcsSlot}:${cpu.xcr0}`).join(' ');
  return `${high.toString(16)}-${low.toString(16)} ${cpus} ${kernel.platform.ioApic.entries.join(',')}`;
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
    const boot = (order: BootOrder): { readonly result: string; readonly points: number } => {
      kernel.memory.restore(memory);
      restoreCpus(kernel.cpus, cpus);
      try {
        const points = bootKernel(kernel, order);
        return { result: resultOf(kernel), points };
      } catch (cause) {
        if (cause instanceof InvariantError) throw cause;
        return { result: cause instanceof Error ? cause.message : '', points: 0 };
      }
    };
    const usual = boot(new Map());
    return Array.from({ length: usual.points }, (_, point) => point).flatMap(point =>
      kernel.cpus.map(({ id }) => ({
        name: `CPU ${id} going on at interleaving point ${point}`,
        run(): string {
          const { result } = boot(new Map([[point, id]]));
          return result === usual.result ? '' : `it ends otherwise: ${result}, not ${usual.result}`;
        },
      })),
    );
  },
});
