import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import { CodeWriter, Reg } from '../../src/arbitraries/machine-code/code-writer.ts';
import type { CheckContext, Failure, Task, TaskResult } from '../../src/engine/property.ts';
import { DMA_COMMAND, DMA_REGISTER, type DmaOutcome } from '../../src/impl/dma/dma-device.ts';
import { dmaDevicesOf } from '../../src/impl/dma/dma-devices.ts';
import { hexOfBytes } from '../../src/impl/machine-code/code-image.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import { dmaGrants, dmaSources } from '../../src/model/dma-grants.ts';
import type { Grant } from '../../src/model/grants.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { formatAddress, hpa } from '../../src/units/address.ts';
import type { Operation } from '../../src/units/operation.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import { runsByItself } from '../software-runs.ts';
import { subjectLine, type Workbench } from '../workbench.ts';

const ID = 'isolation/dma-confined';
/** Transfers of one run: their code fits into a page. */
const TRANSFERS_PER_RUN = 48;
const OPERATIONS_PER_FRAME = 1200;
const MAJOR_FRAMES = 2;
const MAX_KERNEL_STEPS = 200;
const TRANSFER_BYTES = 8;
const NEVER_RAN = 'a device whose subject does not run by itself';
/** Addresses tried per device, at most: the first ones, which are those of its own domain, and then the others evenly. */
const MAX_ADDRESSES = 360;
const WORD = 2 ** 32;

/** A device that a subject can program. */
interface Programmed {
  readonly device: string;
  readonly subject: string;
  /** Where the subject has the registers. */
  readonly registers: number;
  readonly grants: readonly Grant[];
}

function programmedDevices(context: CheckContext, found: Workbench): readonly Programmed[] {
  const { document } = context;
  const domains = new Map(dmaSources(document).map(source => [source.name, source.domain]));
  return dmaDevicesOf(document).flatMap(({ name, registers }) => {
    const physical = document.hardware.devices.find(row => row.name === name)!;
    const memory = physical.memory.find(row => row.physicalAddress === (registers as number));
    return document.subjects.flatMap((subject): readonly Programmed[] => {
      const logical = subject.devices.find(row => row.physical === name);
      const mapping = logical?.memory.find(row => row.physical === memory?.name && row.writable);
      if (mapping === undefined || !runsByItself(context, found, subject.name)) return [];
      const domain = domains.get(name);
      const grants = domain === undefined ? [] : dmaGrants(document, domain);
      return [{ device: name, subject: subject.name, registers: mapping.virtualAddress, grants }];
    });
  });
}

/** Addresses that a device tries: the borders of what it may reach, and where everything of others is. */
function addressesOf(context: CheckContext, { grants }: Programmed): readonly number[] {
  const own = grants.flatMap(({ va, sizeBytes }) => [
    va,
    va + sizeBytes - TRANSFER_BYTES,
    va + sizeBytes - 4,
    va + sizeBytes,
    va - 4,
  ]);
  const memory = context.document.memory.map(({ physicalAddress }) => physicalAddress);
  // What other devices may reach, and have reached by then: the IOMMU may remember it.
  const others = [
    ...memory,
    ...context.document.deviceDomains.flatMap(row => row.memory).map(row => row.virtualAddress),
  ];
  const all = [...new Set([...own, 0, 2 ** 39, ...others])].filter(address => address >= 0);
  if (all.length <= MAX_ADDRESSES) return all;
  const kept = all.slice(0, own.length);
  const rest = all.slice(own.length);
  const step = rest.length / Math.max(1, MAX_ADDRESSES - kept.length);
  return [...kept, ...rest.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step))];
}

/** True if a device may access all bytes of a stretch. */
function mayAccess(grants: readonly Grant[], address: number, sizeBytes: number, isWrite: boolean): boolean {
  for (let at = address; at < address + sizeBytes; at++)
    if (!grants.some(({ va, sizeBytes: size, writable }) => at >= va && at < va + size && (writable || !isWrite)))
      return false;
  return true;
}

type Pair = readonly [from: number, to: number];

/** Every address as source of a read and as target of a write, the other side being the device's own if it has any. */
function transfersOf(context: CheckContext, programmed: Programmed): readonly Pair[] {
  const { grants } = programmed;
  const readable = grants[0]?.va ?? 0;
  const writable = grants.find(grant => grant.writable)?.va ?? readable;
  return addressesOf(context, programmed).flatMap((address): readonly Pair[] => [
    [address, writable],
    [readable, address],
  ]);
}

function storesOf(registers: number, [from, to]: Pair): readonly Operation[] {
  const store = (offset: number, low: number, high: number): Operation => ({
    kind: 'write',
    address: registers + offset,
    sizeBytes: 8,
    low: low >>> 0,
    high: high >>> 0,
  });
  return [
    store(DMA_REGISTER.source, from % WORD, Math.floor(from / WORD)),
    store(DMA_REGISTER.destination, to % WORD, Math.floor(to / WORD)),
    store(DMA_REGISTER.length, TRANSFER_BYTES, DMA_COMMAND.go),
  ];
}

