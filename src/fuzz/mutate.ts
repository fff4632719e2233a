import type { BlockKind } from '../arbitraries/machine-code/block-kind.ts';
import { BLOCK_THEMES } from '../arbitraries/machine-code/code-blocks.ts';
import { kindOf, kindsFor } from '../arbitraries/machine-code/code-program.ts';
import { type CodeVocabulary, handlesTraps } from '../arbitraries/machine-code/code-vocabulary.ts';
import { SWEEP_LENGTH, sweepProgram } from '../arbitraries/machine-code/sweep.ts';
import { hexOfBytes } from '../impl/machine-code/code-image.ts';
import { VMCS_FIELDS } from '../impl/vmx/vmcs-fields.ts';
import type { Rng } from '../units/rng.ts';
import {
  ALONE,
  type ExitInput,
  type FuzzInput,
  type FuzzTargetName,
  type Strategy,
  type Surroundings,
} from './fuzz-input.ts';
import type { Attacker } from './fuzz-target.ts';

const MIN_BLOCKS = 3;
const MAX_BLOCKS = 24;
/** Blocks of a program that was changed. */
const MAX_MUTATED_BLOCKS = 64;
const MAX_EXITS = 6;
const RANDOM_BYTES = 96;

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;

/** Reasons that a mutated exit may have: everything that fits into the field, the defined ones more often. */
const LAST_REASON = 59;
/** Handled by the kernel alone from outside: they need what only the platform has. */
const VMCALL = 18;
const PLATFORM = [1, 7, 33, 34, 52];
/** Interruption information of an NMI. */
const NMI = 0x8000_0202;

const position = (name: string): number => VMCS_FIELDS.findIndex(field => field.name === name);

