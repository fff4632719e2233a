import { VMCS_FIELDS } from '../../src/impl/vmx/vmcs-fields.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';
import { guestMachine, imageOf, runMachine } from '../guests/machine.ts';
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
} from '../impl/vmx/cases/case-program.ts';
import { entryCases } from '../impl/vmx/cases/entry-mutations.ts';
import { instructionCases } from '../impl/vmx/cases/instruction-cases.ts';
import { GUEST_CODE, PROFILES, VMCS_A, VMCS_B } from '../impl/vmx/cases/profiles.ts';

/*
 * Fuzzing of VMX itself: a hypervisor in machine code enters guests with mutated VMCSs. Inputs start from the recorded cases (valid
 * VMCSs of ten profiles, each with one thing changed), and are mutated: bits of fields, fields of other cases, other guest code,
 * other VMX instructions before the entry.
 */

/** Cases of one image; the machine starts anew for each image. */
const CASES_PER_IMAGE = 32;
const MAX_INSTRUCTIONS = 4_000_000;
const GUEST_BYTES = 24;

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
  rng => op(OP.rdmsr, pick(rng, [0x3a, 0x480, 0x48b, 0x48c, 0x491, 0x1d9])),
  rng => op(OP.register, rng.below(8), wide(rng)),
  () => op(OP.vmcall),
];

function mutateOp(rng: Rng, one: Op): Op {
  if (one.kind !== OP.vmwrite && one.kind !== OP.poke) return { ...one, b: one.b ^ BigInt(1 << rng.below(20)) };
  if (rng.below(3) === 0) return { ...one, b: wide(rng) };
  return { ...one, b: one.b ^ (1n << BigInt(rng.below(64))) };
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
        ops.splice(at, 0, ...code(GUEST_CODE, ...Array.from({ length: GUEST_BYTES }, () => rng.below(256))));
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

function transcriptOf(cases: readonly VmxCase[]): string {
  const outcome = runMachine(guestMachine(imageOf(builtGuest('vmx-cases'), caseData(cases))), MAX_INSTRUCTIONS);
  // A guest that overwrites its hypervisor, or waits for ever, ends the image: everything before it was executed.
  return outcome.ok ? outcome.text : `cut: ${outcome.reason}`;
}

/** Runs an image of cases: the recorded ones as they are where `recorded` says so, mutated ones else; twice, if `isRepeated`. */
export function runImage(seed: number, image: number, seeds: readonly VmxCase[], isRepeated: boolean): ImageResult {
  const recorded = seeds.slice(image * CASES_PER_IMAGE, (image + 1) * CASES_PER_IMAGE);
  const rng = createRng(deriveSeed(seed, `vmcs ${image}`));
  const cases = recorded.length > 0 ? recorded : Array.from({ length: CASES_PER_IMAGE }, () => mutatedCase(rng, seeds));
  const text = transcriptOf(cases);
  const failure = isRepeated && transcriptOf(cases) !== text ? `image ${image} has two courses` : '';
  const reported = text.startsWith('cut: ') ? 0 : readTranscript(text).lines.length;
  return { cases: cases.length, reported, failure };
}