function codeOf(is64Bit: boolean, registers: number, pairs: readonly Pair[]): string {
  const writer = new CodeWriter(is64Bit).set(Reg.bx, registers);
  writer.store32(DMA_REGISTER.length, TRANSFER_BYTES);
  for (const [from, to] of pairs) {
    writer.store32(DMA_REGISTER.source, from % WORD).store32(DMA_REGISTER.source + 4, Math.floor(from / WORD));
    writer.store32(DMA_REGISTER.destination, to % WORD).store32(DMA_REGISTER.destination + 4, Math.floor(to / WORD));
    writer.store32(DMA_REGISTER.command, DMA_COMMAND.go);
  }
  return hexOfBytes(Uint8Array.from([...writer.bytes, 0xeb, 0xfe]));
}

/** Machine code that starts the transfers, or hosted operations where a subject has nowhere to put code. */
function programOf(
  context: CheckContext,
  found: Workbench,
  programmed: Programmed,
  pairs: readonly Pair[],
): SubjectProgram {
  const { subject, registers } = programmed;
  const words = found.vocabularies.find(row => row.subject === subject)!;
  const code = codeVocabulary(context.document, found.bench.system.kernel.tables, words, false);
  const isReachable = code !== undefined && (code.is64Bit || registers < WORD);
  if (code === undefined || !isReachable)
    return { subject, operations: pairs.flatMap(pair => storesOf(registers, pair)) };
  const hex = codeOf(code.is64Bit, registers, pairs);
  if (hex.length > 2 * code.roomBytes) return { subject, operations: pairs.flatMap(pair => storesOf(registers, pair)) };
  return { subject, machineCode: [{ address: code.entry, hex }] };
}

/** Devices of other subjects use memory of their own at the same time. */
const othersOf = (
  context: CheckContext,
  found: Workbench,
  { subject, device }: Programmed,
): readonly SubjectProgram[] =>
  programmedDevices(context, found)
    .filter(
      (row, index, all) =>
        row.subject !== subject && row.device !== device && all.findIndex(a => a.subject === row.subject) === index,
    )
    .map(row => {
      const writable = row.grants.find(grant => grant.writable)?.va ?? 0;
      return programOf(
        context,
        found,
        row,
        row.grants.slice(0, 8).map(({ va }): Pair => [va, writable]),
      );
    });

function specOf(context: CheckContext, found: Workbench, programmed: Programmed, pairs: readonly Pair[]): RunSpec {
  const { time, kernel } = found.bench.system;
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, OPERATIONS_PER_FRAME),
    endTsc: time.startTsc + MAJOR_FRAMES * kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: MAX_KERNEL_STEPS,
    programs: [programOf(context, found, programmed, pairs), ...othersOf(context, found, programmed)],
    interrupts: [],
    interleavings: [],
  };
}

/** What a transfer did that the policy does not allow or did not do that it allows; empty if it is right. */
function wrongWith(found: Workbench, grants: readonly Grant[], outcome: DmaOutcome): string {
  const { from, to, sizeBytes, fault, written, device } = outcome;
  const { memory, kernel } = found.bench.system;
  const what = `a transfer of ${device.name} from ${formatAddress(from)} to ${formatAddress(to)}`;
  const isAllowed = mayAccess(grants, from, sizeBytes, false) && mayAccess(grants, to, sizeBytes, true);
  if (!isAllowed && fault === 0) return `${what} is carried out, although its domain does not allow it`;
  if (isAllowed && fault !== 0)
    return `${what} is blocked for reason 0x${fault.toString(16)}, although its domain allows it`;
  if (!isAllowed)
    return kernel.platform.iommus.some(unit => unit.hasFaults) ? '' : `${what} is blocked and not recorded`;
  const place = (address: number): number => {
    const grant = grants.find(({ va, sizeBytes: size }) => address >= va && address < va + size)!;
    return grant.pa + address - grant.va;
  };
  let at = to;
  for (const part of written) {
    if (part.address !== place(at))
      return `${what} writes hpa ${formatAddress(part.address)} instead of ${formatAddress(place(at))}`;
    at += part.sizeBytes;
  }
  const byte = (address: number): number => memory.readWordAt(hpa(address - (address % 4))) >>> (8 * (address % 4));
  const isOverlapping = Math.abs(from - to) < sizeBytes;
  for (let offset = 0; offset < sizeBytes && !isOverlapping; offset++)
    if ((byte(place(from + offset)) & 0xff) !== (byte(place(to + offset)) & 0xff))
      return `${what} writes other bytes than it reads`;
  return '';
}

