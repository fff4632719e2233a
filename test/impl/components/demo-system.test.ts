import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { standIns } from '../../../src/impl/components/registry.ts';
import { guestRip } from '../../../src/impl/hosted-subject.ts';
import { type RegionContent, regionContents } from '../../../src/impl/loader/region-contents.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { System } from '../../../src/impl/system.ts';
import type { SystemObserver } from '../../../src/impl/system-observer.ts';
import { bootFiles } from '../../../src/policy/derive/boot-files.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { kernelModel } from '../../../src/refinement/kernel-model.ts';
import { Lockstep } from '../../../src/refinement/lockstep.ts';
import { TestBench } from '../../../src/refinement/test-bench.ts';
import type { RunSpec, SubjectProgram } from '../../../src/trace/trace.ts';
import { hpa } from '../../../src/units/address.ts';
import { goldenDocument, goldenMissing } from '../golden.ts';

const GUEST = new Uint8Array(readFileSync(new URL('../../../src/guests/built/linux-probe.bin', import.meta.url)));
/** The probe as the Linux image of a policy. */
const contentsFor = (document: PolicyDocument): readonly RegionContent[] =>
  regionContents(document, [
    { name: 'bzImage', bytes: GUEST },
    ...bootFiles(document).files.map(({ filename, bytes }) => ({ name: filename, bytes })),
  ]).contents;

