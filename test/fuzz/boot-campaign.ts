import { CpuMode } from '../../src/impl/cpu.ts';
import { assembleKernel } from '../../src/impl/create-system.ts';
import { HostException } from '../../src/impl/host-exception.ts';
import { FRAME_WORDS } from '../../src/impl/memory.ts';
import { type BootOrder, bootKernel, isHalt } from '../../src/impl/muen/boot.ts';
import type { IommuSpec } from '../../src/impl/muen/compile-platform.ts';
import { AUDIT_MAGIC } from '../../src/impl/muen/crash-audit-layout.ts';
import type { Kernel } from '../../src/impl/muen/kernel-context.ts';
import { Iommu, IommuCommand, type IommuDefect } from '../../src/impl/platform/iommu.ts';
import type { Processor } from '../../src/impl/platform/processor.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { checkPolicy } from '../../src/policy/check.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';
import { driveKernel } from './kernel-campaign.ts';
import { mutatedDocument } from './mutate-document.ts';

/* Fuzzing of the way to a running system: policies with numbers and references changed, on processors with features missing. */

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const MAX_CHANGES = 3;
/** Characters of a policy with so much memory that building its tables takes a second. */
const LARGE_POLICY = 300_000;

/** An element with its attributes; group 1 is its name. */
const ELEMENT = /<([a-zA-Z0-9_]+)((?: [^<>]*?)?)\/?>/g;
const ATTRIBUTE = / ([a-zA-Z0-9]+)="([^"]*)"/g;
/** Values of attributes that a changed one may take. */
const MAX_OTHERS = 400;

/** Numbers at which something changes: MSRs that a VMCS holds or that no bitmap has, features, ports, ends of address spaces. */
const NUMBERS = [
  ...[0x1d9, 0x277, 0x38f, 0xc000_0080, 0xc000_0081, 0x2000, 0x1fff, 0xe7, 0xffff, 0x8000, 0, 0xfff],
  ...[2 ** 32, 2 ** 39, 2 ** 40 - 2 ** 12, 2 ** 47, 2 ** 48, 2 ** 52],
];

interface Element {
  readonly name: string;
  readonly start: number;
  /** Behind its start tag. */
  readonly end: number;
  readonly isEmpty: boolean;
  readonly attributes: string;
}

/** Elements of a text by name and type: rare ones are chosen as often as those of which there are hundreds. */
function elementsByKind(text: string): readonly (readonly Element[])[] {
  const found = new Map<string, Element[]>();
  for (const match of text.matchAll(ELEMENT)) {
    const [all, name, attributes] = match;
    const element = {
      name: name!,
      start: match.index,
      end: match.index + all.length,
      isEmpty: all.endsWith('/>'),
      attributes: attributes!,
    };
    const kind = `${name} ${/ type="([^"]*)"/.exec(attributes!)?.[1] ?? ''}`;
    const others = found.get(kind);
    if (others === undefined) found.set(kind, [element]);
    else others.push(element);
  }
  return [...found.values()];
}

/** Where an element ends, with all that is in it. */
function endOf(text: string, { name, end, isEmpty }: Element): number {
  if (isEmpty) return end;
  const close = `</${name}>`;
  const at = text.indexOf(close, end);
  return at < 0 ? end : at + close.length;
}

function renamed(text: string, element: Element, name: string): string {
  const { start, end, isEmpty } = element;
  const from = start + 1 + element.name.length;
  if (isEmpty) return `${text.slice(0, start + 1)}${name}${text.slice(from)}`;
  const close = endOf(text, element) - element.name.length - 1;
  if (close < end) return text;
  return `${text.slice(0, start + 1)}${name}${text.slice(from, close)}${name}${text.slice(close + element.name.length)}`;
}

function changedValue(rng: Rng, value: string, others: readonly string[]): string {
  const hex = /^16#([0-9a-f_]+)#$/i.exec(value);
  if (hex !== null && rng.below(8) === 0) return `16#${pick(rng, NUMBERS).toString(16)}#`;
  if (hex !== null && rng.below(3) !== 0) {
    const number =
      BigInt(`0x${hex[1]!.replaceAll('_', '')}`) ^ (1n << BigInt(rng.below(2) === 0 ? rng.below(14) : rng.below(48)));
    return `16#${number.toString(16)}#`;
  }
  if (/^[0-9]+$/.test(value) && rng.below(3) !== 0) return String(Math.max(0, Number(value) + rng.below(5) - 2));
  if (value === 'true' || value === 'false') return value === 'true' ? 'false' : 'true';
  // The value of another attribute.
  return pick(rng, others);
}

