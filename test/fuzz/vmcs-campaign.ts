import { EXCEPTIONS, PRIVILEGED, VMX } from '../../src/arbitraries/machine-code/processor-blocks.ts';
import { DEFAULT_CAPABILITIES, type VmxCapabilities } from '../../src/impl/vmx/capabilities.ts';
import { VMCS_FIELDS } from '../../src/impl/vmx/vmcs-fields.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';
import { type GuestMachine, guestMachine, imageOf } from '../guests/machine.ts';
import { builtGuest } from '../guests/rom.ts';
import {
  caseData,
  code,
  launch,
  OP,
  type Op,
  op,
  readTranscript,
  type VmxCase,
  vmwrite,
} from '../impl/vmx/cases/case-program.ts';
import { entryCases } from '../impl/vmx/cases/entry-mutations.ts';
import { instructionCases } from '../impl/vmx/cases/instruction-cases.ts';
import {
  ENTRY_MSR_LOAD,
  EXIT_MSR_LOAD,
  EXIT_MSR_STORE,
  GUEST_CODE,
  msrEntry,
  PROFILES,
  VMCS_A,
  VMCS_B,
} from '../impl/vmx/cases/profiles.ts';

/*
 * Fuzzing of VMX itself: a hypervisor in machine code enters guests with mutated VMCSs. Inputs start from the recorded cases (valid
 * VMCSs of ten profiles, each with one thing changed), and are mutated: bits of fields, fields of other cases, other guest code,
 * other VMX instructions before the entry.
 */

/** Cases of one image; the machine starts anew for each image. */
const CASES_PER_IMAGE = 8;
const MAX_INSTRUCTIONS = 400_000;
/** Times that a processor of one image may wait for something from outside. */
const MAX_WAITS = 400;
const GUEST_INSTRUCTIONS = 4;
const GUEST_CODE_LIST = [...PRIVILEGED, ...VMX, ...EXCEPTIONS];
/** Instructions between two things that reach the processor from outside. */
const SLICE = 3000;
/** MSRs that lists of a VMCS may name or must not. */
const LISTED_MSRS = [0x10, 0x9b, 0x9e, 0x174, 0x277, 0x1d9, 0x808, 0xc000_0080, 0xc000_0081, 0xc000_0100, 0xc000_0102];
const LISTS = [
  ['ENTRY_MSR_LOAD', ENTRY_MSR_LOAD],
  ['EXIT_MSR_STORE', EXIT_MSR_STORE],
  ['EXIT_MSR_LOAD', EXIT_MSR_LOAD],
] as const;

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const wide = (rng: Rng): bigint => (BigInt(rng.next()) << 32n) | BigInt(rng.next());

const ROOT_OPS: readonly ((rng: Rng) => Op)[] = [
  rng => op(OP.vmclear, 0, pick(rng, [VMCS_A, VMCS_B, 0x20000, 0x800, 1n << 45n])),
  rng => op(OP.vmptrld, 0, pick(rng, [VMCS_A, VMCS_B, 0x20000, 0x21008])),
  () => op(OP.vmptrst),
  rng => op(OP.vmread, pick(rng, VMCS_FIELDS).encoding | rng.below(2)),
  rng => op(OP.vmwriteLoud, pick(rng, VMCS_FIELDS).encoding | rng.below(2), wide(rng)),
  rng => op(OP.invept, rng.below(4), wide(rng) & 0xf_f01en),
  rng => op(OP.invvpid, rng.below(5), BigInt(rng.below(3))),
  rng => op(OP.wrmsr, pick(rng, [0x3a, 0x277, 0x480, 0xc000_0080, 0xc000_0102]), wide(rng) & 0xd01n),
  () => op(OP.wrmsr, 0x1b, 0xfee0_0d00n),
  rng => op(OP.cr0, 0, 0x8000_0031n ^ (1n << BigInt(rng.below(32)))),
  rng => op(OP.rdmsr, pick(rng, [0x3a, 0x480, 0x48b, 0x48c, 0x491, 0x1d9])),
  rng => op(OP.register, rng.below(8), wide(rng)),
  () => op(OP.vmcall),
  rng => op(OP.vmxon, 0, pick(rng, [0x20000, 0x20001, 1n << 41n])),
  rng => op(OP.userInstruction, rng.below(12)),
  rng => op(OP.compatibilityInstruction, rng.below(12)),
  rng => op(OP.inveptReserved, rng.below(3), wide(rng)),
  rng => op(OP.invvpidAddress, rng.below(2), wide(rng)),
  rng => op(OP.cr4, 0, 0x2020n | (1n << BigInt(rng.below(22)))),
];

