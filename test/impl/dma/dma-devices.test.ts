import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { findScenario } from '../../../scenarios/index.ts';
import { CodeWriter, Reg } from '../../../src/arbitraries/machine-code/code-writer.ts';
import type { DmaOutcome } from '../../../src/impl/dma/dma-device.ts';
import { DmaFault } from '../../../src/impl/dma/dma-remapping.ts';
import { hexOfBytes } from '../../../src/impl/machine-code/code-image.ts';
import { IommuRegister } from '../../../src/impl/platform/iommu.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { System } from '../../../src/impl/system.ts';
import { Vmcs } from '../../../src/impl/vmx/vmcs.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { TestBench } from '../../../src/refinement/test-bench.ts';
import type { SubjectProgram } from '../../../src/trace/trace.ts';
import { hpa } from '../../../src/units/address.ts';

const scenario = findScenario('device-domains');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario device-domains');
const parsed = parsePolicy(readFileSync(scenario.value.policyPath));
if (!parsed.ok) throw new Error('policy');
const { document } = parsed.value;
const physical = (region: string): number => document.memory.find(({ name }) => name === region)!.physicalAddress;

const REGISTERS = 0xe000_0000;
const COMMANDS = 0x1000_0000;
const BUFFERS = 0xa000_0000;
const DISK_SOURCE = 31 * 8;

interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
  readonly command?: number;
  readonly interrupt?: number;
}

/** Machine code that starts transfers one after the other and waits for each. */
function code(is64Bit: boolean, transfers: readonly Transfer[]): string {
  const writer = new CodeWriter(is64Bit).set(Reg.bx, REGISTERS);
  for (const { from, to, sizeBytes, command = 1, interrupt = 0 } of transfers) {
    writer.store32(0x00, from >>> 0).store32(0x04, Math.floor(from / 2 ** 32));
    writer.store32(0x08, to >>> 0).store32(0x0c, Math.floor(to / 2 ** 32));
    writer.store32(0x20, interrupt).store32(0x10, sizeBytes).store32(0x14, command);
    // wait: mov eax, [bx + 0x18]; test al, 1; jz wait
    writer.emit(0x8b, 0x43, 0x18, 0xa8, 1, 0x74, 0xf9);
  }
  return hexOfBytes(Uint8Array.from([...writer.bytes, 0xeb, 0xfe]));
}

