import type { ChannelState, HostileStore } from './channel-state.ts';

/* What a compromised writer can do: store any value to any header field at any time. */

/** Epoch := value. */
export function hostileEpoch(state: ChannelState, event: HostileStore): void {
  state.header.epoch = event.value;
}

/** Transport := magic if value is 1, else something else. */
export function hostileTransport(state: ChannelState, event: HostileStore): void {
  state.header.transport = event.value === 1;
}

/** Protocol := value. */
export function hostileProtocol(state: ChannelState, event: HostileStore): void {
  state.header.protocol = event.value;
}

/** Size := value. */
export function hostileSize(state: ChannelState, event: HostileStore): void {
  state.header.size = event.value;
}

/** Elements := value. */
export function hostileElements(state: ChannelState, event: HostileStore): void {
  state.header.elements = event.value;
}

/** WSC := value. */
export function hostileStartCounter(state: ChannelState, event: HostileStore): void {
  state.header.wsc = event.value;
}

/** WC := value. */
export function hostileCounter(state: ChannelState, event: HostileStore): void {
  state.header.wc = event.value;
}
