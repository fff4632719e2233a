import type { SubjectInfo } from '../../impl/genode/instance/subject-info.ts';
import { ioMemService } from '../../impl/genode/services/io-mem.ts';
import { ioPortService } from '../../impl/genode/services/io-port.ts';
import { IRQ_SIGH, irqService } from '../../impl/genode/services/irq.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { ServiceBench } from './service-bench.ts';

const PAGE_BYTES = 0x1000;
const region = (name: string, address: number, sizeBytes: number) => ({
  name,
  address,
  sizeBytes,
  isWritable: true,
  isExecutable: false,
});
const device = (name: string, sourceId: number, firstVector: number, interruptCount: number, isMsi: boolean) => ({
  name,
  sourceId,
  firstIrte: 3,
  firstVector,
  interruptCount,
  isMsi,
});

/** A keyboard, a network card with MSI, a card without interrupts, and the memory of two of them. */
const INFO: SubjectInfo = {
  name: 'drivers',
  tscKhz: 1000,
  announced: 0,
  read: 0,
  memory: [region('ram', 0x100_0000, 0x10_0000)],
  deviceMemory: [region('nic', 0xa000_0000, 4 * PAGE_BYTES), region('card', 0xa000_4000, PAGE_BYTES)],
  events: [],
  vectors: [],
  devices: [
    device('keyboard', 0xffff, 49, 1, false),
    device('nic', 0x18, 80, 1, true),
    device('card', 0x20, 0, 0, true),
  ],
};

/** Session arguments of drivers, and the vector that they get; undefined where nothing is theirs. */
const IRQS: readonly { readonly args: Readonly<Record<string, string>>; readonly vector: number | undefined }[] = [
  { args: { irq_number: '1' }, vector: 49 },
  { args: { device_config_phys: '0xf8018000', irq_type: '1' }, vector: 80 },
  { args: { irq_number: '2' }, vector: undefined },
  { args: { device_config_phys: '0xf8020000' }, vector: undefined },
  { args: { irq_number: '80' }, vector: undefined },
  { args: {}, vector: undefined },
];
const BASES: readonly number[] = [0x60, 0x64, 0x3f8, 0x3fc, 0xfff8, 0xffff];
const COUNTS: readonly number[] = [1, 4, 8, 5, 0, 0x1_0000];
const ADDRESSES: readonly number[] = [0xa000_0000, 0xa000_1000, 0xa000_3000, 0xa000_4000, 0xa000_0800, 0x100_0000];
const SIZES: readonly number[] = [1, 0x1000, 0x2000, 0x1001, 0x4000, 0];
const DRIVERS = 3;

export const DEVICE_WITNESSES = ['accessed', 'outside', 'told', 'coalesced', 'mapped', 'taken', 'denied'] as const;

class DeviceRun {
  readonly log = new ScriptLog(DEVICE_WITNESSES);
  readonly #irq: ServiceBench<unknown>;
  readonly #memory: ServiceBench<unknown>;
  readonly #ports: ServiceBench<unknown>;
  /** What each driver has: its ports, its pages, and its interrupt with what it was told. */
  readonly #ownPorts = new Map<number, readonly number[]>();
  readonly #ownPages = new Map<number, readonly number[]>();
  readonly #ownIrqs = new Map<number, { readonly vector: number; isTold: boolean; isPending: boolean }>();

  constructor(ops: ServiceOps) {
    this.#irq = new ServiceBench<unknown>(irqService(INFO, ops) as never);
    this.#memory = new ServiceBench<unknown>(ioMemService(INFO, ops) as never);
    this.#ports = new ServiceBench<unknown>(ioPortService(ops) as never);
  }

