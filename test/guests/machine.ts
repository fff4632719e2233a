import { PhysicalMemory } from '../../src/impl/memory.ts';
import { DirectApicBus } from '../../src/impl/platform/apic-bus.ts';
import { ApicPlatform, type PortBus } from '../../src/impl/platform/apic-platform.ts';
import { LocalApic } from '../../src/impl/platform/local-apic.ts';
import { DEFAULT_CAPABILITIES, type VmxCapabilities } from '../../src/impl/vmx/capabilities.ts';
import { VmxHooks } from '../../src/impl/vmx/vmx-hooks.ts';
import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { readMsr, writeMsr } from '../../src/impl/x86/msr.ts';
import { Activity, Cr0, Field, Seg } from '../../src/impl/x86/state-layout.ts';
import { X86Processor } from '../../src/impl/x86/x86-processor.ts';
import { hpa } from '../../src/units/address.ts';
import type { Transcript } from './emulators.ts';

/** Where src/guests/boot.asm starts a guest. */
const LOAD_ADDRESS = 0x10_0000;
const MEMORY_FRAMES = 0x4000;
const COM1 = 0x3f8;
const LINE_STATUS = COM1 + 5;
const LINE_CONTROL = COM1 + 3;
/** A register without a meaning. */
const SCRATCH = COM1 + 7;
/** Transmitter and its holding register empty. */
const TRANSMITTER_EMPTY = 0x60;
const DIVISOR_ACCESS = 0x80;
const DEBUG_EXIT = 0x501;

/** COM1 as a printer, and the port that ends a guest. */
export class SerialPorts implements PortBus {
  readonly #bytes: number[] = [];
  #lineControl = 0;
  #scratch = 0;
  isOff = false;

  read(port: number, sizeBytes: number): number {
    if (port === LINE_STATUS) return TRANSMITTER_EMPTY;
    return port === SCRATCH && sizeBytes === 1 ? this.#scratch : 2 ** (8 * sizeBytes) - 1;
  }

