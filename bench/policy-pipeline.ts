import { checkPolicy } from '../src/policy/check.ts';
import { parsePolicy } from '../src/policy/parse.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { benchPolicy } from './kernel-system.ts';

/** Reading and validating the policy of the demo system. */
export const policyPipeline: Benchmark = {
  id: 'policy-pipeline',
  title: 'Policies parsed and checked by all rules, on one core',
  unit: 'policies/s',
  run() {
    const bytes = benchPolicy();
    const once = (): number => {
      const parsed = parsePolicy(bytes);
      invariant(parsed.ok, 'bench policy parses');
      checkPolicy(parsed.value.document);
      return 1;
    };
    const parseOnly = medianOf(5, () => perSecond(() => (parsePolicy(bytes).ok ? 1 : 0)));
    return measurement(
      medianOf(5, () => perSecond(once)),
      { 'parse only': parseOnly },
    );
  },
};
