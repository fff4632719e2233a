import { and, setup } from 'xstate';
import * as crash from './crash-audit.ts';
import { defineModel } from './define.ts';
import * as events from './events.ts';
import * as interrupts from './interrupts.ts';
import * as ioApic from './io-apic.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelEvent, KernelSchema, KernelState } from './kernel-state.ts';
import * as scheduler from './scheduler.ts';
import * as groups from './scheduler-groups.ts';

const types = {} as { context: KernelState; events: KernelEvent };

const guards = {
  canTrap: events.canTrap,
  candidateHasWork: groups.candidateHasWork,
  hasBarrier: scheduler.hasBarrier,
  hasTargetEvent: events.hasTargetEvent,
  isAwake: events.isAwake,
  isBootProcessor: scheduler.isBootProcessor,
  isCandidateMarked: groups.isCandidateMarked,
  isCandidateRunning: groups.isCandidateRunning,
  isDispatch: scheduler.isDispatch,
  isDumpLeft: crash.isDumpLeft,
  isFirstMeeting: scheduler.isFirstMeeting,
  isFound: groups.isFound,
  isKnownTrap: events.isKnownTrap,
  isHaltKept: events.isHaltKept,
  isLockFree: ioApic.isLockFree,
  isMasking: ioApic.isMasking,
  isLastArrival: scheduler.isLastArrival,
  isLastMinor: scheduler.isLastMinor,
  isLastTaken: events.isLastTaken,
  isNonePending: events.isNonePending,
  isPanic: crash.isPanic,
  isPowerOff: crash.isPowerOff,
  isReboot: crash.isReboot,
  isReleased: scheduler.isReleased,
  isResetPending: events.isResetPending,
  isRouted: events.isRouted,
  isRoutedLevel: events.isRoutedLevel,
  isRoutedToActive: events.isRoutedToActive,
  isSecondMeeting: scheduler.isSecondMeeting,
  isSleep: events.isSleep,
  isSourceRunning: groups.isSourceRunning,
  isTimedEventDue: events.isTimedEventDue,
  isTimerDue: groups.isTimerDue,
  isUnmask: events.isUnmask,
  isVmcallValid: events.isVmcallValid,
  isXsetbvValid: interrupts.isXsetbvValid,
  isYield: events.isYield,
  moreGroups: groups.moreGroups,
  mustIndicate: events.mustIndicate,
  sourceHasWork: groups.sourceHasWork,
};

const actions = {
  advanceMajor: scheduler.advanceMajor,
  arrive: scheduler.arrive,
  beginDispatch: groups.beginDispatch,
  beginReschedule: groups.beginReschedule,
  beginUnmask: events.beginUnmask,
  chooseCandidate: groups.chooseCandidate,
  chooseNone: groups.chooseNone,
  closeWindow: interrupts.closeWindow,
  countCrash: crash.countCrash,
  crashFatal: crash.crashFatal,
  crashSubject: crash.crashSubject,
  crashUnknown: crash.crashUnknown,
  deliverHighest: events.deliverHighest,
  dispatchGroup: groups.dispatchGroup,
  endFrame: scheduler.endFrame,
  enterSubject: interrupts.enterSubject,
  examineNext: groups.examineNext,
  finishSource: events.finishSource,
  firstMinor: scheduler.firstMinor,
  indicate: events.indicate,
  markChosen: groups.markChosen,
  markCurrent: groups.markCurrent,
  meetAll: scheduler.meetAll,
  meetAllAgain: scheduler.meetAllAgain,
  missDump: crash.missDump,
  nextMinor: scheduler.nextMinor,
  panic: crash.panic,
  parkCandidate: groups.parkCandidate,
  parkCurrent: groups.parkCurrent,
  powerOff: crash.powerOff,
  publishFrame: scheduler.publishFrame,
  readBarrier: scheduler.readBarrier,
  reboot: crash.reboot,
  refuseXsetbv: interrupts.refuseXsetbv,
  releaseBarrier: scheduler.releaseBarrier,
  releaseLock: ioApic.releaseLock,
  resetBarrier: scheduler.resetBarrier,
  resetExtended: events.resetExtended,
  resetSubject: events.resetSubject,
  routeInterrupt: events.routeInterrupt,
  runChosen: groups.runChosen,
  saveExit: events.saveExit,
  setPending: events.setPending,
  skipVmcall: events.skipVmcall,
  sleepPartition: groups.sleepPartition,
  sleepSource: groups.sleepSource,
  takeDump: crash.takeDump,
  takeLock: ioApic.takeLock,
  takeTimedEvent: events.takeTimedEvent,
  takeTimer: groups.takeTimer,
  takeTrap: events.takeTrap,
  takeVmcall: events.takeVmcall,
  unmarkCandidate: groups.unmarkCandidate,
  unmarkCurrent: groups.unmarkCurrent,
  unparkCurrent: groups.unparkCurrent,
  updateLine: ioApic.updateLine,
  writeTimedEvent: events.writeTimedEvent,
  writeXcr0: interrupts.writeXcr0,
};