  #judgeOpen(found: string | undefined, isPossible: boolean, isTaken: boolean): string {
    this.log.see('denied', !isPossible);
    this.log.see('taken', isPossible && isTaken);
    const isExpected = isPossible && !isTaken;
    return (found === undefined) === isExpected ? '' : `a session is ${isExpected ? 'denied' : 'opened'} wrongly`;
  }

  openPorts(step: ScriptStep, driver: number): string {
    const base = BASES[operand(step, 1, BASES.length)]!;
    const count = COUNTS[operand(step, 2, COUNTS.length)]!;
    if (this.#ownPorts.delete(driver)) this.#ports.close(driver);
    const found = this.#ports.open(driver, 'driver', { io_port_base: `${base}`, io_port_size: `${count}` });
    const isPossible = count > 0 && base + count <= 0x1_0000;
    const wanted = isPossible ? Array.from({ length: count }, (_, index) => base + index) : [];
    const isTaken = [...this.#ownPorts.values()].some(ports => ports.some(port => wanted.includes(port)));
    if (isPossible && !isTaken) this.#ownPorts.set(driver, wanted);
    return this.#judgeOpen(found, isPossible, isTaken);
  }

  access(step: ScriptStep, driver: number): string {
    const own = this.#ownPorts.get(driver);
    if (own === undefined) return '';
    const [letter, sizeBytes] = (
      [
        ['b', 1],
        ['w', 2],
        ['l', 4],
      ] as const
    )[operand(step, 1, 3)]!;
    const port = (own[operand(step, 2, own.length)]! + operand(step, 3, 6) - 1) & 0xffff;
    const isIn = operand(step, 4, 2) === 0;
    this.#ports.ports = [];
    this.#ports.call(driver, `${isIn ? 'in' : 'out'}${letter}`, port, ...(isIn ? [] : [7]));
    const isInside = Array.from({ length: sizeBytes }, (_, index) => port + index).every(touched =>
      own.includes(touched),
    );
    this.log.see(isInside ? 'accessed' : 'outside');
    const expected = isInside ? [`${isIn ? 'in' : 'out'} ${port} ${sizeBytes}`] : [];
    return this.#ports.ports.join() === expected.join()
      ? ''
      : `port ${port} is ${isInside ? 'not ' : ''}accessed, wrongly`;
  }

  openMemory(step: ScriptStep, driver: number): string {
    const base = ADDRESSES[operand(step, 1, ADDRESSES.length)]!;
    const size = SIZES[operand(step, 2, SIZES.length)]!;
    if (this.#ownPages.delete(driver)) this.#memory.close(driver);
    const found = this.#memory.open(driver, 'driver', { base: `0x${base.toString(16)}`, size: `${size}` });
    const wanted: number[] = [];
    for (let page = Math.floor(base / PAGE_BYTES); page * PAGE_BYTES < base + size; page++) wanted.push(page);
    const isPossible =
      size > 0 &&
      INFO.deviceMemory.some(({ address, sizeBytes }) =>
        wanted.every(page => page * PAGE_BYTES >= address && (page + 1) * PAGE_BYTES <= address + sizeBytes),
      );
    const isTaken = [...this.#ownPages.values()].some(pages => pages.some(page => wanted.includes(page)));
    if (isPossible && !isTaken) {
      this.#ownPages.set(driver, wanted);
      const [dataspace] = this.#memory.call(driver, 'dataspace') as number[];
      this.log.see('mapped');
      const mapped = this.#memory.devices.get(dataspace!);
      if (mapped !== `${wanted[0]! * PAGE_BYTES} ${wanted.length * PAGE_BYTES}`)
        return 'a driver gets other pages than it asked for';
    }
    return this.#judgeOpen(found, isPossible, isTaken);
  }

  openIrq(step: ScriptStep, driver: number): string {
    const { args, vector } = IRQS[operand(step, 1, IRQS.length)]!;
    if (this.#ownIrqs.delete(driver)) this.#irq.close(driver);
    const found = this.#irq.open(driver, 'driver', args);
    const isTaken = [...this.#ownIrqs.values()].some(irq => irq.vector === vector);
    if (vector !== undefined && !isTaken) this.#ownIrqs.set(driver, { vector, isTold: false, isPending: false });
    return this.#judgeOpen(found, vector !== undefined, isTaken);
  }

  /** Signals of the interrupt service must be those of the drivers that were to be told. */
  #judgeTold(expected: readonly number[]): string {
    const told = this.#irq.signals.filter(({ opcode }) => opcode === IRQ_SIGH).map(({ session }) => session);
    this.#irq.signals = [];
    this.log.see('told', expected.length > 0);
    return told.join() === expected.join()
      ? ''
      : `interrupts are told to drivers ${told.join()}, they are for ${expected.join()}`;
  }

  raise(step: ScriptStep): string {
    const vector = [49, 80, 50][operand(step, 1, 3)]!;
    this.#irq.interrupt(vector);
    const expected: number[] = [];
    for (const [driver, irq] of this.#ownIrqs) {
      if (irq.vector !== vector) continue;
      this.log.see('coalesced', irq.isPending);
      if (irq.isTold) irq.isPending = true;
      else expected.push(driver);
      irq.isTold = true;
    }
    return this.#judgeTold(expected);
  }

  acknowledge(driver: number): string {
    const irq = this.#ownIrqs.get(driver);
    if (irq === undefined) return '';
    this.#irq.call(driver, 'ack_irq');
    const wasPending = irq.isPending;
    irq.isTold = wasPending;
    irq.isPending = false;
    return this.#judgeTold(wasPending ? [driver] : []);
  }
}

/** Runs the services of devices with three drivers beside sets of ports and pages, and who was told of an interrupt. */
export const runDeviceScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new DeviceRun(ops);
  const { log } = run;
  for (const [index, step] of steps.entries()) {
    const driver = operand(step, 0, DRIVERS);
    const perform: Readonly<Record<string, () => string>> = {
      ports: () => run.openPorts(step, driver),
      access: () => run.access(step, driver),
      memory: () => run.openMemory(step, driver),
      irq: () => run.openIrq(step, driver),
      raise: () => run.raise(step),
      acknowledge: () => run.acknowledge(driver),
    };
    log.effective();
    log.fail(index, perform[step.operation]?.() ?? '');
    if (log.hasFailed) break;
  }
  return log.judgement();
};
