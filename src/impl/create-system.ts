import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { frameOf, hpa, PAGE_SIZE_BYTES } from '../units/address.ts';
import { type Digest, digestWords, formatDigest } from '../units/digest.ts';
import { InvariantError } from '../units/invariant.ts';
import { err, ok, type Result } from '../units/result.ts';
import { Cpu } from './cpu.ts';
import { configurationSpacesOf, presentSpaces } from './dma/configuration-space.ts';
import { dmaDevicesOf } from './dma/dma-devices.ts';
import { type HostedSoftware, scriptSoftware } from './hosted.ts';
import { hostSoftware } from './hosted-subject.ts';
import type { RegionContent } from './loader/region-contents.ts';
import { loadCode } from './machine-code/load-code.ts';
import { FRAME_WORDS, PhysicalMemory } from './memory.ts';
import { buildAddressSpaces } from './muen/address-spaces.ts';
import { bootKernel } from './muen/boot.ts';
import { compilePolicy } from './muen/compile.ts';
import type { Kernel, Platform } from './muen/kernel-context.ts';
import { KernelHalt } from './muen/kernel-halt.ts';
import { locateKernelMemory } from './muen/kernel-memory.ts';
import { buildStructures } from './muen/structures/build.ts';
import { IoApic } from './platform/io-apic.ts';
import { capabilitiesOf } from './platform/processor.ts';
import { Ports } from './ports.ts';
import type { Seams } from './seams.ts';
import { System } from './system.ts';
import { processorWords } from './system-snapshot.ts';
import { type TimeModel, timeModel } from './time-model.ts';
import { HostedVmx } from './vmx/hosted-vmx.ts';

/** Redirection entries of the I/O APIC that a policy does not describe: those of the original part. */
const LAST_IO_APIC_ENTRY = 23;

/** Most memory that fill patterns of regions may materialise; larger fills read as zero and are reported. */
const FILL_LIMIT_BYTES = 0x100_0000;

/** A machine with the tables of a policy in its memory, and the kernel that is about to boot. */
export interface AssembledKernel {
  readonly kernel: Kernel;
  readonly time: TimeModel;
  /** Where messages to local APICs go once the system runs. */
  readonly links: { system?: System };
}

/** Compiles the policy and builds its tables in memory; nothing has run yet. */
export function assembleKernel(
  document: PolicyDocument,
  seams: Seams,
  contents: readonly RegionContent[] = [],
): Result<AssembledKernel, readonly Finding[]> {
  const compiled = compilePolicy(document, seams.compile);
  if (!compiled.ok) return compiled;
  const memory = new PhysicalMemory();
  const spaces = buildAddressSpaces(memory, document, seams.paging);
  if (!spaces.ok) return spaces;
  fillRegions(memory, document);
  presentSpaces(memory, configurationSpacesOf(document));
  for (const { physicalAddress, bytes } of contents) memory.writeBytes(hpa(physicalAddress), bytes);
  const misplaced = buildStructures(memory, document, seams.structures);
  if (misplaced.length > 0) return err(misplaced);
  const { tables, pages } = compiled.value;
  const located = locateKernelMemory(memory, tables, pages);
  if (!located.ok) return err([kernelFinding(document, located.error)]);
  const time = timeModel(tables);
  const cpus = Array.from({ length: tables.cpuCount }, (_, id) => new Cpu(id, memory));
  for (const cpu of cpus) cpu.tsc = time.startTsc;
  const links: AssembledKernel['links'] = {};
  const iommus = tables.platform.iommus.map(spec => seams.machine.createIommu(spec));
  const processor = seams.machine.describeProcessor(document);
  const platform: Platform = {
    power: 'running',
    stopReason: '',
    ioApic: new IoApic(tables.platform.ioApic?.maxEntry ?? LAST_IO_APIC_ENTRY, () =>
      iommus.every(unit => unit.isEnabled),
    ),
    iommus,
    processor,
    vmx: new HostedVmx(memory, capabilitiesOf(processor), seams.machine.checkEntry),
    ports: new Ports(tables.platform.systemBoard),
    sendIpi: (target, vector, tsc) => links.system?.requestInterrupt(target, vector, tsc),
  };
  return ok({ kernel: { memory, tables, at: located.value, cpus, platform, ops: seams.kernel }, time, links });
}

