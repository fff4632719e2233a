import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import type { KernelOps } from '../impl/muen/ops.ts';
import {
  currentMajorFrame,
  currentMinorFrame,
  earliestTimer,
  timeoutHigh,
  timeoutLow,
} from '../impl/muen/scheduling-state.ts';
import { Vmcs } from '../impl/vmx/vmcs.ts';
import type { SubjectId } from '../units/ids.ts';
import { highWord, lessOrEqual64, lowWord } from '../units/word.ts';
import type { Fault } from './fault.ts';
import { nothing, seamFaults, withOps } from './fault-parts.ts';

const STEPS = 'scheduling/step-refinement';
const INTERLEAVED = 'events/interleaved-refinement';

/** Operations under which the second look at a subject, after its group was deactivated, finds nothing. */
function blindRecheck(ops: KernelOps): Pick<KernelOps, 'deactivateGroup' | 'isActive'> {
  const deactivated = new Set<SubjectId>();
  return {
    *deactivateGroup(kernel, cpu, partition, group, subject) {
      yield* ops.deactivateGroup(kernel, cpu, partition, group, subject);
      deactivated.add(subject);
    },
    *isActive(kernel, cpu, subject) {
      const isSecondLook = deactivated.delete(subject);
      const found = yield* ops.isActive(kernel, cpu, subject);
      return found && !isSecondLook;
    },
  };
}

/** Operations under which the second look is left out. */
function skippedRecheck(ops: KernelOps): Pick<KernelOps, 'deactivateGroup' | 'isActive'> {
  const deactivated = new Set<SubjectId>();
  return {
    *deactivateGroup(kernel, cpu, partition, group, subject) {
      yield* ops.deactivateGroup(kernel, cpu, partition, group, subject);
      deactivated.add(subject);
    },
    *isActive(kernel, cpu, subject) {
      return deactivated.delete(subject) ? false : yield* ops.isActive(kernel, cpu, subject);
    },
  };
}

