import { deviceManager } from '../impl/components/device-manager.ts';
import { CONTROL, Command, type InitConfig, loaderRound, STATUS, State } from '../impl/components/init-protocol.ts';
import type { ComponentOps } from '../impl/components/ops.ts';
import { Emulation } from '../impl/components/pci-request.ts';
import { timeSubject } from '../impl/components/time.ts';
import { roundSoftware } from '../impl/native/rounds.ts';
import {
  configurationAfter,
  FIRST_BAR,
  type InterruptCapability,
  LAST_BAR,
  publishedTime,
  readWidth,
} from '../model/component-duties.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { compressSha256, paddingBlock, SHA256_INITIAL } from '../units/sha256.ts';
import { ComponentDesk } from './component-desk.ts';
import { operand, ScriptLog, type ScriptRunner } from './script.ts';

/* Scripts of what Muen's loader, device manager and time subject are asked for, each compared with what it owes. */

export const COMPONENT_WITNESSES = ['restored', 'refused', 'configured', 'kept', 'published'] as const;

const PAGE_BYTES = 0x1000;
/** No component takes longer for what a step asks for. */
const MAX_OPERATIONS = 20_000;

/** Bytes that nothing else looks like. */
const noise = (count: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (Math.imul(index + 1, 0x9e37_79b1 ^ (seed << 8)) >>> 16) & 0xff);

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, index) => byte === b[index]);
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function sha256(bytes: Uint8Array): string {
  const state = Uint32Array.from(SHA256_INITIAL);
  compressSha256(state, bytes);
  compressSha256(state, paddingBlock(bytes.length));
  return [...state].map(word => word.toString(16).padStart(8, '0')).join('');
}

const LOADER = {
  control: 0x1000,
  status: 0x2000,
  stack: 0x3000,
  first: 0x10_0000,
  source: 0x50_0000,
  startEvent: 5,
} as const;
const FIRST_RESOURCE = 11;
/** The command after each state of a subject that is well. */
const NEXT_COMMAND: ReadonlyMap<bigint, bigint> = new Map<bigint, bigint>([
  [State.initial, Command.sync],
  [State.erased, Command.prepare],
  [State.prepared, Command.validate],
  [State.validated, Command.run],
]);

/** What a region holds before it is loaded, and what it must hold then. */
interface LoadedRegion {
  readonly address: number;
  readonly expected: Uint8Array;
}

/** Two regions side by side, and pages around them that are not to be touched. */
function load(ops: ComponentOps, step: ScriptStep, log: ScriptLog): string {
  const pages = [1 + operand(step, 0, 3), 1 + operand(step, 1, 3)];
  const isErased = operand(step, 2, 2) === 1;
  const pattern = operand(step, 3, 256);
  /** Region whose stated hash is another one; 2 for none. */
  const wrong = operand(step, 4, 3);
  const source = noise(pages[0]! * PAGE_BYTES, pattern);
  const second = LOADER.first + pages[0]! * PAGE_BYTES;
  const regions: readonly LoadedRegion[] = [
    { address: LOADER.first, expected: source },
    { address: second, expected: new Uint8Array(pages[1]! * PAGE_BYTES).fill(pattern) },
  ];
  const config: InitConfig & { readonly startEvent: number } = {
    controlAddress: LOADER.control,
    statusAddress: LOADER.status,
    scratchAddress: LOADER.stack,
    startEvent: LOADER.startEvent,
    regions: regions.map(({ address, expected }, index) => ({
      address,
      sizeBytes: expected.length,
      resource: FIRST_RESOURCE + index,
      content: index === 0 ? { kind: 'copy', from: LOADER.source } : { kind: 'fill', pattern },
    })),
    validated: regions.map(({ address, expected }, index) => {
      const stated = expected.slice();
      // Another last byte: everything before it is as it should be.
      if (index === wrong) stated[stated.length - 1]! ^= 1;
      return { address, sizeBytes: expected.length, resource: FIRST_RESOURCE + index, sha256: sha256(stated) };
    }),
  };
  const desk = new ComponentDesk(roundSoftware<null>('sl', null, () => loaderRound(config, ops.loader)));
  const { memory } = desk;
  for (const page of [LOADER.control, LOADER.status, LOADER.stack]) memory.add(page, new Uint8Array(PAGE_BYTES));
  memory.add(LOADER.source, source);
  const around = noise(2 * PAGE_BYTES, 99);
  const last = second + pages[1]! * PAGE_BYTES;
  memory.add(LOADER.first - PAGE_BYTES, around.subarray(0, PAGE_BYTES));
  memory.add(LOADER.first, noise(last - LOADER.first, 77));
  memory.add(last, around.subarray(PAGE_BYTES));
  for (let count = 0; ; count++) {
    if (count > MAX_OPERATIONS) return 'the loader does not hand over';
    const state = memory.wide(LOADER.status + STATUS.state);
    const command = state === State.synced ? (isErased ? Command.erase : Command.prepare) : NEXT_COMMAND.get(state);
    if (command !== undefined) memory.setWide(LOADER.control + CONTROL.command, command);
    if (desk.step().kind === 'vmcall') break;
  }
  if (memory.stray !== '') return memory.stray;
  const outside = [...memory.bytes(LOADER.first - PAGE_BYTES, PAGE_BYTES), ...memory.bytes(last, PAGE_BYTES)];
  if (!isSame(around, Uint8Array.from(outside))) return 'memory beside the regions is not what it was';
  for (const [index, { address, expected }] of regions.entries())
    if (!isSame(expected, memory.bytes(address, expected.length)))
      return `region ${index} is not restored to its last byte`;
  return verdict(
    memory.wide(LOADER.status + STATUS.state),
    memory.wide(LOADER.status + STATUS.diagnostics),
    wrong,
    log,
  );
}