/** Compiles the policy, builds its tables and the given contents in memory, boots the kernel and enters the initial subjects. */
export function createSystem(
  document: PolicyDocument,
  seams: Seams,
  contents: readonly RegionContent[] = [],
): Result<System, readonly Finding[]> {
  const assembled = assembleKernel(document, seams, contents);
  if (!assembled.ok) return assembled;
  const { kernel, time, links } = assembled.value;
  const failure = bootFailure(kernel);
  if (failure !== '') return err([bootFinding(document, failure)]);
  const idle = scriptSoftware([]);
  const system = new System(
    kernel,
    time,
    kernel.tables.subjects.map(() => hostSoftware(idle)),
    seams.machine,
    dmaDevicesOf(document),
    configurationSpacesOf(document),
  );
  links.system = system;
  system.begin({
    cyclesPerInstruction: time.unitCycles,
    endTsc: time.startTsc,
    maxKernelSteps: 0,
    interrupts: [],
    interleavings: [],
  });
  system.enterInitial();
  return ok(system);
}

/** Boots all CPUs; a kernel with a defect may raise an exception already here. The text says which, empty if there is none. */
function bootFailure(kernel: Kernel): string {
  try {
    kernel.memory.beginBounded();
    bootKernel(kernel);
    return '';
  } catch (cause) {
    if (cause instanceof InvariantError) throw cause;
    if (cause instanceof KernelHalt) return kernel.platform.stopReason;
    return cause instanceof Error ? cause.message : 'unknown exception';
  } finally {
    kernel.memory.endBounded();
  }
}

function bootFinding(document: PolicyDocument, message: string): Finding {
  const { line, column } = document.kernel.at;
  const hint = 'a kernel without seeded faults boots with any policy that compiles: report this, or correct your fault';
  return {
    code: 'KERNEL-BOOT',
    severity: 'error',
    message: `the kernel fails at boot: ${message}`,
    line,
    column,
    hint,
  };
}

/** Installs a program per subject id; subjects without one spin. The text says which machine code does not fit, empty if all does. */
export function installSoftware(system: System, software: ReadonlyMap<number, HostedSoftware>): string {
  const idle = scriptSoftware([]);
  system.hosted = system.kernel.tables.subjects.map(subject => hostSoftware(software.get(subject.id) ?? idle));
  for (const [subject, { images }] of software) {
    const problem = images === undefined ? '' : loadCode(system, subject, images);
    if (problem !== '') return problem;
  }
  return '';
}

/** Digest of memory and processors: equal digests mean equal systems. */
export function systemDigest(system: System): string {
  const memory = system.memory.digest();
  const words = processorWords(system.cpus, system.hosted, system.kernel.platform, cpu => system.subjectOn(cpu));
  const processors: Digest = digestWords(words, 0, words.length, 1);
  return formatDigest({ high: (memory.high ^ processors.high) >>> 0, low: (memory.low + processors.low) >>> 0 });
}

/** Writes the fill patterns of regions; a zero pattern is what untouched memory reads as anyway. */
function fillRegions(memory: PhysicalMemory, document: PolicyDocument): void {
  for (const region of document.memory) {
    if (region.content?.kind !== 'fill' || region.content.pattern === 0 || region.sizeBytes > FILL_LIMIT_BYTES)
      continue;
    const word = Math.imul(region.content.pattern, 0x01010101) >>> 0;
    for (let offset = 0; offset < region.sizeBytes; offset += PAGE_SIZE_BYTES) {
      memory.fillWords(memory.slotOf(frameOf(hpa(region.physicalAddress + offset))), 0, FRAME_WORDS, word);
    }
  }
}

function kernelFinding(document: PolicyDocument, message: string): Finding {
  return {
    code: 'COMPILE-KERNEL-MEMORY',
    severity: 'error',
    message,
    line: document.kernel.at.line,
    column: document.kernel.at.column,
    hint: 'enlarge the region, or reduce the number of subjects, groups or barriers',
  };
}