interface Seen {
  readonly what: string;
  /** The transfer that is wrong. */
  readonly wrong?: DmaOutcome | undefined;
  readonly done: number;
  readonly blocked: number;
  /** By device. */
  readonly transfers: ReadonlyMap<string, number>;
}

function observe(context: CheckContext, found: Workbench, spec: RunSpec): Seen {
  const loaded = found.bench.load(spec);
  if (!loaded.ok) return { what: '', done: 0, blocked: 0, transfers: new Map() };
  const grants = new Map(programmedDevices(context, found).map(row => [row.device, row.grants]));
  const { system } = found.bench;
  let what = '';
  let wrong: DmaOutcome | undefined;
  let done = 0;
  let blocked = 0;
  const transfers = new Map<string, number>();
  system.observer = {
    onDma(outcome) {
      if (outcome.fault === 0) done += 1;
      else blocked += 1;
      transfers.set(outcome.device.name, (transfers.get(outcome.device.name) ?? 0) + 1);
      if (what !== '') return;
      what = wrongWith(found, grants.get(outcome.device.name) ?? [], outcome);
      if (what !== '') wrong = outcome;
    },
  };
  while (what === '' && system.step());
  system.observer = {};
  return { what, wrong, done, blocked, transfers };
}

function judge(context: CheckContext, found: Workbench, spec: RunSpec): RunFinding {
  const { what, wrong } = observe(context, found, spec);
  const step = found.bench.system.kernelSteps;
  const device = wrong?.device.name ?? '';
  const owner = context.document.subjects.find(row => row.devices.some(({ physical }) => physical === device));
  const domain = dmaSources(context.document).find(({ name }) => name === device);
  const explanation = [
    `Let ${owner?.name ?? 'a subject'} start transfers of its device ${device}.`,
    `Then ${what}: a contradiction.`,
  ];
  const lines = [owner === undefined ? 0 : subjectLine(context, owner.name), domain?.line ?? 0];
  return {
    what,
    explanation: what === '' ? [] : explanation,
    policyLines: what === '' ? [] : lines.filter(line => line > 0),
    step,
  };
}

function runSlice(
  context: CheckContext,
  found: Workbench,
  task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const programmed = programmedDevices(context, found)[Number(task.slice.index)];
  const empty = { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };
  if (programmed === undefined) return empty;
  const pairs = transfersOf(context, programmed);
  let done = 0;
  let blocked = 0;
  let runs = 0;
  let steps = 0;
  let own = 0;
  for (let first = 0; first < pairs.length; first += TRANSFERS_PER_RUN) {
    const spec = specOf(context, found, programmed, pairs.slice(first, first + TRANSFERS_PER_RUN));
    const seen = observe(context, found, spec);
    runs += 1;
    steps += found.bench.system.kernelSteps;
    done += seen.done;
    blocked += seen.blocked;
    own += seen.transfers.get(programmed.device) ?? 0;
    // A subject that a monitor or loader must bring to life first never gets to its device here.
    if (own === 0 && seen.what === '')
      return {
        ...empty,
        runs,
        steps,
        states: done + blocked,
        witnesses: { transfer: done, blocked },
        unspecified: { [NEVER_RAN]: 1 },
      };
    const witnesses = { transfer: done, blocked };
    if (seen.what !== '') return { ...empty, runs, steps, states: done + blocked, witnesses, failure: explain(spec) };
  }
  const result = { ...empty, runs, steps, states: done + blocked, witnesses: { transfer: done, blocked } };
  const cut = `${own} of ${pairs.length} transfers of ${programmed.device} took place: its subject did not get that far`;
  return own < pairs.length ? { ...result, cut } : result;
}

function nothingToDo(context: CheckContext): string {
  const { document } = context;
  const sources = new Set(dmaSources(document).map(({ name }) => name));
  const isThere = dmaDevicesOf(document).some(({ name }) => sources.has(name));
  return isThere ? '' : 'no device with registers and a device domain belongs to a subject';
}

/** Every address of interest, by DMA of every device that a subject programs. */
export const dmaConfined = runProperty({
  id: ID,
  area: 'isolation',
  claim:
    'Devices that subjects program reach by DMA exactly what their domains allow, and what is blocked is recorded.',
  method: 'enumerated transfers, started by machine code',
  runsKernel: true,
  passes: 'exhausted',
  witnesses: [
    { id: 'transfer', description: 'a device copied memory of its domain' },
    { id: 'blocked', description: 'a request of a device was blocked' },
  ],
  killedBy: [
    'dma-wrong-domain',
    'context-pass-through',
    'dma-untranslated',
    'dma-requester-function',
    'dma-write-as-read',
    'iotlb-without-domain',
    'dma-page-border',
  ],
  alsoNotApplicable: nothingToDo,
  tasks: ({ document }) =>
    dmaDevicesOf(document).map((device, index) => ({ property: ID, index, slice: { index, device: device.name } })),
  runSlice,
  judge,
});