const BIT_ELEMENT = />([01])<\//g;

/** Changes one thing: a bit of the controls, an attribute, an element that is left out, stands twice, or stands elsewhere. */
function changed(rng: Rng, text: string): string {
  if (rng.below(6) === 0) {
    const bits = [...text.matchAll(BIT_ELEMENT)];
    const bit = bits[rng.below(Math.max(1, bits.length))];
    if (bit === undefined) return text;
    return `${text.slice(0, bit.index + 1)}${bit[1] === '0' ? '1' : '0'}${text.slice(bit.index + 2)}`;
  }
  const byKind = elementsByKind(text);
  const kind = pick(rng, byKind);
  const element = pick(rng, kind);
  const end = endOf(text, element);
  const whole = text.slice(element.start, end);
  switch (rng.below(8)) {
    case 3:
      // Another name, of an element that there is.
      return renamed(text, element, pick(rng, pick(rng, byKind)).name);
    case 0:
      return text.slice(0, element.start) + text.slice(end);
    case 1:
      return text.slice(0, end) + whole + text.slice(end);
    case 2: {
      // What another element of its kind holds.
      const same = pick(rng, kind);
      return text.slice(0, element.start) + text.slice(same.start, endOf(text, same)) + text.slice(end);
    }
    default: {
      const attributes = [...element.attributes.matchAll(ATTRIBUTE)];
      const chosen = attributes[rng.below(Math.max(1, attributes.length))];
      if (chosen === undefined) return text;
      const others = [...text.slice(element.start).matchAll(ATTRIBUTE)].slice(0, MAX_OTHERS).map(match => match[2]!);
      const value = changedValue(rng, chosen[2]!, others);
      const at = element.start + 1 + element.name.length + chosen.index + ` ${chosen[1]}="`.length;
      return text.slice(0, at) + value + text.slice(at + chosen[2]!.length);
    }
  }
}

/** A policy text with a few things changed. */
export function mutatedPolicy(rng: Rng, text: string): string {
  let result = text;
  for (let change = 1 + rng.below(MAX_CHANGES); change > 0; change--) result = changed(rng, result);
  return result;
}

/** A processor with bits of one of its answers changed. */
function mutatedProcessor(rng: Rng, usual: Processor): Processor {
  const bit = 1 << rng.below(32);
  const leaf = pick(rng, [1, 7, 0xd, 0x8000_0001, 0x8000_0007, 0x8000_0008]);
  const index = pick(rng, [0x3a, 0x179, 0x480, 0x481, 0x482, 0x483, 0x484, 0x485, 0x486, 0x488, 0x48b, 0x48c]);
  const register = rng.below(4);
  switch (rng.below(4)) {
    case 0:
      return {
        ...usual,
        cpuid: (asked, subleaf) => {
          const found = [...usual.cpuid(asked, subleaf)] as [number, number, number, number];
          if (asked === leaf) found[register] = (found[register]! ^ bit) >>> 0;
          return found;
        },
      };
    case 1:
      return {
        ...usual,
        msr: asked => {
          const [low, high] = usual.msr(asked);
          return asked !== index
            ? [low, high]
            : rng.below(2) === 0
              ? [(low ^ bit) >>> 0, high]
              : [low, (high ^ bit) >>> 0];
        },
      };
    case 2:
      return { ...usual, cr0: (usual.cr0 ^ bit) >>> 0 };
    default:
      return { ...usual, efer: (usual.efer ^ bit) >>> 0, rflags: (usual.rflags ^ (bit & 0x200)) >>> 0 };
  }
}

const DEFECTS: readonly IommuDefect[] = [
  'root',
  'context',
  'iotlb',
  'translation',
  'table',
  'compatibility',
  'remapping',
  'queue',
];

/** A remapping unit that is not what the policy says, that does not do what it is told, or that the firmware left switched on. */
function mutatedIommu(rng: Rng, spec: IommuSpec): Iommu {
  const left =
    rng.below(2) === 0 ? 0 : pick(rng, [IommuCommand.queuedInvalidation, IommuCommand.compatibilityInterrupts]);
  if (rng.below(2) === 0) return new Iommu(spec, spec, pick(rng, DEFECTS), left);
  const other: Partial<IommuSpec> = pick(rng, [
    {},
    { addressWidth: spec.addressWidth === 48 ? 39 : 48 },
    { faultRecordOffset: 0x400 },
    { iotlbOffset: 0x208 },
    { faultRecords: spec.faultRecords + 1 },
    { version: 0 },
    { domains: 16 },
    { remapsInterrupts: false },
    { extendedInterrupts: false },
  ]);
  return new Iommu(spec, { ...spec, ...other }, undefined, left);
}