/**
 * The kernel on one CPU, as the specification sees it: a mode is what the CPU stands before.
 *
 * In `guest` a subject runs. Modes under `access` stand before one access to state that other CPUs also use; `proceed`
 * performs it. Modes under `choose` depend on the CPU's own state alone; `continue` passes through them at once.
 */
export function createKernelMachine(config: KernelConfig, schema: KernelSchema) {
  const definition = defineModel({ schema, config, guards, actions });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'kernel',
    context: schema.initial(),
    initial: 'guest',
    states: {
      guest: {
        on: {
          externalInterrupt: [
            {
              guard: and(['isHaltKept', 'isRoutedToActive']),
              target: 'access.interruptIndicate',
              actions: ['saveExit', 'routeInterrupt'],
            },
            {
              guard: and(['isHaltKept', 'isRoutedLevel']),
              target: 'access.lockTake',
              actions: ['saveExit', 'routeInterrupt'],
            },
            {
              guard: and(['isHaltKept', 'isRouted']),
              target: 'access.takeEvent',
              actions: ['saveExit', 'routeInterrupt'],
            },
            { guard: 'isHaltKept', target: 'access.takeEvent', actions: 'saveExit' },
          ],
          vmcall: [
            { guard: and(['isAwake', 'isVmcallValid']), target: 'choose.action', actions: ['saveExit', 'takeVmcall'] },
            { guard: 'isAwake', target: 'access.takeEvent', actions: ['saveExit', 'skipVmcall'] },
          ],
          trap: [
            { guard: and(['canTrap', 'isKnownTrap']), target: 'choose.action', actions: ['saveExit', 'takeTrap'] },
            { guard: 'canTrap', target: 'access.auditSlot', actions: ['saveExit', 'crashUnknown'] },
          ],
          timerExpiry: { guard: 'isHaltKept', target: 'choose.frame', actions: ['saveExit', 'endFrame'] },
          interruptWindow: { guard: 'isHaltKept', target: 'access.takeEvent', actions: ['saveExit', 'closeWindow'] },
          xsetbv: [
            {
              guard: and(['isAwake', 'isXsetbvValid']),
              target: 'access.takeEvent',
              actions: ['saveExit', 'writeXcr0'],
            },
            { guard: 'isAwake', target: 'access.takeEvent', actions: ['saveExit', 'refuseXsetbv'] },
          ],
          fatal: { target: 'access.auditSlot', actions: ['saveExit', 'crashFatal'] },
          timedEventWrite: { guard: 'isAwake', target: 'guest', actions: 'writeTimedEvent' },
        },
      },
      choose: {
        initial: 'frame',
        states: {
          frame: {
            on: {
              continue: [
                { guard: 'isLastMinor', target: '#kernel.access.barrierRead', actions: 'meetAll' },
                { guard: 'hasBarrier', target: '#kernel.access.barrierRead' },
                { target: 'timers', actions: 'nextMinor' },
              ],
            },
          },
          released: {
            on: {
              continue: [
                { guard: 'isSecondMeeting', target: 'timers', actions: 'firstMinor' },
                { guard: and(['isFirstMeeting', 'isBootProcessor']), target: '#kernel.access.majorAdvance' },
                { guard: 'isFirstMeeting', target: '#kernel.access.barrierRead', actions: 'meetAllAgain' },
                { target: 'timers', actions: 'nextMinor' },
              ],
            },
          },
          timers: {
            on: {
              continue: [
                { guard: 'isTimerDue', target: '#kernel.access.timerMark', actions: 'takeTimer' },
                { target: '#kernel.access.scanRead', actions: 'beginDispatch' },
              ],
            },
          },
          chosen: {
            on: {
              continue: [
                { guard: and(['isDispatch', 'isFound']), target: 'timedEvent', actions: 'dispatchGroup' },
                { guard: 'isDispatch', target: 'timedEvent', actions: 'publishFrame' },
                { guard: 'isFound', target: 'target', actions: 'runChosen' },
                { target: 'target', actions: 'sleepPartition' },
              ],
            },
          },
          timedEvent: {
            on: {
              continue: [
                { guard: 'isTimedEventDue', target: 'action', actions: 'takeTimedEvent' },
                { target: '#kernel.access.takeEvent' },
              ],
            },
          },
          action: {
            on: {
              continue: [
                { guard: 'isReboot', target: '#kernel.stopped', actions: 'reboot' },
                { guard: 'isPowerOff', target: '#kernel.stopped', actions: 'powerOff' },
                { guard: 'isPanic', target: '#kernel.access.auditSlot', actions: 'crashSubject' },
                { guard: 'isSleep', target: 'rest', actions: 'sleepSource' },
                { guard: 'isYield', target: 'rest' },
                { guard: 'isUnmask', target: '#kernel.access.lockTake', actions: 'beginUnmask' },
                { target: 'target' },
              ],
            },
          },
          rest: {
            on: {
              continue: [
                { guard: 'isSourceRunning', target: '#kernel.access.scanRead', actions: 'beginReschedule' },
                { target: '#kernel.access.restCheck' },
              ],
            },
          },
          target: {
            on: {
              continue: [
                { guard: 'hasTargetEvent', target: '#kernel.access.setPending' },
                { target: '#kernel.access.takeEvent', actions: 'finishSource' },
              ],
            },
          },
        },
      },
      access: {
        initial: 'takeEvent',
        states: {
          barrierRead: { on: { proceed: { target: 'barrierAdd', actions: 'readBarrier' } } },
          barrierAdd: {
            on: {
              proceed: [
                { guard: 'isLastArrival', target: 'barrierReset', actions: 'arrive' },
                { target: 'barrierSpin', actions: 'arrive' },
              ],
            },
          },
          barrierReset: { on: { proceed: { target: 'barrierRelease', actions: 'resetBarrier' } } },
          barrierRelease: { on: { proceed: { target: '#kernel.choose.released', actions: 'releaseBarrier' } } },
          barrierSpin: {
            on: { proceed: [{ guard: 'isReleased', target: '#kernel.choose.released' }, { target: 'barrierSpin' }] },
          },
          majorAdvance: { on: { proceed: { target: 'barrierRead', actions: 'advanceMajor' } } },
          timerMark: { on: { proceed: { target: '#kernel.choose.timers', actions: 'markChosen' } } },
          scanRead: {
            on: {
              proceed: [
                { guard: 'isCandidateRunning', target: '#kernel.choose.chosen', actions: 'chooseCandidate' },
                { guard: 'isCandidateMarked', target: 'scanCheck' },
                { guard: 'moreGroups', target: 'scanRead', actions: 'examineNext' },
                { target: '#kernel.choose.chosen', actions: 'chooseNone' },
              ],
            },
          },
          scanCheck: {
            on: {
              proceed: [
                { guard: 'candidateHasWork', target: '#kernel.choose.chosen', actions: 'chooseCandidate' },
                { target: 'scanUnmark', actions: 'parkCandidate' },
              ],
            },
          },
          scanUnmark: { on: { proceed: { target: 'scanRecheck', actions: 'unmarkCandidate' } } },
          scanRecheck: {
            on: {
              proceed: [
                { guard: 'candidateHasWork', target: 'scanMark', actions: 'chooseCandidate' },
                { guard: 'moreGroups', target: 'scanRead', actions: 'examineNext' },
                { target: '#kernel.choose.chosen', actions: 'chooseNone' },
              ],
            },
          },
          scanMark: { on: { proceed: { target: '#kernel.choose.chosen', actions: 'markChosen' } } },
          restCheck: {
            on: {
              proceed: [
                { guard: 'sourceHasWork', target: 'scanRead', actions: 'beginReschedule' },
                { target: 'restUnmark', actions: 'parkCurrent' },
              ],
            },
          },
          restUnmark: { on: { proceed: { target: 'restRecheck', actions: 'unmarkCurrent' } } },
          restRecheck: {
            on: {
              proceed: [
                { guard: 'sourceHasWork', target: 'restMark', actions: 'unparkCurrent' },
                { target: 'scanRead', actions: 'beginReschedule' },
              ],
            },
          },
          restMark: { on: { proceed: { target: 'scanRead', actions: ['markCurrent', 'beginReschedule'] } } },
          setPending: {
            on: {
              proceed: [
                { guard: 'mustIndicate', target: 'indicate', actions: 'setPending' },
                { target: 'takeEvent', actions: ['setPending', 'finishSource'] },
              ],
            },
          },
          indicate: { on: { proceed: { target: 'takeEvent', actions: ['indicate', 'finishSource'] } } },
          interruptIndicate: {
            on: {
              proceed: [
                { guard: 'isMasking', target: 'lockTake', actions: 'indicate' },
                { target: 'takeEvent', actions: 'indicate' },
              ],
            },
          },
          lockTake: {
            on: {
              proceed: [{ guard: 'isLockFree', target: 'lineSelect', actions: 'takeLock' }, { target: 'lockSpin' }],
            },
          },
          lockSpin: {
            on: {
              proceed: [{ guard: 'isLockFree', target: 'lineSelect', actions: 'takeLock' }, { target: 'lockSpin' }],
            },
          },
          lineSelect: { on: { proceed: { target: 'lineRead' } } },
          lineRead: { on: { proceed: { target: 'lineWrite' } } },
          lineWrite: { on: { proceed: { target: 'lockRelease', actions: 'updateLine' } } },
          lockRelease: {
            on: {
              proceed: [
                { guard: 'isMasking', target: 'takeEvent', actions: 'releaseLock' },
                { target: '#kernel.choose.target', actions: 'releaseLock' },
              ],
            },
          },
          takeEvent: {
            on: {
              proceed: [
                { guard: 'isNonePending', target: '#kernel.guest', actions: 'enterSubject' },
                { guard: 'isResetPending', target: 'clearEvents', actions: ['deliverHighest', 'resetExtended'] },
                { guard: 'isLastTaken', target: '#kernel.guest', actions: ['deliverHighest', 'enterSubject'] },
                { target: 'takeEvent', actions: 'deliverHighest' },
              ],
            },
          },
          auditSlot: {
            on: {
              proceed: [
                { guard: 'isDumpLeft', target: 'auditCount', actions: 'takeDump' },
                { target: '#kernel.dead', actions: 'missDump' },
              ],
            },
          },
          auditCount: { on: { proceed: { target: 'auditReset', actions: 'countCrash' } } },
          auditReset: { on: { proceed: { target: '#kernel.stopped', actions: 'panic' } } },
          clearEvents: { on: { proceed: { target: 'takeEvent', actions: 'resetSubject' } } },
        },
      },
      stopped: {},
      dead: {},
    },
  });
  return { machine, definition };
}