function mutateOp(rng: Rng, one: Op): Op {
  if (one.kind !== OP.vmwrite && one.kind !== OP.poke) return { ...one, b: one.b ^ BigInt(1 << rng.below(20)) };
  if (rng.below(3) === 0) return { ...one, b: wide(rng) };
  return { ...one, b: one.b ^ (1n << BigInt(rng.below(64))) };
}

/** A list of MSRs that entries or exits load or store. */
function msrList(rng: Rng): readonly Op[] {
  const [name, area] = pick(rng, LISTS);
  const count = 1 + rng.below(3);
  const entries = Array.from({ length: count }, (_, index) =>
    msrEntry(area, index, pick(rng, LISTED_MSRS), rng.below(2) === 0 ? 0n : wide(rng), rng.below(8) === 0 ? 1 : 0),
  );
  return [...entries.flat(), vmwrite(`${name}_ADDRESS`, area), vmwrite(`${name}_COUNT`, count)];
}

/** Instructions of a guest that may exit or fault, as writes to its memory. */
export const guestCode = (rng: Rng): readonly Op[] =>
  code(
    GUEST_CODE,
    ...Array.from({ length: 1 + rng.below(GUEST_INSTRUCTIONS) }, () =>
      rng.below(6) === 0 ? [rng.below(256), rng.below(256)] : pick(rng, GUEST_CODE_LIST),
    ).flat(),
  );

/** A processor with a feature of VMX missing, or an address width of its own. */
export function mutatedCapabilities(rng: Rng): VmxCapabilities {
  const usual = DEFAULT_CAPABILITIES;
  const bit = 1 << rng.below(32);
  const group = pick(rng, ['pin', 'proc', 'proc2', 'exit', 'entry'] as const);
  const { must, may } = usual[group];
  switch (rng.below(5)) {
    case 0:
      return { ...usual, [group]: { must, may: (may & ~bit) | must } };
    case 1:
      return { ...usual, misc: usual.misc ^ (1 << pick(rng, [5, 6, 7, 8, 14, 28, 29, 30])) };
    case 2:
      return { ...usual, eptVpidLow: usual.eptVpidLow ^ bit, eptVpidHigh: usual.eptVpidHigh ^ (bit & 0xf01) };
    case 3:
      return { ...usual, physicalAddressBits: pick(rng, [32, 36, 46, 52]) };
    default:
      return { ...usual, proc2: { must: usual.proc2.must, may: usual.proc2.may | bit } };
  }
}

/** A case made of recorded ones. Launches stay the last operation, so that every case comes to its end. */
export function mutatedCase(rng: Rng, seeds: readonly VmxCase[]): VmxCase {
  const base = pick(rng, seeds);
  const isTail = ({ kind }: Op): boolean =>
    [OP.launch, OP.resume, OP.launchBlocked, OP.resumeBlocked].some(row => row === kind);
  const ops = [...base.ops];
  for (let change = rng.below(4); change > 0; change--) {
    const at = rng.below(Math.max(1, ops.length));
    switch (rng.below(5)) {
      case 0:
        if (ops[at] !== undefined && !isTail(ops[at])) ops[at] = mutateOp(rng, ops[at]);
        break;
      case 1:
        ops.splice(
          at,
          0,
          ...pick(rng, seeds)
            .ops.filter(row => !isTail(row))
            .slice(0, 4),
        );
        break;
      case 2:
        ops.splice(
          at,
          0,
          op(OP.vmwrite, pick(rng, VMCS_FIELDS).encoding, rng.below(2) === 0 ? wide(rng) : BigInt(rng.below(4))),
        );
        break;
      case 3:
        ops.splice(at, 0, pick(rng, ROOT_OPS)(rng));
        break;
      default:
        ops.splice(at, 0, ...(rng.below(3) === 0 ? msrList(rng) : guestCode(rng)));
    }
  }
  const lists = rng.below(6) === 0 && base.lists.length > 0 ? [pick(rng, PROFILES)] : base.lists;
  return { name: base.name, lists, ops: ops.some(isTail) ? ops : [...ops, launch()] };
}

