import { describe, expect, it } from 'vitest';
import {
  ACTION_NONE,
  ACTION_PANIC,
  ACTION_POWER_OFF,
  ACTION_REBOOT,
  ACTION_SLEEP,
  ACTION_UNMASK,
  ACTION_YIELD,
  type KernelConfig,
  kernelConfig,
  type SourceEvent,
  TARGET_INJECT,
  TARGET_NONE,
  TARGET_RESET,
} from '../../src/model/kernel-config.ts';
import { joinWords } from '../../src/units/word.ts';
import { type GoldenSource, goldenSystems, goldenTables } from '../impl/muen/golden-tables.ts';
import { hasShared, parsed, SKIP_REASON, sharedBytes } from '../policy/shared-files.ts';

/*
 * The model's numbering of the policy against the kernel specification of the real toolchain; the same comparison as for the
 * implementation's tables, but of code that is separate from them. The model does not tell the actions that stop the system apart.
 */

const SOURCE_ACTIONS: Readonly<Record<string, number>> = {
  No_Action: ACTION_NONE,
  Subject_Sleep: ACTION_SLEEP,
  Subject_Yield: ACTION_YIELD,
  System_Reboot: ACTION_REBOOT,
  System_Poweroff: ACTION_POWER_OFF,
  System_Panic: ACTION_PANIC,
  Unmask_Irq: ACTION_UNMASK,
};
const TARGET_ACTIONS: Readonly<Record<string, number>> = {
  No_Action: TARGET_NONE,
  Inject_Interrupt: TARGET_INJECT,
  Reset: TARGET_RESET,
};

const asModel = (golden: GoldenSource): SourceEvent => ({ ...golden, action: SOURCE_ACTIONS[golden.action]! });

const systems = hasShared ? goldenSystems() : [];

describe.skipIf(!hasShared)(`kernelConfig (${SKIP_REASON})`, () => {
  it('has systems to compare', () => {
    expect(systems).toHaveLength(7);
  });

  describe.each(systems)('%s', system => {
    const config: KernelConfig = kernelConfig(parsed(sharedBytes(`golden/systems/${system}/policy_b.xml`)).document);
    const golden = goldenTables(system);

    it('has the same scheduling plan', () => {
      expect(config.cpuCount).toBe(golden.cpuCount);
      expect(config.plans).toEqual(golden.plans);
      expect(config.periodsCycles).toEqual(golden.periods);
      expect(config.barrierSizes).toEqual(golden.barrierSizes);
      expect(config.barrierCount).toBe(golden.barrierSizes[0]!.length);
      expect(config.timerUnitCycles).toBe(2 ** golden.vmxTimerRate);
    });

    it('has the same partitions, groups and subjects', () => {
      expect(config.partitionGroups).toEqual(golden.partitionGroups);
      expect(config.groupIndex).toEqual(golden.groups.map(({ index }) => index));
      expect(config.initialSubject).toEqual(golden.groups.map(({ initialSubject }) => initialSubject));
      expect(config.subjectGroup).toEqual(golden.subjects.map(({ group }) => group));
      expect(config.subjectCpu).toEqual(golden.subjects.map(({ spec }) => spec.CPU_ID));
      expect(config.subjectGroup.map(group => config.groupPartition[group])).toEqual(
        golden.subjects.map(({ partition }) => partition),
      );
      const entryPoints = config.resetRipLow.map((low, subject) => joinWords(low, config.resetRipHigh[subject]!));
      expect(entryPoints).toEqual(golden.subjects.map(({ spec }) => spec.Entry_Point));
    });

    it('has the same events', () => {
      golden.subjects.forEach(({ traps, vmcalls, targets }, subject) => {
        const name = config.subjectNames[subject];
        expect(config.traps[subject], name).toEqual(traps.map(asModel));
        expect(config.vmcalls[subject], name).toEqual(vmcalls.map(asModel));
        expect(config.targets[subject], name).toEqual(
          targets.map(({ action, vector }) => ({ action: TARGET_ACTIONS[action], vector })),
        );
      });
    });

    it('has the same interrupt routes', () => {
      config.routes.forEach((route, vector) => {
        const expected = golden.routes.get(vector) ?? { subject: -1, vector: 0 };
        expect(route, `vector ${vector}`).toEqual({ ...expected, level: golden.levelVectors.has(vector) });
      });
    });
  });
});
