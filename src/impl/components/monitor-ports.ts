import { call, readWide, type Steps } from '../native/rounds.ts';
import { type ClockDate, clockDate, TIME_INFO, timeAt } from './calendar.ts';
import { type LogLine, type LogSink, putCharacter } from './debug-log.ts';
import type { MonitoredState } from './monitor-state.ts';

/** Ports that Muen's subject monitor emulates for a Linux: a serial line, the clock, and those that it ignores. */

/** What the devices remember. */
export interface PortDevices {
  readonly interruptEnable: number;
  readonly interruptIdentity: number;
  /** Characters of a line that the subject has not ended. */
  readonly line: LogLine;
  readonly clockRegister: number;
  readonly date: ClockDate;
  /** Bit 7 of status A, which changes at each look. */
  readonly isUpdating: boolean;
}

export const freshDevices: PortDevices = {
  interruptEnable: 0,
  interruptIdentity: 1,
  line: '',
  clockRegister: 0,
  date: clockDate(0n),
  isUpdating: false,
};

export interface PortConfig {
  readonly log: LogSink | undefined;
  readonly serialEvent: number | undefined;
  readonly timeInfoAddress: number | undefined;
  readonly schedulingInfo: number;
}

/** Access to a port as the exit qualification describes it (SDM Vol. 3C, "Exit Qualification for I/O Instructions"). */
export interface PortAccess {
  readonly port: number;
  readonly sizeBytes: number;
  readonly isInput: boolean;
  readonly isString: boolean;
}

export function portAccess(qualification: number): PortAccess {
  return {
    port: qualification >>> 16,
    sizeBytes: (qualification & 7) + 1,
    isInput: (qualification & 8) !== 0,
    isString: (qualification & 0x30) !== 0,
  };
}

/** Ports that are ignored: writes vanish, reads give ones. */
const IGNORED: ReadonlySet<number> = new Set([
  0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x64, 0x80, 0xa0, 0xa1, 0x2e9, 0x2f9, 0x2fa, 0x388, 0x389, 0x390, 0x391, 0x3e9,
  0x4d0, 0x4d1, 0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcfe, 0xcff,
]);
const SERIAL_FIRST = 0x3f8;
const SERIAL_LAST = 0x3ff;
const CLOCK_SELECT = 0x70;
const CLOCK_DATA = 0x71;

const SERIAL = { data: 0, interruptEnable: 1, interruptIdentity: 2, lineStatus: 5 } as const;
/** Transmitter empty, line idle. */
const LINE_STATUS = 0x60;
const TRANSMIT_INTERRUPT = 2;
const NO_INTERRUPT = 1;

const CLOCK = {
  seconds: 0,
  minutes: 2,
  hours: 4,
  weekday: 6,
  day: 7,
  month: 8,
  year: 9,
  statusA: 10,
  statusB: 11,
} as const;
const CLOCK_REGISTERS: readonly number[] = Object.values(CLOCK);
/** BCD, 24 hours. */
const STATUS_B = 2;
const UPDATING = 0x80;

const lowByte = (value: bigint): number => Number(value & 0xffn);
const withLowByte = (value: bigint, byte: number): bigint => (value & ~0xffn) | BigInt(byte);

function* serialInput(state: MonitoredState, devices: PortDevices, register: number): Steps<PortDevices> {
  const rax = yield* state.get('rax');
  const values: Readonly<Record<number, number>> = {
    [SERIAL.interruptEnable]: devices.interruptEnable,
    [SERIAL.interruptIdentity]: devices.interruptIdentity,
    [SERIAL.lineStatus]: LINE_STATUS,
  };
  yield* state.set('rax', withLowByte(rax, values[register] ?? 0));
  return register === SERIAL.interruptIdentity ? { ...devices, interruptIdentity: NO_INTERRUPT } : devices;
}

function* serialOutput(
  config: PortConfig,
  state: MonitoredState,
  devices: PortDevices,
  register: number,
): Steps<PortDevices> {
  const value = lowByte(yield* state.get('rax'));
  if (register === SERIAL.interruptEnable) return { ...devices, interruptEnable: value };
  if (register !== SERIAL.data) return devices;
  const line = config.log === undefined ? '' : yield* putCharacter(config.log, devices.line, value);
  if ((devices.interruptEnable & TRANSMIT_INTERRUPT) === 0) return { ...devices, line };
  if (config.serialEvent !== undefined) yield* call(config.serialEvent);
  return { ...devices, line, interruptIdentity: TRANSMIT_INTERRUPT };
}

/** The date at the start of the current minor frame, by the time subject. */
function* currentDate({ timeInfoAddress, schedulingInfo }: PortConfig): Steps<ClockDate> {
  if (timeInfoAddress === undefined) return clockDate(0n);
  const base = yield* readWide(timeInfoAddress + TIME_INFO.base);
  const rateHz = yield* readWide(timeInfoAddress + TIME_INFO.rateHz);
  return clockDate(timeAt(base, rateHz, yield* readWide(schedulingInfo)));
}

const dateRegister = (date: ClockDate, register: number): number =>
  ({
    [CLOCK.seconds]: date.second,
    [CLOCK.minutes]: date.minute,
    [CLOCK.hours]: date.hour,
    [CLOCK.day]: date.day,
    [CLOCK.month]: date.month,
    [CLOCK.year]: date.year,
    [CLOCK.statusB]: STATUS_B,
  })[register] ?? 0;

function* clock(
  config: PortConfig,
  state: MonitoredState,
  devices: PortDevices,
  { port, isInput }: PortAccess,
): Steps<PortDevices> {
  const rax = yield* state.get('rax');
  if (port === CLOCK_SELECT) {
    const register = lowByte(rax);
    return isInput || !CLOCK_REGISTERS.includes(register) ? devices : { ...devices, clockRegister: register };
  }
  if (!isInput) return devices;
  if (devices.clockRegister !== CLOCK.statusA) {
    yield* state.set('rax', withLowByte(rax, dateRegister(devices.date, devices.clockRegister)));
    return devices;
  }
  // A subject looks at status A before it reads: the date is taken then.
  const date = yield* currentDate(config);
  const isUpdating = !devices.isUpdating;
  yield* state.set('rax', withLowByte(rax, isUpdating ? UPDATING : 0));
  return { ...devices, date, isUpdating };
}

/** What the devices remember after an access; undefined if the monitor gives up the subject. */
export function* emulatePort(
  config: PortConfig,
  state: MonitoredState,
  devices: PortDevices,
  access: PortAccess,
): Steps<PortDevices | undefined> {
  const { port, sizeBytes, isInput, isString } = access;
  if (isString || ![1, 2, 4].includes(sizeBytes)) return undefined;
  if (IGNORED.has(port)) {
    if (!isInput) return devices;
    const rax = yield* state.get('rax');
    yield* state.set('rax', rax | ((1n << BigInt(8 * sizeBytes)) - 1n));
    return devices;
  }
  if (port >= SERIAL_FIRST && port <= SERIAL_LAST) {
    const register = port - SERIAL_FIRST;
    return isInput
      ? yield* serialInput(state, devices, register)
      : yield* serialOutput(config, state, devices, register);
  }
  if (port === CLOCK_SELECT || port === CLOCK_DATA) return yield* clock(config, state, devices, access);
  return devices;
}