  write(port: number, _sizeBytes: number, value: number): void {
    if (port === LINE_CONTROL) this.#lineControl = value;
    else if (port === COM1 && (this.#lineControl & DIVISOR_ACCESS) === 0) this.#bytes.push(value & 0xff);
    else if (port === SCRATCH) this.#scratch = value & 0xff;
    else if (port === DEBUG_EXIT) this.isOff = true;
  }

  /** Forgets what was written. */
  clear(): void {
    this.#bytes.length = 0;
    this.#lineControl = 0;
    this.#scratch = 0;
    this.isOff = false;
  }

  get text(): string {
    return Buffer.from(this.#bytes).toString('latin1');
  }
}

export interface GuestMachine {
  readonly cpu: X86Processor;
  readonly hooks: VmxHooks;
  readonly ports: SerialPorts;
  readonly apic: LocalApic;
  readonly bus: DirectApicBus;
}

/** Our machine with one processor that stands where boot.asm hands over to the guest: flat 32-bit protected mode. */
export function guestMachine(image: Uint8Array, capabilities: VmxCapabilities = DEFAULT_CAPABILITIES): GuestMachine {
  const memory = new PhysicalMemory();
  memory.writeBytes(hpa(LOAD_ADDRESS), image);
  const ports = new SerialPorts();
  const bus = new DirectApicBus();
  const apic = new LocalApic(0, bus);
  bus.connect(apic);
  const platform: ApicPlatform = new ApicPlatform(apic, ports, () => cpu);
  const hooks = new VmxHooks(memory, platform, { read: readMsr, write: writeMsr }, 1, capabilities);
  const cpu: X86Processor = new X86Processor(memory, { hooks, frameLimit: MEMORY_FRAMES });
  const { state } = cpu;
  state.setU64(Field.cr0, BigInt(Cr0.pe | Cr0.et | Cr0.cd | Cr0.nw));
  for (const segment of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs])
    state.setSegment(segment, 0x10, 0n, 0xffff_ffff, 0xc093);
  state.setSegment(Seg.cs, 8, 0n, 0xffff_ffff, 0xc09b);
  state.rip = BigInt(LOAD_ADDRESS);
  cpu.updateContext();
  Interpreter.attach(cpu);
  return { cpu, hooks, ports, apic, bus };
}

/** As `guestMachine`, with further processors that wait for their start-up IPI. */
export function multiprocessor(image: Uint8Array, processors: number): GuestMachine[] {
  const first = guestMachine(image);
  const others = Array.from({ length: processors - 1 }, (_, index) => joinedMachine(first, index + 1));
  return [first, ...others];
}

function joinedMachine({ cpu: first, ports, bus }: GuestMachine, id: number): GuestMachine {
  const apic = new LocalApic(id, bus);
  bus.connect(apic);
  const platform: ApicPlatform = new ApicPlatform(apic, ports, () => cpu);
  const hooks = new VmxHooks(first.memory, platform, { read: readMsr, write: writeMsr });
  const cpu: X86Processor = new X86Processor(first.memory, { id, hooks, frameLimit: MEMORY_FRAMES });
  cpu.state.setU64(Field.apicBase, cpu.state.u64(Field.apicBase) & ~BOOTSTRAP);
  cpu.state.setU32(Field.activity, Activity.waitForSipi);
  cpu.updateContext();
  Interpreter.attach(cpu);
  return { cpu, hooks, ports, apic, bus };
}

/** Runs processors in turn until the guest powers the machine off. */
export function runTogether(machines: readonly GuestMachine[], maxInstructions: number): Transcript {
  const [{ ports }] = machines as [GuestMachine];
  let executed = 0;
  while (!ports.isOff && executed < maxInstructions) {
    let turn = 0;
    for (const { cpu } of machines) turn += ports.isOff ? 0 : cpu.run(TURN).executed;
    if (turn === 0 && !machines.some(({ cpu, hooks }) => hooks.skipToEvent(cpu))) break;
    executed += turn;
  }
  return ports.isOff
    ? { ok: true, text: ports.text }
    : { ok: false, reason: `stopped after ${executed} instructions; last output: ${ports.text.slice(-300)}` };
}

const SLICE = 1_000_000;
/** Instructions of a processor's turn. */
const TURN = 100;
/** IA32_APIC_BASE.BSP. */
const BOOTSTRAP = 1n << 8n;

/** Runs a guest on our machine until it powers the machine off. */
export function runHere(image: Uint8Array, maxInstructions: number, capabilities?: VmxCapabilities): Transcript {
  return runMachine(guestMachine(image, capabilities), maxInstructions);
}

/** Runs a machine until its guest powers it off. */
export function runMachine({ cpu, hooks, ports }: GuestMachine, maxInstructions: number): Transcript {
  let executed = 0;
  while (!ports.isOff && executed < maxInstructions) {
    const result = cpu.run(Math.min(SLICE, maxInstructions - executed));
    executed += result.executed;
    const isHalted = result.reason === 'waiting' || (result.reason === 'shutdown' && cpu.isNonRoot);
    if (isHalted && hooks.skipToEvent(cpu)) continue;
    if (result.reason === 'shutdown' || (result.reason === 'waiting' && !ports.isOff)) {
      return {
        ok: false,
        reason: `${result.reason} at RIP ${cpu.state.rip.toString(16)}; last output: ${ports.text.slice(-300)}`,
      };
    }
  }
  return ports.isOff
    ? { ok: true, text: ports.text }
    : { ok: false, reason: `still running; last output: ${ports.text.slice(-300)}` };
}

/** Guest image and data one behind the other, as boot.asm copies them. */
export function imageOf(guest: Uint8Array, data: Uint8Array): Uint8Array {
  const image = new Uint8Array(guest.length + data.length);
  image.set(guest);
  image.set(data, guest.length);
  return image;
}