describe.skipIf(goldenMissing !== '')(`Linux subjects of the demo system ${goldenMissing}`, () => {
  let document: PolicyDocument;
  let bench: TestBench;
  let programs: readonly SubjectProgram[];

  beforeAll(() => {
    document = goldenDocument('systems/demo_system_vtd--qemu-kvm');
    const created = TestBench.create(document, defaultSeams, contentsFor(document));
    if (!created.ok) throw new Error(created.error[0]!.message);
    bench = created.value;
    const linux = ['nic_linux', 'storage_linux'].map(subject => ({
      subject,
      software: 'machine-code',
      parameters: {},
    }));
    programs = [...standIns(document), ...linux];
  });

  const run = (changes: Partial<RunSpec>, observerFor: (system: System) => SystemObserver): System => {
    const { time, kernel } = bench.system;
    const spec: RunSpec = {
      // Monitor and loader are led through their start by commands, one a major frame.
      cyclesPerInstruction: 100_000,
      endTsc: time.startTsc + 14 * kernel.tables.majorFrames[0]!.periodCycles,
      maxKernelSteps: 100_000,
      programs,
      interrupts: [],
      interleavings: [],
      ...changes,
    };
    const loaded = bench.load(spec);
    if (!loaded.ok) throw new Error(loaded.error);
    loaded.value.observer = observerFor(loaded.value);
    return loaded.value;
  };

  const physical = (region: string): number => document.memory.find(({ name }) => name === region)!.physicalAddress;
  const idOf = (system: System, name: string): number =>
    system.kernel.tables.subjects.find(subject => subject.name === name)!.id;

  it('see through their monitors what a Linux of Muen sees', () => {
    let serial = '';
    const system = run({}, started => ({
      onOperation: (_cpu, subject, { operation }) => {
        if (subject === idOf(started, 'dbgserver') && operation?.kind === 'out')
          serial += String.fromCharCode(operation.value);
      },
    }));
    const ram = physical('nic_linux|ram');
    const rounds = (): number => system.memory.readWordAt(hpa(ram + 0x100));
    while ((rounds() < 10 || !serial.includes('0001|Linux')) && system.step());
    expect(system.kernel.platform.stopReason).toBe('');
    const saw = Array.from({ length: 25 }, (_, index) => system.memory.readWordAt(hpa(ram + 4 * index)));
    const { processor } = document.hardware;
    const leaf1 = processor.cpuid.find(({ leaf }) => leaf === 1)!;
    const miscEnable = Number((processor.msrs.find(({ address }) => address === 0x1a0)?.value ?? 0n) & 0xffff_ffffn);
    expect(saw[0]).toBeGreaterThan(3);
    expect(saw[2]).toBe(Buffer.from('RSD ').readUInt32LE());
    expect(saw.slice(3, 8)).toEqual([
      leaf1.eax,
      leaf1.ebx & 0xffff,
      (leaf1.ecx & 0x7ed8_3203) >>> 0,
      leaf1.edx & 0x0f8a_b97f,
      0,
    ]);
    expect(saw.slice(8, 12)).toEqual([miscEnable & 0x1801, 0, 0, 0]);
    // RDTSC is the end of the minor frame: a multiple of the tick, and the same in both halves of a frame.
    const tickCycles = (processor.speedKhz * 1000) / document.scheduling.tickRateHz;
    expect((saw[13]! * 2 ** 32 + saw[12]! - bench.system.time.startTsc) % tickCycles).toBe(0);
    expect(saw.slice(14, 19)).toEqual([0xff, 0xffff_ffff, 0x80, 0, 0x24]);
    const { pci } = document.hardware.devices.find(({ name }) => name === 'ethernet_controller_1')!;
    // The device of the policy; its command register keeps what is allowed, and its status says that it has capabilities.
    expect(saw.slice(19, 21)).toEqual([pci!.identification!.deviceId * 0x1_0000 + 0x1af4, 0x10_0407]);
    expect([saw[21]! & 0x20, saw[22]! & 0x21]).toEqual([0x20, 1]);
    expect(saw[24]).toBe(0x60);
    while (!serial.includes('0001|Linux on Muen\n') && system.step());
    expect(serial).toContain('0001|Linux on Muen\n');
    for (const name of ['vt', 'ps2', 'ahci_drv', 'example'])
      expect(serial).toMatch(new RegExp(`\\d{4}\\|${name} running\n`));
    expect(rounds()).toBeGreaterThan(9);
  });

  it('trap by the event of the trap table, and go on behind the instruction', () => {
    const CPUID = 10;
    const VMCALL = 18;
    const seen: string[] = [];
    const system = run({}, started => {
      const names = started.kernel.tables.subjects.map(subject => subject.name);
      const parties = ['storage_linux', 'storage_sm'];
      return {
        onExit: (cpu, subject, reason) => {
          if (parties.includes(names[subject]!) && (reason === CPUID || reason === VMCALL))
            seen.push(`${names[subject]} exits by ${reason} at ${guestRip(cpu).toString(16)}`);
        },
        onEntry: (cpu, subject) => {
          if (parties.includes(names[subject]!)) seen.push(`${names[subject]} enters at ${guestRip(cpu).toString(16)}`);
        },
      };
    });
    while (seen.filter(line => line.startsWith('storage_linux exits')).length < 2 && system.step());
    const at = seen.findIndex(line => line.startsWith('storage_linux exits by 10'));
    const [, address = ''] = /at (\w+)$/.exec(seen[at]!)!;
    expect(seen[at + 1]).toMatch(/^storage_sm enters/);
    const resumed = seen.slice(at).find(line => line.startsWith('storage_linux enters'));
    expect(resumed).toBe(`storage_linux enters at ${(Number.parseInt(address, 16) + 2).toString(16)}`);
    expect(seen[seen.indexOf(resumed!) - 1]).toMatch(/^storage_sm exits by 18/);
  });

  it('start only after their loader has prepared them', () => {
    const system = run({}, () => ({}));
    const entry = physical('nic_linux|binary_nic_linux');
    const status = physical('status_linux_1');
    expect(system.memory.readWordAt(hpa(entry))).toBe(0);
    const first = new DataView(GUEST.buffer).getUint32(0, true);
    let loadedAt = -1;
    let ranAt = -1;
    const linux = idOf(system, 'nic_linux');
    system.observer = {
      onOperation: (cpu, subject) => {
        if (loadedAt < 0 && system.memory.readWordAt(hpa(entry)) === first) loadedAt = cpu.tsc;
        if (ranAt < 0 && subject === linux && system.hosted[linux]!.retiredCount > 0) ranAt = cpu.tsc;
      },
    };
    while (ranAt < 0 && system.step());
    expect(loadedAt).toBeGreaterThan(0);
    expect(ranAt).toBeGreaterThan(loadedAt);
    expect(system.memory.readWordAt(hpa(status))).toBe(9);
  });

  it('and all of it beside the model of the kernel', () => {
    const system = run({ maxKernelSteps: 600 }, () => ({}));
    const lockstep = new Lockstep(system, kernelModel(document));
    lockstep.begin();
    system.observer = {
      onExit: (cpu, subject, reason) => lockstep.onExit(cpu, subject, reason),
      onSegment: (cpu, access) => lockstep.onSegment(cpu, access),
      onEntry: (cpu, subject) => lockstep.onEntry(cpu, subject),
      onOperation: (cpu, subject, hosted, exit) => lockstep.onOperation(cpu, subject, hosted, exit),
    };
    while (lockstep.divergence === undefined && system.step());
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.steps).toBe(600);
  });
});
