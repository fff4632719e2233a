import type {
  CyclicSchedulerConfig,
  CyclicSchedulerEvent,
  CyclicSchedulerState,
  ForwardEvent,
  RequestMajorEvent,
} from './cyclic-scheduler-state.ts';

/* A kernel's view of time that is small enough to compare model checkers on: no interrupts, no sleep, one access per step. */

type State = Readonly<CyclicSchedulerState>;

export function isFirst(_state: State, event: CyclicSchedulerEvent): boolean {
  return event.cpu === 0;
}

export function isSecond(_state: State, event: CyclicSchedulerEvent): boolean {
  return event.cpu === 1;
}

/** The CPU is in the last tick of its last minor frame. */
export function isLastTick(state: State, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): boolean {
  const cpu = state.cpus[event.cpu]!;
  return cpu.minor === config.minorFrames - 1 && cpu.tick === config.ticksPerFrame - 1;
}

/** Next tick, and with the last one of a minor frame the next minor frame. */
export function advance(state: CyclicSchedulerState, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): void {
  const cpu = state.cpus[event.cpu]!;
  if (cpu.tick < config.ticksPerFrame - 1) {
    cpu.tick += 1;
  } else {
    cpu.tick = 0;
    cpu.minor += 1;
  }
}

/** Both CPUs have met: the requested major frame begins. */
export function startMajor(state: CyclicSchedulerState): void {
  state.major = state.nextMajor;
  for (let cpu = 0; cpu < state.cpus.length; cpu++) {
    state.cpus[cpu]!.minor = 0;
    state.cpus[cpu]!.tick = 0;
  }
}

/** tau0 runs now. */
export function runsTau0(state: State, event: CyclicSchedulerEvent): boolean {
  return event.cpu === 0 && state.cpus[0]!.minor === 1;
}

export function requestMajor(state: CyclicSchedulerState, event: RequestMajorEvent): void {
  state.nextMajor = event.major;
}

/** The event bit of the current minor frame is set. */
export function isPending(state: State, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): boolean {
  return ((state.pending >>> (state.cpus[event.cpu]!.minor % config.eventBits)) & 1) === 1;
}

export function raise(state: CyclicSchedulerState, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): void {
  state.pending = (state.pending | (1 << (state.cpus[event.cpu]!.minor % config.eventBits))) >>> 0;
}

export function take(state: CyclicSchedulerState, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): void {
  state.pending = (state.pending & ~(1 << (state.cpus[event.cpu]!.minor % config.eventBits))) >>> 0;
}

/** The channel that the CPU writes has room. */
export function hasRoom(state: State, event: CyclicSchedulerEvent, config: CyclicSchedulerConfig): boolean {
  return state.channels[event.cpu]! < config.channelDepth;
}

/** The channel that the CPU reads has an element. */
export function hasData(state: State, event: CyclicSchedulerEvent): boolean {
  return state.channels[1 - event.cpu]! > 0;
}

export function send(state: CyclicSchedulerState, event: CyclicSchedulerEvent): void {
  state.channels[event.cpu]! += 1;
}

export function receive(state: CyclicSchedulerState, event: CyclicSchedulerEvent): void {
  state.channels[1 - event.cpu]! -= 1;
}

/** The mailbox's subject runs and has a message, and the next mailbox has room. */
export function canForward(state: State, event: ForwardEvent, config: CyclicSchedulerConfig): boolean {
  return (
    state.cpus[event.cpu]!.minor === Math.floor(event.box / 2) % config.minorFrames &&
    state.boxes[event.box]! > 0 &&
    state.boxes[(event.box + 1) % config.mailboxes]! < 7
  );
}

export function forward(state: CyclicSchedulerState, event: ForwardEvent, config: CyclicSchedulerConfig): void {
  state.boxes[event.box]! -= 1;
  state.boxes[(event.box + 1) % config.mailboxes]! += 1;
}
