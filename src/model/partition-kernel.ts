import type {
  DrawEvent,
  PartitionKernelConfig,
  PartitionKernelEvent,
  PartitionKernelState,
} from './partition-kernel-state.ts';

/*
 * A separation kernel in small: time slots in a fixed order, one channel, ports, a call buffer. Each call has its flaw beside it, which
 * the configuration selects.
 */

type State = Readonly<PartitionKernelState>;

export function drawSecrets(state: PartitionKernelState, event: DrawEvent): void {
  for (let partition = 0; partition < state.partitions.length; partition++) {
    state.partitions[partition]!.secret = (event.secrets >>> partition) & 1;
  }
}

export function secondIsSkipped(state: State, _event: PartitionKernelEvent, config: PartitionKernelConfig): boolean {
  return config.flaw === 'idle-partitions-skipped' && state.partitions[1]!.idle;
}

/** End of a time slot: the next partition finds an empty call buffer. */
export function endSlot(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  if (config.flaw !== 'buffer-not-cleared') state.buffer = 0;
}

/** The first partition sends its secret; a message that finds the channel full is dropped without a word. */
export function send(state: PartitionKernelState, _event: PartitionKernelEvent, config: PartitionKernelConfig): void {
  const sender = state.partitions[0]!;
  sender.result = config.flaw === 'full-queue-reported' && state.queued === 1 ? 2 : 1;
  if (state.queued === 0) {
    state.queued = 1;
    state.message = sender.secret;
  }
}

/** The second partition takes the message. */
export function receive(state: PartitionKernelState): void {
  const receiver = state.partitions[1]!;
  receiver.inbox = state.queued === 1 ? 1 + state.message : 0;
  state.queued = 0;
  state.message = 0;
}

/** Opens a port and returns its number. */
export function open(state: PartitionKernelState, caller: number, config: PartitionKernelConfig): void {
  const own = state.partitions[caller]!;
  if (own.ports < 2) {
    own.ports += 1;
    if (state.identifiers < 3) state.identifiers += 1;
    own.result = config.flaw === 'shared-identifiers' ? state.identifiers : own.ports;
  }
}

export function openFirst(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  open(state, 0, config);
}
export function openSecond(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  open(state, 1, config);
}
export function openThird(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  open(state, 2, config);
}

/** The first partition asks about the port that it sends to: only that it is there. */
export function statusFirst(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  state.partitions[0]!.result = config.flaw === 'occupancy-reported' ? state.queued : 1;
}

/** The third partition asks about a port that is not its own. */
export function statusThird(
  state: PartitionKernelState,
  _event: PartitionKernelEvent,
  config: PartitionKernelConfig,
): void {
  state.partitions[2]!.result = config.flaw === 'foreign-port-status' ? state.partitions[0]!.ports : 3;
}

export function writeFirst(state: PartitionKernelState): void {
  state.buffer = 1 + state.partitions[0]!.secret;
}
export function readThird(state: PartitionKernelState): void {
  state.partitions[2]!.result = state.buffer;
}
export function idleSecond(state: PartitionKernelState): void {
  state.partitions[1]!.idle = !state.partitions[1]!.idle;
}