describe('test devices that do DMA', () => {
  let bench: TestBench;

  beforeAll(() => {
    const created = TestBench.create(document, defaultSeams);
    if (!created.ok) throw new Error(created.error[0]!.message);
    bench = created.value;
  });

  function run(
    program: SubjectProgram,
    prepare: (system: System) => void = () => {},
  ): { readonly system: System; readonly outcomes: DmaOutcome[]; readonly vectors: number[] } {
    const loaded = bench.load({
      cyclesPerInstruction: 320,
      endTsc: 4_000_000,
      maxKernelSteps: 20,
      programs: [program],
      interrupts: [],
      interleavings: [],
    });
    if (!loaded.ok) throw new Error(loaded.error);
    const system = loaded.value;
    prepare(system);
    const outcomes: DmaOutcome[] = [];
    const vectors: number[] = [];
    system.observer = {
      onDma: outcome => outcomes.push(outcome),
      onExit: (cpu, _subject, reason) => {
        if (reason === 1) vectors.push(cpu.vmread(Vmcs.exitInterruptInfo) & 0xff);
      },
    };
    while (system.step());
    return { system, outcomes, vectors };
  }

  const disk = (...transfers: Transfer[]): SubjectProgram => ({
    subject: 'disk',
    machineCode: [{ address: 0x20_0000, hex: code(true, transfers) }],
  });

  test('copy between pages that their domain maps, also across a border', () => {
    const { system, outcomes } = run(
      disk({ from: COMMANDS + 0xffc, to: BUFFERS + 0x1ffe, sizeBytes: 8 }),
      ({ memory }) => {
        memory.writePair(hpa(physical('disk|commands') + 0xff8), 0, 0x1122_3344);
        memory.writePair(hpa(physical('disk|commands') + 0x1000), 0x5566_7788, 0);
      },
    );
    expect(outcomes).toMatchObject([{ fault: 0, sizeBytes: 8, device: { name: 'disk_controller' } }]);
    const at = physical('disk|buffers') + 0x1ffc;
    expect([0, 4, 8].map(offset => system.memory.readWordAt(hpa(at + offset)))).toEqual([
      0x3344_0000, 0x7788_1122, 0x5566,
    ]);
    expect(system.memory.readWordAt(hpa(0xfeb0_0018))).toBe(1);
    expect(system.kernel.platform.iommus[0]!.read(IommuRegister.faultStatus)).toBe(0);
  });

  test('are stopped where it does not, and the IOMMU records who wanted what', () => {
    const target = physical('net|ram');
    const { system, outcomes } = run(
      disk(
        { from: COMMANDS, to: COMMANDS, sizeBytes: 4 },
        { from: target, to: BUFFERS, sizeBytes: 4 },
        { from: 2 ** 39, to: BUFFERS, sizeBytes: 4 },
        { from: COMMANDS, to: BUFFERS + 0x3ffe, sizeBytes: 4 },
      ),
    );
    expect(outcomes.map(({ fault }) => fault)).toEqual([
      DmaFault.writeDenied,
      DmaFault.readDenied,
      DmaFault.beyondWidth,
      DmaFault.writeDenied,
    ]);
    expect(outcomes.flatMap(({ written }) => written)).toEqual([]);
    const unit = system.kernel.platform.iommus[0]!;
    const record = unit.spec.faultRecordOffset;
    // One record: the later faults are an overflow.
    expect(unit.read(IommuRegister.faultStatus)).toBe(3);
    expect([0, 4, 8, 12].map(offset => unit.read(record + offset))).toEqual([
      COMMANDS,
      0,
      DISK_SOURCE,
      0x8000_0000 + DmaFault.writeDenied,
    ]);
    // The kernel masks the fault event: it stays pending.
    expect(unit.read(IommuRegister.faultControl) >>> 30).toBe(3);
    unit.write(record + 12, 0x8000_0000);
    unit.write(IommuRegister.faultStatus, 0x7f);
    expect([unit.read(record + 12) >>> 31, unit.hasFaults]).toEqual([0, false]);
    expect(bench.load({ ...emptyRun }).ok && bench.system.kernel.platform.iommus[0]!.hasFaults).toBe(false);
  });

  test('a fault event that software unmasks is a message', () => {
    const { vectors } = run(disk({ from: 0, to: BUFFERS, sizeBytes: 4 }), ({ kernel }) => {
      const unit = kernel.platform.iommus[0]!;
      unit.write(IommuRegister.faultData, 253);
      unit.write(IommuRegister.faultAddress, 0xfee0_0000);
      unit.write(IommuRegister.faultControl, 0);
    });
    expect(vectors).toEqual([253]);
  });

  test('send the interrupts of their own remapping entries only', () => {
    const irq = document.hardware.devices.find(({ name }) => name === 'network_controller')!.irqs[0]!.number;
    const ram = 0x40_0000;
    const net = (interrupt: number): SubjectProgram => ({
      subject: 'net',
      machineCode: [
        {
          address: ram,
          hex: code(false, [{ from: ram, to: ram + 0x2000, sizeBytes: 4, command: 3, interrupt }]),
        },
      ],
    });
    const own = run(net(irq));
    expect([own.outcomes.length, own.vectors]).toEqual([1, [irq + 32]]);
    const other = run(net(19));
    expect([other.outcomes.length, other.vectors]).toEqual([1, []]);
    const unit = other.system.kernel.platform.iommus[0]!;
    expect(unit.read(unit.spec.faultRecordOffset + 12) & 0xff).toBe(DmaFault.interruptSource);
    expect(run(net(300)).vectors).toEqual([]);
  });

  test('several commands of one stretch of instructions are done in order', () => {
    const writer = new CodeWriter(true).set(Reg.bx, REGISTERS);
    writer.store32(0, COMMANDS).store32(0x10, 4);
    for (const page of [0, 1, 2]) writer.store32(0x08, BUFFERS + 0x1000 * page).store32(0x14, 1);
    const { outcomes, system } = run({
      subject: 'disk',
      machineCode: [{ address: 0x20_0000, hex: `${hexOfBytes(Uint8Array.from(writer.bytes))}ebfe` }],
    });
    expect(outcomes.map(({ to }) => to - BUFFERS)).toEqual([0, 0x1000, 0x2000]);
    expect(system.memory.readWordAt(hpa(0xfeb0_001c))).toBe(3);
  });

  test('serve hosted software as well', () => {
    const write = (offset: number, low: number, high: number) =>
      ({ kind: 'write', address: REGISTERS + offset, sizeBytes: 8, low, high }) as const;
    const operations = [write(0, COMMANDS, 0), write(8, BUFFERS, 0), write(0x10, 16, 1)];
    const { outcomes } = run({ subject: 'disk', operations });
    expect(outcomes).toMatchObject([{ fault: 0, sizeBytes: 16 }]);
  });
});

const emptyRun = {
  cyclesPerInstruction: 320,
  endTsc: 0,
  maxKernelSteps: 1,
  programs: [],
  interrupts: [],
  interleavings: [],
};