/** What the loader says of itself in the end. */
function verdict(state: bigint, diagnostics: bigint, wrong: number, log: ScriptLog): string {
  const isRunning = state === State.running;
  if (wrong > 1) {
    log.see('restored', isRunning);
    return isRunning ? '' : `the loader is in state ${hex(state)} although every region has the hash of the policy`;
  }
  if (isRunning) return `the loader starts its subject although region ${wrong} has another hash than the policy says`;
  log.see('refused');
  return diagnostics === BigInt(FIRST_RESOURCE + wrong) ? '' : `the diagnostics are ${diagnostics} for region ${wrong}`;
}

const MANAGER = { request: 0x1000, response: 0x2000, space: 0x8000, event: 3, source: 0x18, capability: 0x50 } as const;
const SPACE_BYTES = 256;
const HEADER_TYPE = 0x0e;
const MSI = 0x05;
/** Offsets that scripts ask for more often: those with rules of their own. */
const OFFSETS: readonly number[] = [
  0x00, 0x04, 0x04, 0x06, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x14, 0x24, 0x28, 0x30, 0x34, 0x3c, 0x50, 0x52, 0x54, 0x58,
  0x5c, 0x60, 0x64,
];
const BITS: readonly number[] = [0, 1, 2, 4, 8, 16, 128, 256, 0x400, 0x407, 0xffff, 0xffff_ffff];

/** A device manager with one device, and what its configuration space must be. */
class ManagedSpace {
  readonly #desk: ComponentDesk<unknown>;
  readonly #capability: InterruptCapability;
  #expected: Uint8Array;
  readonly #sized = new Set<number>();

