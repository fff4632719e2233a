import { describe, expect, test } from 'vitest';
import { monitoredExits } from '../../../properties/vmx/monitored-exits.ts';
import type { CheckContext } from '../../../src/engine/property.ts';
import { standIns } from '../../../src/impl/components/registry.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { goldenDocument, goldenMissing } from '../../impl/golden.ts';
import { failureOf, runAll, seen } from '../scenario-context.ts';

describe.skipIf(goldenMissing !== '')(`exits of Linux subjects of real systems ${goldenMissing}`, () => {
  // Its monitor starts under a controller, and handles the first exit in a later frame.
  test('are emulated by a monitor that is not ready at once', () => {
    const document = goldenDocument('systems/integration_tests--qemu-kvm');
    const context: CheckContext = {
      document,
      policyText: '',
      policyPath: '',
      policySha256: '',
      seams: defaultSeams,
      seed: 1,
      budget: { name: 'smoke' },
      software: standIns(document),
    };
    const results = runAll(monitoredExits, context);
    expect(failureOf(results)?.outcome.summary).toBeUndefined();
    expect(seen(results, 'resumed')).toBeGreaterThan(40);
  });
});
