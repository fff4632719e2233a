import type { HostedSoftware } from '../hosted.ts';
import { type RoundState, readNumber, roundSoftware, type Steps, writeNumber } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { address, requiredEvent, table } from './entry-parts.ts';
import { type Column, readRows, writeRows } from './parameter-rows.ts';
import { Emulation, type RequestConfig, receiveRequest, respond } from './pci-request.ts';

/** Muen's device manager (dm): lets a subject see and write of the PCI configuration space of its devices what it may. */

export interface ManagedDevice {
  /** Bus, device and function as the subject sees them. */
  readonly source: number;
  /** Where the device manager has its configuration space. */
  readonly address: number;
}

export interface ManagerConfig extends RequestConfig {
  readonly devices: readonly ManagedDevice[];
}

/** What a write to a field does. */
type WriteRule = { readonly kind: 'direct'; readonly sizeBytes: 1 | 2 | 4 } | { readonly kind: 'command' | 'bar' };

/** Fields of a header of type 0 (PCI Local Bus Specification 3.0, section 6.1) that may be written; all others are read-only. */
const RULES: ReadonlyMap<number, WriteRule> = new Map<number, WriteRule>([
  [0x04, { kind: 'command' }],
  ...[0x0c, 0x0d, 0x0f].map((offset): [number, WriteRule] => [offset, { kind: 'direct', sizeBytes: 1 }]),
  ...[0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((offset): [number, WriteRule] => [offset, { kind: 'bar' }]),
]);
const FIRST_BAR = 0x10;
const BARS = 6;
const HEADER_TYPE = 0x0e;
const CAPABILITIES = 0x34;
/** I/O and memory space, bus master, interrupt disable: the other bits of the command register stay 0. */
const COMMAND_MASK = 0x407;
const NO_DEVICE = 0xffff;
const MSI = 0x05;
const MSI_X = 0x11;
const MAX_CAPABILITIES = 48;
const ALL_ONES = 0xffff_ffff;

interface Bar {
  readonly address: number;
  readonly size: number;
  /** The size is read, after ones were written. */
  readonly showsSize: boolean;
}

/** A device after its first request. */
interface DeviceState {
  readonly bars: readonly Bar[];
  /** Fields of its message-signalled interrupts. */
  readonly fields: ReadonlyMap<number, WriteRule>;
}

type ManagerState = Readonly<Record<number, DeviceState>>;

/** Decisions that a seeded fault can replace. */
export interface ManagerOps {
  /** Value of the command register for one that a subject writes. */
  readonly command: (value: number) => number;
}

export const managerOps: ManagerOps = { command: value => value & COMMAND_MASK };

function* readBar(address: number): Steps<Bar> {
  const value = yield* readNumber(address);
  yield* writeNumber(address, ALL_ONES);
  const size = yield* readNumber(address);
  yield* writeNumber(address, value);
  return { address: value, size, showsSize: false };
}

/** Writable fields of a capability for message-signalled interrupts (sections 6.8.1 and 6.8.2). */
function interruptFields(at: number, kind: number, flags: number): readonly (readonly [number, WriteRule])[] {
  const direct = (offset: number, sizeBytes: 2 | 4): [number, WriteRule] => [
    at + offset,
    { kind: 'direct', sizeBytes },
  ];
  const common = [direct(2, 2), direct(4, 4)];
  if (kind === MSI_X) return [...common, direct(8, 4)];
  const is64Bit = (flags & 0x80) !== 0;
  const data = is64Bit ? 12 : 8;
  const isMaskable = (flags & 0x100) !== 0;
  return [
    ...common,
    ...(is64Bit ? [direct(8, 4)] : []),
    direct(data, 2),
    ...(isMaskable ? [direct(data + 4, 4), direct(data + 8, 4)] : []),
  ];
}

function* firstLook(address: number): Steps<DeviceState> {
  const bars: Bar[] = [];
  for (let index = 0; index < BARS; index++) bars.push(yield* readBar(address + FIRST_BAR + 4 * index));
  const fields = new Map<number, WriteRule>();
  let at = yield* readNumber(address + CAPABILITIES, 1);
  for (let count = 0; count < MAX_CAPABILITIES && at >= 0x40; count++) {
    const head = yield* readNumber(address + at, 2);
    const kind = head & 0xff;
    if (kind === MSI || kind === MSI_X) {
      const flags = yield* readNumber(address + at + 2, 2);
      for (const [offset, rule] of interruptFields(at, kind, flags)) fields.set(offset, rule);
    }
    at = head >>> 8;
  }
  return { bars, fields };
}

/** Width of an access: EPT violations do not say it, so it follows from the offset. */
const widthAt = (offset: number): 1 | 2 | 4 => ([4, 1, 2, 1] as const)[offset % 4]!;

function* write(
  ops: ManagerOps,
  { address }: ManagedDevice,
  device: DeviceState,
  offset: number,
  value: number,
): Steps<DeviceState> {
  const rule = RULES.get(offset) ?? device.fields.get(offset);
  if (rule === undefined) return device;
  if (rule.kind === 'direct') yield* writeNumber(address + offset, value, rule.sizeBytes);
  if (rule.kind === 'command') yield* writeNumber(address + offset, ops.command(value & 0xffff), 2);
  if (rule.kind !== 'bar') return device;
  const bars = device.bars.map((bar, index) =>
    FIRST_BAR + 4 * index === offset ? { ...bar, showsSize: value === ALL_ONES } : bar,
  );
  return { ...device, bars };
}

function* read({ address }: ManagedDevice, { bars }: DeviceState, offset: number): Steps<number> {
  const bar = offset % 4 === 0 ? bars[(offset - FIRST_BAR) / 4] : undefined;
  if (bar !== undefined) return bar.showsSize ? bar.size : bar.address;
  return yield* readNumber(address + offset, widthAt(offset));
}

export function deviceManager(config: ManagerConfig, ops: ManagerOps): HostedSoftware<RoundState<ManagerState>> {
  return roundSoftware<ManagerState>('dm', {}, function* (state) {
    const request = yield* receiveRequest(config.requestAddress);
    const managed = config.devices.find(({ source }) => source === request.source);
    if (managed === undefined) {
      yield* respond(config, request, NO_DEVICE);
      return state;
    }
    let device = state[managed.source];
    if (device === undefined) {
      // Bridges and the like are not managed.
      if ((yield* readNumber(managed.address + HEADER_TYPE, 1)) !== 0) {
        yield* respond(config, request, 0);
        return state;
      }
      device = yield* firstLook(managed.address);
    }
    let result = 0;
    if (request.operation === Emulation.read) result = yield* read(managed, device, request.offset);
    if (request.operation === Emulation.write)
      device = yield* write(ops, managed, device, request.offset, request.value);
    yield* respond(config, request, result);
    return { ...state, [managed.source]: device };
  });
}

const DEVICES: readonly Column[] = ['number', 'number'];

export const dm: ComponentEntry = {
  title: 'Device manager: lets a subject use of the PCI configuration space of its devices what it may',
  limits: 'no quirks of single devices, no debug log',
  parameters: {
    requestAddress: address('requests'),
    responseAddress: address('responses'),
    event: requiredEvent('vmcall event that hands back'),
    devices: table('devices: bus, device and function as 16 bits, and the address of the configuration space', DEVICES),
  },
  recognises: facts =>
    hasFile(facts, 'dm') && facts.address('request') !== undefined && facts.event('response') !== undefined,
  parametersOf: facts =>
    present({
      requestAddress: facts.address('request'),
      responseAddress: facts.address('response'),
      event: facts.event('response'),
      devices: writeRows(
        facts.subject.devices.flatMap(({ pci, memory }) => {
          const space = memory.find(({ logical }) => logical === 'mmconf');
          if (pci === undefined || space === undefined) return [];
          return [[pci.bus * 256 + pci.device * 8 + pci.function, space.virtualAddress]];
        }),
      ),
    }),
  create: (given, ops) =>
    deviceManager(
      {
        requestAddress: given.number('requestAddress'),
        responseAddress: given.number('responseAddress'),
        event: given.number('event'),
        devices: readRows(given.text('devices'), DEVICES).map(([source, at]) => ({
          source: Number(source),
          address: Number(at),
        })),
      },
      ops.component.manager,
    ),
};