/** Defects of the kernel's scheduler: frames, groups, sleep and wake-up. */
export const KERNEL_SCHEDULING_FAULTS: readonly Fault[] = seamFaults('kernel', [
  {
    id: 'deadline-relative',
    title: 'the timer is armed with the length of the minor frame at each entry, so exits prolong the frame',
    precedent: 'Genode f74962bdad: time of a scheduling context that was removed was not charged to it',
    killedBy: [STEPS, 'scheduling/plan-followed', 'isolation/processor-time', 'isolation/machine-code'],
    replace: () => ({
      armTimer(kernel, cpu) {
        const plan = kernel.tables.plans[cpu.id]![currentMajorFrame(kernel)]!;
        const minor = currentMinorFrame(kernel, cpu.id);
        const length = plan[minor - 1]!.deadlineCycles - (minor === 1 ? 0 : plan[minor - 2]!.deadlineCycles);
        cpu.vmwrite(Vmcs.preemptionTimer, lowWord(Math.floor(length / 2 ** kernel.tables.vmxTimerRate)));
      },
    }),
  },
  {
    id: 'old-major-on-ap',
    title: 'after a major-frame change the APs choose the partition and publish the frame end by the old plan',
    precedent: 'Muen ba0a22de7 (2015-09): APs kept the old major frame id in a local variable',
    killedBy: [STEPS],
    replace: ops => ({
      *switchFrame(kernel, cpu) {
        const plans = kernel.tables.plans.map((plan, id) =>
          id === cpu.id && id !== 0 ? plan.map(() => plan[currentMajorFrame(kernel)]!) : plan,
        );
        yield* ops.switchFrame({ ...kernel, tables: { ...kernel.tables, plans } }, cpu);
      },
    }),
  },
  {
    id: 'published-start-wrong',
    title: 'the scheduling-info page tells the end of the frame where its start belongs',
    precedent: 'Muen 736c9dfb6 (2017-09): libmusinfo returned the wrong field for the schedule start',
    killedBy: [STEPS],
    replace: ops => ({
      publishSchedulingInfo: (kernel, partition, _startTsc, endTsc) =>
        ops.publishSchedulingInfo(kernel, partition, endTsc, endTsc),
    }),
  },
  {
    id: 'timer-list-stops-early',
    title: 'of several expired groups in the timer list only the first becomes active',
    precedent: 'Muen 7884de56a (2023-01): the walk used the next pointer after the removal had cleared it',
    killedBy: [STEPS],
    replace: () => ({
      *updateTimerList(kernel, cpu, partition) {
        const group = earliestTimer(kernel, cpu.id, partition);
        if (group === 0) return;
        const [low, high] = [timeoutLow(kernel, cpu.id, group), timeoutHigh(kernel, cpu.id, group)];
        if (!lessOrEqual64(low, high, lowWord(cpu.tsc), highWord(cpu.tsc))) return;
        yield* kernel.ops.activateGroup(kernel, cpu, partition, group);
      },
    }),
  },
  {
    id: 'running-flag-not-set',
    title: 'a group that takes over from a sleeping one is not marked as running and falls asleep after a frame',
    precedent: 'Muen c3c786d91 (2023-01): Running flag of the next group not set on reschedule',
    killedBy: [STEPS],
    replace: ops => ({
      *reschedulePartition(kernel, cpu, subject, advanceRip, sleep) {
        const setRunning: typeof ops.setRunning = (inner, target, running) => {
          if (!running) ops.setRunning(inner, target, running);
        };
        yield* ops.reschedulePartition(withOps(kernel, { setRunning }), cpu, subject, advanceRip, sleep);
      },
    }),
  },
  {
    id: 'activity-state-not-reset',
    title: 'the subject of a partition that wakes up stays in activity state HLT',
    precedent: 'Muen 072a37e21 (2023-02): HLT activity state not reset at partition wake-up',
    killedBy: [STEPS],
    replace: ops => ({
      *updateSchedulingPartition(kernel, cpu) {
        yield* ops.updateSchedulingPartition(withOps(kernel, { setActivity: () => {} }), cpu);
      },
    }),
  },
  {
    id: 'no-activity-indication',
    title: 'a pending event does not mark the group of its target as active',
    precedent: 'Muen dad87fc2b (2022-10): event trigger did not indicate activity',
    killedBy: [INTERLEAVED, 'events/every-vmcall'],
    replace: () => ({ indicateActivity: nothing }),
  },
  {
    id: 'no-recheck-before-sleep',
    title: 'an event that arrives while its target falls asleep does not keep it awake',
    precedent: 'Muen e55b1c928 (2023-01): lost wake-up race with another CPU in Reschedule_Partition',
    killedBy: [INTERLEAVED, 'events/every-point'],
    replace: ops => ({
      *reschedulePartition(kernel, cpu, subject, advanceRip, sleep) {
        yield* ops.reschedulePartition(withOps(kernel, blindRecheck(ops)), cpu, subject, advanceRip, sleep);
      },
    }),
  },
  {
    id: 'no-recheck-in-search',
    title: 'a group that the search for the next one deactivates is not looked at again',
    precedent: 'Muen e104322ec (2023-01): lost wake-up race with another CPU in Find_Next_Active_Group',
    killedBy: [INTERLEAVED],
    replace: ops => ({
      *findNextActiveGroup(kernel, cpu, partition) {
        return yield* ops.findNextActiveGroup(withOps(kernel, skippedRecheck(ops)), cpu, partition);
      },
    }),
  },
  {
    id: 'barrier-release-first',
    title: 'the last CPU at a barrier releases the others before it resets the count of arrivals',
    precedent: 'XSA-340: memory accesses of a shared protocol became visible in the wrong order',
    killedBy: [STEPS],
    replace: () => ({
      *waitBarrier(kernel, _cpu, barrier) {
        const slot = kernel.at.globalSlot;
        const base = kernel.at.barrierBase + 4 * barrier;
        yield AtomicAccess.barrierRead;
        const size = kernel.memory.readWord(slot, base);
        const target = 1 - kernel.memory.readWord(slot, base + 1);
        yield AtomicAccess.barrierAdd;
        const arrived = kernel.memory.readWord(slot, base + 2) + 1;
        kernel.memory.writeWord(slot, base + 2, arrived);
        if (arrived === size) {
          yield AtomicAccess.barrierRelease;
          kernel.memory.writeWord(slot, base + 1, target);
          yield AtomicAccess.barrierReset;
          kernel.memory.writeWord(slot, base + 2, 0);
          return;
        }
        while (kernel.memory.readWord(slot, base + 1) !== target) yield AtomicAccess.barrierSpin;
      },
    }),
  },
  {
    id: 'sleeper-not-listed',
    title: 'a group that falls asleep is not entered into the timer list, so its timed event never wakes it',
    precedent: 'Genode 42397cb512: the first wake-up after going to sleep was lost',
    killedBy: [STEPS],
    replace: () => ({ insertTimer: () => {}, removeTimer: () => {} }),
  },
]);