  constructor(ops: ComponentOps, variant: number) {
    this.#capability = { offset: MANAGER.capability, is64Bit: variant % 2 === 1, isMaskable: variant >= 2 };
    const space = noise(SPACE_BYTES, 5 + variant);
    space[HEADER_TYPE] = 0;
    space[0x34] = MANAGER.capability;
    const flags = (this.#capability.is64Bit ? 0x80 : 0) + (this.#capability.isMaskable ? 0x100 : 0);
    space.set([MSI, 0, flags & 0xff, flags >>> 8], MANAGER.capability);
    this.#expected = space;
    const config = {
      requestAddress: MANAGER.request,
      responseAddress: MANAGER.response,
      event: MANAGER.event,
      devices: [{ source: MANAGER.source, address: MANAGER.space }],
    };
    this.#desk = new ComponentDesk(deviceManager(config, ops.manager));
    const { memory } = this.#desk;
    for (const page of [MANAGER.request, MANAGER.response]) memory.add(page, new Uint8Array(PAGE_BYTES));
    memory.add(MANAGER.space, space);
  }

  request(step: ScriptStep, log: ScriptLog): string {
    const offset = OFFSETS[operand(step, 0, OFFSETS.length)]!;
    const isWrite = operand(step, 1, 3) !== 0;
    const value = BITS[operand(step, 2, BITS.length)]!;
    const isOther = operand(step, 3, 8) === 0;
    const { memory } = this.#desk;
    const message = new DataView(new ArrayBuffer(8));
    message.setUint16(0, isOther ? MANAGER.source + 8 : MANAGER.source, true);
    message.setUint8(2, offset);
    message.setUint8(3, isWrite ? Emulation.write : Emulation.read);
    message.setUint32(4, value, true);
    memory.store(MANAGER.request, new Uint8Array(message.buffer));
    for (let count = 0; this.#desk.step().kind !== 'vmcall'; count++)
      if (count > MAX_OPERATIONS) return 'the device manager does not answer';
    if (memory.stray !== '') return memory.stray;
    const result = Number(memory.wide(MANAGER.response + 8) & 0xffff_ffffn);
    if (isOther) return result === 0xffff ? this.#compare() : `a device that is not there answers ${hex(result)}`;
    if (!isWrite) return this.#compare() || this.#compareRead(offset, result);
    const before = this.#expected;
    this.#expected = configurationAfter(before, this.#capability, offset, value);
    if (offset >= FIRST_BAR && offset <= LAST_BAR) this.#noteBar(offset, value);
    log.see(isSame(before, this.#expected) ? 'kept' : 'configured');
    return this.#compare();
  }

  #noteBar(offset: number, value: number): void {
    if (value === 0xffff_ffff) this.#sized.add(offset);
    else this.#sized.delete(offset);
  }

  #compareRead(offset: number, result: number): string {
    const bytes = this.#expected.subarray(offset, offset + readWidth(offset));
    const stored = [...bytes].reduce((sum, byte, index) => sum + byte * 256 ** index, 0);
    // Behind this configuration space is memory, which keeps the ones that ask for a size.
    const expected = this.#sized.has(offset) ? 0xffff_ffff : stored;
    return result === expected ? '' : `a read at ${hex(offset)} gives ${hex(result)}, not ${hex(expected)}`;
  }

  #compare(): string {
    const space = this.#desk.memory.bytes(MANAGER.space, SPACE_BYTES);
    const at = space.findIndex((byte, index) => byte !== this.#expected[index]);
    if (at < 0) return '';
    return `byte ${hex(at)} of the configuration space is ${hex(space[at]!)}, and ${hex(this.#expected[at]!)} by what the subject may write`;
  }
}

const EXPORT = 0x1000;
const RATES_KHZ: readonly number[] = [1_000_000, 2_400_000, 2_904_000, 3_333_333];
const CLOCKS: readonly number[] = [1_704_067_200_000_000, 1, 946_684_800_000_000];

function publish(ops: ComponentOps, step: ScriptStep, log: ScriptLog): string {
  const tscKhz = RATES_KHZ[operand(step, 0, RATES_KHZ.length)]!;
  const clockMicroseconds = CLOCKS[operand(step, 1, CLOCKS.length)]!;
  const tsc = BigInt(operand(step, 2, 0x4_0000)) * 1_000_003n;
  const config = { exports: [EXPORT], tscKhz, schedulingInfo: undefined, clockMicroseconds };
  const desk = new ComponentDesk(timeSubject(config, ops.time));
  desk.tsc = tsc;
  desk.memory.add(EXPORT, new Uint8Array(PAGE_BYTES));
  for (let count = 0; desk.step().kind !== 'hlt'; count++)
    if (count > MAX_OPERATIONS) return 'the time subject does not end';
  const { memory } = desk;
  const expected = publishedTime(clockMicroseconds, tscKhz, tsc);
  log.see('published', tsc > 0n && expected.base > 0n);
  const [base, rateHz] = [memory.wide(EXPORT), memory.wide(EXPORT + 8)];
  if (memory.stray !== '') return memory.stray;
  if (rateHz !== expected.rateHz) return `the published rate is ${rateHz} Hz, not ${expected.rateHz}`;
  return base === expected.base ? '' : `the TSC was 0 at ${base} microseconds, not ${expected.base}`;
}

/** Runs a script of requests to components. */
export const runComponentScript: ScriptRunner<ComponentOps> = (ops, steps) => {
  const log = new ScriptLog(COMPONENT_WITNESSES);
  const spaces = new Map<number, ManagedSpace>();
  for (const [index, step] of steps.entries()) {
    log.effective();
    if (step.operation === 'load') log.fail(index, load(ops, step, log));
    else if (step.operation === 'publish') log.fail(index, publish(ops, step, log));
    else {
      const variant = operand(step, 4, 4);
      const space = spaces.get(variant) ?? new ManagedSpace(ops, variant);
      spaces.set(variant, space);
      log.fail(index, space.request(step, log));
    }
    if (log.hasFailed) break;
  }
  return log.judgement();
};