/** What an earlier boot, or nobody, left in the page of crash records. */
function mutatedAudit(rng: Rng, { memory, at }: Kernel): void {
  if (at.crashAuditSlot < 0) return;
  for (let word = 0; word < FRAME_WORDS; word++) memory.writeWord(at.crashAuditSlot, word, rng.next());
  if (rng.below(4) !== 0) memory.writeWord(at.crashAuditSlot, 0, AUDIT_MAGIC[0]);
  if (rng.below(4) !== 0) memory.writeWord(at.crashAuditSlot, 1, AUDIT_MAGIC[1]);
}

/** Processors after a reset; memory keeps what it holds. */
function restart({ cpus, platform }: Kernel): void {
  platform.power = 'running';
  for (const cpu of cpus) {
    cpu.vmxonAddress = -1;
    cpu.vmcsSlot = -1;
    cpu.mode = CpuMode.guest;
    cpu.entryFailureReason = 0;
    cpu.xcr0 = 1;
    cpu.irr.fill(0);
    cpu.isr.fill(0);
  }
}

/** CPUs proceed in another order at some accesses to shared state. */
const mutatedOrder = (rng: Rng, cpuCount: number): BootOrder =>
  new Map(Array.from({ length: rng.below(8) }, () => [rng.below(200), rng.below(cpuCount)]));

/** The rules let the policy pass. */
const isAccepted = (document: PolicyDocument): boolean =>
  checkPolicy(document).findings.every(({ severity }) => severity !== 'error');

export type BootOutcome = 'refused' | 'halted' | 'booted' | 'rebooted' | 'unruly';

/** Assembles and boots one mutated system, and lets its kernel handle exits; what came of it. An exception of ours is thrown on. */
export function bootMutated(seed: number, execution: number, texts: readonly string[]): BootOutcome {
  const rng = createRng(deriveSeed(seed, `boot ${execution}`));
  // Each policy as it is first, then changed ones of those that boot quickly, every other time one with devices and remapping.
  const small = texts.filter(text => text.length < LARGE_POLICY);
  const rich = small.filter(text => text.includes('system_vtd_root'));
  const base = texts[execution] ?? pick(rng, rng.below(2) === 0 ? small : rich);
  // Every fourth policy stays as it is; of the others a third is changed as a text, the rest behind the parser.
  const way = execution < texts.length ? 0 : rng.below(4);
  const parsed = parsePolicy(new TextEncoder().encode(way === 1 ? mutatedPolicy(rng, base) : base));
  if (!parsed.ok) return 'refused';
  const document = way > 1 ? mutatedDocument(rng, parsed.value.document, MAX_CHANGES) : parsed.value.document;
  const { machine } = defaultSeams;
  const isUsual = execution < texts.length || rng.below(2) === 0;
  const seams: Seams = {
    ...defaultSeams,
    machine: {
      ...machine,
      describeProcessor: document => {
        const usual = machine.describeProcessor(document);
        return isUsual || rng.below(2) === 0 ? usual : mutatedProcessor(rng, usual);
      },
      createIommu: spec => (isUsual || rng.below(2) === 0 ? machine.createIommu(spec) : mutatedIommu(rng, spec)),
    },
  };
  try {
    const assembled = assembleKernel(document, seams);
    if (!assembled.ok) return 'refused';
    const { kernel } = assembled.value;
    if (rng.below(4) === 0) mutatedAudit(rng, kernel);
    bootKernel(kernel, mutatedOrder(rng, kernel.cpus.length));
    const { failure } = driveKernel(rng, kernel);
    if (failure !== '') throw new Error(failure);
    if (rng.below(2) === 0) return 'booted';
    // A second boot finds what the first one and its subjects left in memory: a warm start, of processors that were reset or not.
    if (rng.below(4) !== 0) restart(kernel);
    bootKernel(kernel);
    return 'rebooted';
  } catch (cause) {
    if (isHalt(cause) || cause instanceof HostException) return 'halted';
    // Tables of a policy that no user gets past the rules may be anything; others must not have led here.
    if (isAccepted(document)) throw cause;
    return 'unruly';
  }
}