/** Fields of the guest-state area that exits are made with, and how a value is rounded to what VM entry accepts. */
const FIELDS: readonly {
  readonly field: number;
  readonly round: (low: number, high: number) => readonly [number, number];
}[] = [
  { field: position('GUEST_RFLAGS'), round: low => [((low & 0x3f_7ed5) | 2) >>> 0, 0] },
  { field: position('GUEST_RSP'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_INTERRUPTIBILITY'), round: low => [low & 1 ? 0 : low & 8, 0] },
  { field: position('GUEST_ACTIVITY'), round: low => [low & 1, 0] },
  { field: position('GUEST_CR3'), round: (low, high) => [low & 0xffff_f000, high & 0xff] },
  { field: position('CR0_SHADOW'), round: low => [low, 0] },
  { field: position('CR4_SHADOW'), round: low => [low, 0] },
  { field: position('GUEST_SYSENTER_CS'), round: low => [low, 0] },
  { field: position('GUEST_SYSENTER_ESP'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_SYSENTER_EIP'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_FS_BASE'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_GS_BASE'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_GDTR_BASE'), round: (low, high) => [low, high & 0x7fff] },
  { field: position('GUEST_IDTR_LIMIT'), round: low => [low & 0xffff, 0] },
  { field: position('GUEST_CS_SELECTOR'), round: low => [low & 0xfffc, 0] },
];

const small = (rng: Rng): number =>
  pick(rng, [0, 1, 2, 31, 63, 64, 65, 0x80, 0xff, 0xffff_ffff, rng.below(64), rng.next()]);

const MAX_OTHERS = 24;
const MAX_INTERRUPTS = 4;
const FEW_INTERLEAVINGS = 4;
const MAX_INTERLEAVINGS = 32;
const MAX_BEFORE = 4;

/** Different words of a list that repeats itself, at most. */
const MAX_REPEATED = 4;

/** `length` words: each another one, or a few again and again, so that one thing happens often and in many orders. */
function wordList(rng: Rng, length: number, fresh: () => number): readonly number[] {
  if (rng.below(3) !== 0) return Array.from({ length }, fresh);
  const few = Array.from({ length: 1 + rng.below(MAX_REPEATED) }, fresh);
  return Array.from({ length }, () => pick(rng, few));
}

const words = (rng: Rng, most: number): readonly number[] => wordList(rng, 1 + rng.below(most), () => rng.next());

/** Words for operations of all of `count` subjects, or of one or two of them, which then do much. */
function otherWords(rng: Rng, count: number): readonly number[] {
  const all = words(rng, MAX_OTHERS);
  if (rng.below(2) === 0) return all;
  const chosen = [rng.below(count), rng.below(count)];
  return all.map((word, index) => Math.floor(word / count / 2) * count + chosen[index % 2]!);
}

/**
 * Surroundings in a system of `subjects` subjects. Half of the inputs leave the other subjects to the scenario's software, and
 * half of them let no other CPU proceed.
 */
export function randomSurroundings(rng: Rng, subjects: number): Surroundings {
  const others = rng.below(2) === 0 ? otherWords(rng, subjects) : [];
  const interrupts = rng.below(3) === 0 ? words(rng, MAX_INTERRUPTS) : [];
  const choice = rng.below(8);
  const most = choice < 2 ? MAX_INTERLEAVINGS : choice < 4 ? FEW_INTERLEAVINGS : 0;
  return { others, interrupts, interleavings: most === 0 ? [] : words(rng, most) };
}

function mutateSurroundings(rng: Rng, around: Surroundings, other: Surroundings): Surroundings {
  const key = pick(rng, ['others', 'interrupts', 'interleavings'] as const);
  const limit = { others: MAX_OTHERS, interrupts: MAX_INTERRUPTS, interleavings: MAX_INTERLEAVINGS }[key];
  return { ...around, [key]: mutateList(rng, around[key], other[key], () => rng.next(), limit) };
}

const surroundingsOf = (input: FuzzInput): Surroundings => (input.kind === 'bytes' ? ALONE : input.around);

/** Reasons of exits that an input does without. */
type Avoided = ReadonlySet<number>;
const NONE_AVOIDED: Avoided = new Set();

/** Most inputs do without the exits by which the subject stops the whole system, so that something happens after them. */
function avoidedReasons(rng: Rng, attackers: readonly Attacker[], subject: string): Avoided {
  const stops = attackers.find(row => row.subject === subject)?.stoppingReasons;
  return stops === undefined || rng.below(4) === 0 ? NONE_AVOIDED : stops;
}

/** A made-up exit: one in eight keeps the values that VM entry refuses. */
function randomExit(rng: Rng, avoided: Avoided): ExitInput {
  const isRounded = rng.below(8) !== 0;
  const reason = rng.below(32) === 0 ? 60 + rng.below(6) : rng.below(LAST_REASON + 1);
  const isXsetbv = rng.below(6) === 0;
  const isCall = rng.below(4) === 0 || PLATFORM.includes(reason) || avoided.has(reason);
  const chosen = isXsetbv ? 55 : isCall ? VMCALL : reason;
  const registers = [1, 3, 4].map(register => [register, small(rng), rng.below(4) === 0 ? small(rng) : 0] as const);
  const fields = Array.from({ length: rng.below(4) }, () => {
    const { field, round } = pick(rng, FIELDS);
    const low = rng.next();
    const high = rng.next();
    return [field, ...(isRounded ? round(low, high) : ([low, high] as const))] as const;
  });
  const vector = pick(rng, [0, 1, 3, 6, 8, 13, 14, 17, 18]);
  return {
    before: rng.below(2) === 0 ? words(rng, MAX_BEFORE) : [],
    reason: chosen,
    qualification: rng.below(2) === 0 ? 0 : rng.next() & 0xffff,
    interruptInfo: chosen !== 0 ? 0 : rng.below(8) === 0 ? NMI : (0x8000_0300 | vector) >>> 0,
    registers,
    fields,
  };
}

/** Inputs that a guided campaign starts with: each instruction and kind of block of interest in each subject. */
export function sweepInputs(attackers: readonly Attacker[]): readonly FuzzInput[] {
  return Array.from({ length: SWEEP_LENGTH }, (_, index) => index).flatMap(index =>
    attackers.flatMap(({ subject, code }): readonly FuzzInput[] => {
      const bytes = code === undefined ? undefined : sweepProgram(code, index);
      return bytes === undefined ? [] : [{ kind: 'bytes', subject, hex: hexOfBytes(Uint8Array.from(bytes)) }];
    }),
  );
}

/** Kinds of blocks of a program that has few of them. */
const FEW_KINDS = 4;
/** Words that are tried until one stands for a block of a wanted kind. */
const TRIES = 48;

/** Kinds of blocks of a program: all, a few, or those that are about one thing. */
function programKinds(rng: Rng, usable: readonly BlockKind[]): readonly BlockKind[] {
  const choice = rng.below(4);
  if (choice === 0) return Array.from({ length: 1 + rng.below(FEW_KINDS) }, () => pick(rng, usable));
  const theme = choice === 1 ? pick(rng, BLOCK_THEMES).filter(kind => usable.includes(kind)) : [];
  return theme.length > 0 ? theme : usable;
}

/**
 * Makes words of a program. Half of the programs consist of few kinds of blocks: what only a frequent use of something shows comes up
 * there, and what ends most programs early is absent from most of them ("swarm testing"). Most programs of a subject whose traps stop
 * the system do without blocks that may trap.
 */
function blockWords(rng: Rng, code: CodeVocabulary | undefined): () => number {
  const all = code === undefined ? [] : kindsFor(code);
  const isCalm = code !== undefined && !handlesTraps(code.words) && rng.below(4) !== 0;
  const usable = isCalm ? all.filter(({ traps }) => !traps) : all;
  if (usable.length === 0) return () => rng.next();
  const wanted = new Set(programKinds(rng, usable));
  if (wanted.size === all.length) return () => rng.next();
  return () => {
    let word = rng.next();
    for (let left = TRIES; left > 0 && !wanted.has(kindOf(word, all)); left--) word = rng.next();
    return word;
  };
}

/** An input from nothing. */
export function freshInput(
  rng: Rng,
  attackers: readonly Attacker[],
  target: FuzzTargetName,
  strategy: Strategy,
): FuzzInput {
  const usable = target === 'guest' ? attackers.filter(({ code }) => code !== undefined) : attackers;
  const { subject, code } = pick(rng, usable.length === 0 ? attackers : usable);
  if (target === 'vm-exit') {
    const avoided = avoidedReasons(rng, attackers, subject);
    const exits = Array.from({ length: 1 + rng.below(MAX_EXITS) }, () => randomExit(rng, avoided));
    return { kind: 'exits', subject, exits, around: randomSurroundings(rng, attackers.length) };
  }
  if (strategy === 'random-bytes') {
    const hex = Array.from({ length: RANDOM_BYTES }, () => rng.below(256).toString(16).padStart(2, '0')).join('');
    return { kind: 'bytes', subject, hex };
  }
  return {
    kind: 'guest',
    subject,
    words: wordList(rng, MIN_BLOCKS + rng.below(MAX_BLOCKS), blockWords(rng, code)),
    around: randomSurroundings(rng, attackers.length),
  };
}

function mutateList<T>(rng: Rng, list: readonly T[], other: readonly T[], fresh: () => T, limit: number): readonly T[] {
  const result = [...list];
  for (let change = 1 + rng.below(3); change > 0; change--) {
    const at = rng.below(result.length + 1);
    switch (rng.below(5)) {
      case 0:
        result.splice(at, 0, fresh());
        break;
      case 1:
        result.splice(at, 1);
        break;
      case 2:
        if (at < result.length) result[at] = fresh();
        break;
      case 3:
        // A stretch of another input.
        result.splice(at, rng.below(3), ...other.slice(rng.below(other.length + 1)).slice(0, 6));
        break;
      default:
        if (at < result.length) result.splice(rng.below(result.length + 1), 0, result[at]!);
    }
  }
  return result.slice(0, limit);
}

/** A changed exit: another bit of its information, other registers or fields. */
function mutateExit(rng: Rng, exit: ExitInput, avoided: Avoided): ExitInput {
  switch (rng.below(5)) {
    case 4:
      return { ...exit, before: mutateList(rng, exit.before, [], () => rng.next(), MAX_BEFORE) };
    case 0:
      return { ...exit, qualification: (exit.qualification ^ (1 << rng.below(24))) >>> 0 };
    case 1:
      return {
        ...exit,
        registers: exit.registers.map(([number, low, high]) => [number, rng.below(2) === 0 ? low : small(rng), high]),
      };
    case 2:
      return { ...exit, fields: randomExit(rng, avoided).fields };
    default:
      return { ...randomExit(rng, avoided), reason: exit.reason, interruptInfo: exit.interruptInfo };
  }
}

/** An input like `base`, with parts of `other`. */
export function mutate(rng: Rng, base: FuzzInput, other: FuzzInput, attackers: readonly Attacker[]): FuzzInput {
  if (base.kind !== 'bytes' && rng.below(3) === 0)
    return { ...base, around: mutateSurroundings(rng, base.around, surroundingsOf(other)) };
  if (base.kind === 'guest') {
    const others = other.kind === 'guest' ? other.words : [];
    const code = attackers.find(({ subject }) => subject === base.subject)?.code;
    return { ...base, words: mutateList(rng, base.words, others, blockWords(rng, code), MAX_MUTATED_BLOCKS) };
  }
  if (base.kind === 'exits') {
    const exits = other.kind === 'exits' ? other.exits : [];
    const avoided = avoidedReasons(rng, attackers, base.subject);
    const fresh = (): ExitInput =>
      base.exits.length > 0 && rng.below(2) === 0
        ? mutateExit(rng, pick(rng, base.exits), avoided)
        : randomExit(rng, avoided);
    const changed = mutateList(rng, base.exits, exits, fresh, 12);
    return { ...base, exits: changed.length === 0 ? [randomExit(rng, avoided)] : changed };
  }
  const at = rng.below(base.hex.length / 2) * 2;
  const byte = rng.below(256).toString(16).padStart(2, '0');
  return { ...base, hex: `${base.hex.slice(0, at)}${byte}${base.hex.slice(at + 2)}` };
}