/** What one image of cases came to. */
export interface ImageResult {
  readonly cases: number;
  /** Cases of which the hypervisor reported something. */
  readonly reported: number;
  /** Empty if nothing is wrong. */
  readonly failure: string;
}

/** The recorded cases, in a fixed order. */
export const recordedCases = (): readonly VmxCase[] => [...instructionCases(), ...entryCases()];

/** Something that reaches the processor from outside: an interrupt, NMI, INIT or start-up IPI, or the time of a wait. */
function disturb(rng: Rng, { apic, hooks, cpu }: GuestMachine): void {
  switch (rng.below(5)) {
    case 0:
      apic.receive(0, 0x40 + rng.below(0x80));
      break;
    case 1:
      apic.receive(4, 0);
      break;
    case 2:
      apic.receive(5, 0);
      break;
    case 3:
      apic.receive(6, rng.below(256));
      break;
    default:
      hooks.skipToEvent(cpu);
  }
}

/** Runs an image; what the hypervisor printed, cut where a guest overwrote it or waits for ever: everything before was executed. */
function transcriptOf(seed: number, cases: readonly VmxCase[], isDisturbed: boolean): string {
  const rng = createRng(seed);
  const capabilities = isDisturbed && rng.below(2) === 0 ? mutatedCapabilities(rng) : DEFAULT_CAPABILITIES;
  const machine = guestMachine(imageOf(builtGuest('vmx-cases'), caseData(cases)), capabilities);
  const { cpu, hooks, ports, apic } = machine;
  if (isDisturbed) apic.write(0xf0, 0x1ff, 0);
  let waits = 0;
  for (let executed = 0; executed < MAX_INSTRUCTIONS && !ports.isOff; ) {
    const { executed: count, reason } = cpu.run(isDisturbed ? 1 + rng.below(SLICE) : MAX_INSTRUCTIONS);
    executed += count + 1;
    if (isDisturbed && rng.below(cpu.isNonRoot ? 2 : 200) === 0) disturb(rng, machine);
    const isHalted = reason === 'waiting' || (reason === 'shutdown' && cpu.isNonRoot);
    if (isHalted) waits += 1;
    if (isHalted && waits < MAX_WAITS && (hooks.skipToEvent(cpu) || isDisturbed)) continue;
    if (isHalted || reason === 'shutdown') break;
  }
  return ports.isOff ? ports.text : `cut: ${ports.text}`;
}

/** Runs an image of cases: every other one recorded cases as they are, the rest mutated ones; twice, if `isRepeated`. */
export function runImage(seed: number, image: number, seeds: readonly VmxCase[], isRepeated: boolean): ImageResult {
  const place = (image >> 1) * CASES_PER_IMAGE;
  const recorded = image % 2 === 0 ? seeds.slice(place, place + CASES_PER_IMAGE) : [];
  const rng = createRng(deriveSeed(seed, `vmcs ${image}`));
  const cases = recorded.length > 0 ? recorded : Array.from({ length: CASES_PER_IMAGE }, () => mutatedCase(rng, seeds));
  const isDisturbed = recorded.length === 0 && image % 4 !== 1;
  const text = transcriptOf(image, cases, isDisturbed);
  const failure =
    isRepeated && transcriptOf(image, cases, isDisturbed) !== text ? `image ${image} has two courses` : '';
  const reported = text.startsWith('cut: ')
    ? text.split('\n').filter(line => /^[0-9a-f]+:/.test(line)).length
    : readTranscript(text).lines.length;
  return { cases: cases.length, reported, failure };
}
