import { call, readNumber, type Steps, writeNumber } from '../native/rounds.ts';

/** Requests from subject monitors to the device manager: one message in each of two pages (Muen's libmudm). */

/** PCI configuration space as Linux subjects see it. */
export const MMCONF = { base: 0xf800_0000, sizeBytes: 0x1000_0000 } as const;
export const Emulation = { read: 1, write: 2 } as const;

const MESSAGE = { source: 0, offset: 2, operation: 3, value: 4, result: 8 } as const;

export interface ConfigRequest {
  /** Bus, device and function. */
  readonly source: number;
  readonly offset: number;
  readonly operation: number;
  readonly value: number;
}

export interface RequestConfig {
  readonly requestAddress: number;
  readonly responseAddress: number;
  /** vmcall event that hands over to the other side. */
  readonly event: number;
}

function* writeRequest(
  address: number,
  { source, offset, operation, value }: ConfigRequest,
  result: number,
): Steps<void> {
  yield* writeNumber(address + MESSAGE.source, source, 2);
  yield* writeNumber(address + MESSAGE.offset, offset, 1);
  yield* writeNumber(address + MESSAGE.operation, operation, 1);
  yield* writeNumber(address + MESSAGE.value, value);
  yield* writeNumber(address + MESSAGE.result, result);
}

/** Sends a request and waits for its result, in the monitor. */
export function* requestConfig(config: RequestConfig, request: ConfigRequest): Steps<number> {
  yield* writeRequest(config.requestAddress, request, 0);
  yield* call(config.event);
  return yield* readNumber(config.responseAddress + MESSAGE.result);
}

/** Receives a request, in the device manager. */
export function* receiveRequest(address: number): Steps<ConfigRequest> {
  return {
    source: yield* readNumber(address + MESSAGE.source, 2),
    offset: yield* readNumber(address + MESSAGE.offset, 1),
    operation: yield* readNumber(address + MESSAGE.operation, 1),
    value: yield* readNumber(address + MESSAGE.value),
  };
}

/** Answers a request and hands back. */
export function* respond(
  { responseAddress, event }: RequestConfig,
  request: ConfigRequest,
  result: number,
): Steps<void> {
  yield* writeRequest(responseAddress, request, result);
  yield* call(event);
}
