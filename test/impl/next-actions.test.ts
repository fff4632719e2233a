import { beforeEach, describe, expect, it } from 'vitest';
import { Cpu, CpuMode } from '../../src/impl/cpu.ts';
import type { InterruptArrivals } from '../../src/impl/interrupt-arrivals.ts';
import type { KernelSteps } from '../../src/impl/kernel-steps.ts';
import type { GuestCpus } from '../../src/impl/machine-code/guest-cpus.ts';
import { PhysicalMemory } from '../../src/impl/memory.ts';
import { type ActionSources, NextAction, NextActions } from '../../src/impl/next-actions.ts';
import { ProcControl, RFLAGS_IF, Vmcs } from '../../src/impl/vmx/vmcs.ts';
import type { FrameNumber } from '../../src/units/address.ts';

const NEVER = Number.POSITIVE_INFINITY;

let cpu: Cpu;
/** What the sources answer. */
let world: { interrupt: number; isBlocked: boolean; isCode: boolean; code: number; isEntering: boolean };

const sources = (): ActionSources => ({
  steps: { isBlocked: () => world.isBlocked } as unknown as KernelSteps,
  guests: { nextTsc: () => world.code, isEntering: () => world.isEntering } as unknown as GuestCpus,
  arrivals: { nextTsc: () => world.interrupt } as unknown as InterruptArrivals,
  time: { unitCycles: 1, exitCostCycles: 1, guardCycles: 100, startTsc: 0, shortestFrameCycles: 10_000 },
  cyclesPerInstruction: 10,
  runsMachineCode: () => world.isCode,
});

function next(actions = new NextActions(1)): { kind: number; tsc: number } {
  actions.determine(cpu, sources());
  return { kind: actions.kind[0]!, tsc: actions.tsc[0]! };
}

beforeEach(() => {
  const memory = new PhysicalMemory();
  cpu = new Cpu(0, memory);
  cpu.vmcsSlot = memory.slotOf(1 as FrameNumber);
  cpu.vmwrite(Vmcs.pinControls, 1);
  cpu.tsc = 1000;
  cpu.timerDeadlineTsc = 5000;
  world = { interrupt: NEVER, isBlocked: false, isCode: false, code: 1000, isEntering: false };
});

describe('the next action of a CPU whose subject runs a script', () => {
  it('is an operation, where it ends in time', () => {
    expect(next()).toEqual({ kind: NextAction.operation, tsc: 1010 });
    cpu.tsc = 4890;
    expect(next()).toEqual({ kind: NextAction.operation, tsc: 4900 });
    cpu.tsc = 4891;
    expect(next()).toEqual({ kind: NextAction.timerExpiry, tsc: 5000 });
  });

  it('is not an operation while the subject is halted', () => {
    cpu.vmwrite(Vmcs.activity, 1);
    expect(next()).toEqual({ kind: NextAction.timerExpiry, tsc: 5000 });
  });

  it('is an interrupt that comes no later than the end of the operation, where interrupts cause exits', () => {
    world.interrupt = 1010;
    expect(next()).toEqual({ kind: NextAction.interrupt, tsc: 1010 });
    world.interrupt = 1011;
    expect(next().kind).toBe(NextAction.operation);
    world.interrupt = 1005;
    cpu.vmwrite(Vmcs.pinControls, 0);
    expect(next().kind).toBe(NextAction.operation);
  });

  it('is the timer before an interrupt at the same time, and before an open window', () => {
    cpu.timerDeadlineTsc = 1000;
    world.interrupt = 1000;
    expect(next()).toEqual({ kind: NextAction.timerExpiry, tsc: 1000 });
    cpu.vmwrite(Vmcs.procControls, ProcControl.interruptWindowExiting);
    cpu.vmwrite(Vmcs.rflags, RFLAGS_IF);
    expect(next().kind).toBe(NextAction.timerExpiry);
    cpu.timerDeadlineTsc = 5000;
    expect(next()).toEqual({ kind: NextAction.windowExit, tsc: 1000 });
    cpu.vmwrite(Vmcs.interruptibility, 1);
    expect(next()).toEqual({ kind: NextAction.interrupt, tsc: 1000 });
  });
});

describe('the next action of a CPU whose subject runs machine code', () => {
  beforeEach(() => {
    world.isCode = true;
  });

  it('is code, an interrupt or the timer, whichever comes first', () => {
    expect(next()).toEqual({ kind: NextAction.machineCode, tsc: 1000 });
    world.interrupt = 1000;
    expect(next().kind).toBe(NextAction.interrupt);
    cpu.timerDeadlineTsc = 900;
    expect(next().kind).toBe(NextAction.timerExpiry);
  });

  it('is code before all else when the subject was just entered', () => {
    world.isEntering = true;
    world.interrupt = 1000;
    cpu.timerDeadlineTsc = 900;
    expect(next()).toEqual({ kind: NextAction.machineCode, tsc: 1000 });
  });
});

describe('the next action of a CPU that is not in guest mode', () => {
  it('is a segment of the kernel unless that waits for another CPU', () => {
    cpu.mode = CpuMode.kernel;
    expect(next()).toEqual({ kind: NextAction.kernelSegment, tsc: 1000 });
    world.isBlocked = true;
    expect(next()).toEqual({ kind: NextAction.none, tsc: NEVER });
  });

  it('is the exit of a failed entry, or nothing', () => {
    cpu.mode = CpuMode.entryFailed;
    expect(next()).toEqual({ kind: NextAction.entryFailure, tsc: 1000 });
    cpu.mode = CpuMode.stopped;
    expect(next()).toEqual({ kind: NextAction.none, tsc: NEVER });
  });
});

describe('what is known of a CPU', () => {
  it('is kept until it is forgotten, for scripts', () => {
    const actions = new NextActions(1);
    expect(next(actions).kind).toBe(NextAction.operation);
    world.interrupt = 1000;
    expect(next(actions).kind).toBe(NextAction.operation);
    actions.forget(0);
    expect(next(actions).kind).toBe(NextAction.interrupt);
    world.interrupt = NEVER;
    actions.forgetAll();
    expect(next(actions).kind).toBe(NextAction.operation);
  });

  it('is determined anew each time where another CPU may change it: in the kernel and in machine code', () => {
    const actions = new NextActions(1);
    cpu.mode = CpuMode.kernel;
    world.isBlocked = true;
    expect(next(actions).kind).toBe(NextAction.none);
    world.isBlocked = false;
    expect(next(actions).kind).toBe(NextAction.kernelSegment);
  });
});
