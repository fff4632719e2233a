import { PhysicalMemory } from '../src/impl/memory.ts';
import { frameNumber } from '../src/units/address.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';

const DIRTY_PAGES = 16;
const FRAMES = 0x4000;
const ROUNDS = 20_000;

/** Dirtying 16 pages of a 64 MiB memory and rolling them back; saving their content at the first write is included. */
export const snapshotRestore: Benchmark = {
  id: 'snapshot-restore',
  title: 'Restores of a memory snapshot with 16 dirty pages out of 64 MiB, dirtying them included',
  unit: 'restores/s',
  run() {
    const memory = new PhysicalMemory();
    for (let frame = 0; frame < FRAMES; frame++) memory.writeWord(memory.slotOf(frameNumber(frame)), 0, frame + 1);
    const snapshot = memory.snapshot();
    const value = medianOf(5, () =>
      perSecond(() => {
        for (let round = 0; round < ROUNDS; round++) {
          for (let page = 0; page < DIRTY_PAGES; page++) memory.writeWord(page * 37, 5, round);
          memory.restore(snapshot);
        }
        return ROUNDS;
      }),
    );
    return measurement(value, {});
  },
};
