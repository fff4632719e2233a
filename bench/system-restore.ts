import { defaultSeams } from '../src/impl/seams.ts';
import { TestBench } from '../src/refinement/test-bench.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { kernelSystem } from './kernel-system.ts';

const RESTORES = 200;

/** Putting a system that ran for a while back to its first state, against building it anew. */
export const systemRestore: Benchmark = {
  id: 'system-restore',
  title: 'Restores of the booted demo system after a short run, against building it',
  unit: 'restores/s',
  run() {
    const { document, bench, spec } = kernelSystem();
    const short = { ...spec, maxKernelSteps: 50 };
    const restore = medianOf(5, () =>
      perSecond(() => {
        for (let count = 0; count < RESTORES; count++) {
          const loaded = bench.load(short);
          invariant(loaded.ok, 'bench programs load');
          loaded.value.run();
        }
        return RESTORES;
      }),
    );
    const build = medianOf(3, () => perSecond(() => (TestBench.create(document, defaultSeams).ok ? 1 : 0)));
    return measurement(restore, { build });
  },
};
