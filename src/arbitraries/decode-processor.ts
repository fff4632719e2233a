import { FPU_PLACES } from '../impl/fpu-places.ts';
import type { Operation } from '../units/operation.ts';
import { mix32 } from '../units/rng.ts';
import type { ProcessorVocabulary } from './processor-vocabulary.ts';

/** Operations on FPU, MSRs, ports and control registers from the words of a decoder. */

const NOP: Operation = { kind: 'nop' };
const EFER = 0xc000_0080;
/** CR0 and CR4 values: as most subjects start, with the FPU switched off in each way, and invalid ones. */
const CR0_VALUES: readonly number[] = [0x8001_0031, 0x8001_0039, 0x8001_0035, 0x31, 0x11, 0x2_0000];
const CR4_VALUES: readonly number[] = [0x4_2660, 0x4_2060, 0x2660, 0x2020, 0x660, 0x8000_0000];

const pick = <T>(list: readonly T[], word: number): T | undefined => list[word % list.length];

/** XCR0 values that some processor accepts, and each way of being invalid. */
const XCR0_ACCEPTED: readonly number[] = [1, 3, 7, 0xe7];
/** x87 and SSE are on every processor with long mode. */
const ALWAYS_ACCEPTED = 3;
const XCR0_REFUSED: readonly number[] = [0, 2, 5, 0x27];
/** Registers that XSETBV takes, in the order of the state page. */
const [RAX, RCX, RDX] = [1, 3, 4] as const;

/** XSETBV with its three registers: mostly as it must be, else with one of them wrong, seldom with whatever they hold. */
export function xsetbvPhrase(a: number, b: number): readonly Operation[] {
  const xsetbv: Operation = { kind: 'exit', reason: 55, qualification: 0, interruptInfo: 0 };
  const choice = a % 16;
  if (choice === 0) return [xsetbv];
  const load = (register: number, low: number): Operation => ({ kind: 'load', register, low, high: 0 });
  // A refused XSETBV is over only once its #GP was taken.
  const value = pick(choice === 1 ? XCR0_REFUSED : XCR0_ACCEPTED, a >>> 4)!;
  const open: readonly Operation[] = choice < 4 || value > ALWAYS_ACCEPTED ? [{ kind: 'sti' }] : [];
  return [
    ...open,
    load(RAX, value),
    load(RCX, choice === 2 ? 1 + (b % 3) : 0),
    load(RDX, choice === 3 ? 1 + (b % 3) : 0),
    xsetbv,
  ];
}

export function fpuOperation({ fpuPlaces }: ProcessorVocabulary, a: number, b: number): Operation {
  const place = pick(fpuPlaces, a >>> 4);
  if (place === undefined) return NOP;
  if (b % 2 === 0) return { kind: 'readFpu', place };
  const isMxcsr = FPU_PLACES[place]!.name === 'MXCSR';
  const low = isMxcsr ? (b >>> 1) & 0xffff : mix32(b);
  return { kind: 'writeFpu', place, low, high: mix32(b + 1) };
}

export function msrOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const closed = pick(vocabulary.closedMsrs, a >>> 3);
  if (closed !== undefined && (a % 4 === 0 || vocabulary.openMsrs.length === 0))
    return b % 2 === 0 ? { kind: 'rdmsr', index: closed } : { kind: 'wrmsr', index: closed, low: b, high: 0 };
  const open = pick(vocabulary.openMsrs, a >>> 3);
  if (open === undefined) return NOP;
  if (open.canRead && (b % 2 === 0 || !open.canWrite)) return { kind: 'rdmsr', index: open.index };
  // EFER takes few bits; the values of all others are small, so that they are canonical. Only some are refused on purpose.
  const low = open.index === EFER ? 0xd01 & (b >>> 1) : mix32(b) & 0x7fff_ffff;
  const high = vocabulary.handlesExceptions && b % 16 === 1 ? 0x0080_0000 : 0;
  return { kind: 'wrmsr', index: open.index, low, high };
}

export function portOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const closed = pick(vocabulary.closedPorts, a >>> 3);
  if (closed !== undefined && (a % 4 === 0 || vocabulary.openPorts.length === 0)) {
    const sizeBytes = ([1, 2, 4] as const)[(b >>> 1) % 3]!;
    return b % 2 === 0 ? { kind: 'in', port: closed, sizeBytes } : { kind: 'out', port: closed, sizeBytes, value: b };
  }
  const range = pick(vocabulary.openPorts, a >>> 3);
  if (range === undefined) return NOP;
  const port = range.start + ((b >>> 3) % (range.end - range.start + 1));
  return b % 2 === 0
    ? { kind: 'in', port, sizeBytes: 1 }
    : { kind: 'out', port, sizeBytes: 1, value: (b >>> 1) & 0xff };
}

export function controlRegisterOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const register = ([0, 4, 3] as const)[a % (vocabulary.readsCr3 ? 3 : 2)]!;
  if (b % 2 === 0 || !vocabulary.writesControlRegisters) return { kind: 'readCr', register };
  const values = register === 0 ? CR0_VALUES : CR4_VALUES;
  return { kind: 'writeCr', register, low: pick(values, b >>> 1)!, high: 0 };
}

/** Places of one phrase, at most: a phrase should fit into a minor frame. */
const PHRASE_PLACES = 3;
/** General-purpose registers and CR2, in the order of the state page. */
const REGISTERS = 16;

/** `count` neighbours in a list from a place that `word` chooses, around its end. */
const stretch = <T>(list: readonly T[], word: number, count: number): readonly T[] =>
  Array.from({ length: Math.min(count, list.length) }, (_, index) => list[(word + index) % list.length]!);

/** Writes a few places of one class of state that belongs to the subject alone: whoever sees them has not got its own. */
export function markPhrase(vocabulary: ProcessorVocabulary, a: number, b: number): readonly Operation[] {
  const values = (index: number): { readonly low: number; readonly high: number } => ({
    low: mix32(b + index) & 0x7fff_ffff,
    high: 0,
  });
  const msrs = vocabulary.openMsrs.filter(({ canWrite, index }) => canWrite && index !== EFER);
  const classes: readonly (() => readonly Operation[])[] = [
    () =>
      stretch(vocabulary.fpuPlaces, a >>> 4, PHRASE_PLACES).map((place, index) => ({
        kind: 'writeFpu',
        place,
        ...values(index),
        ...(FPU_PLACES[place]!.name === 'MXCSR' ? { low: b & 0xffff } : {}),
      })),
    () => stretch(msrs, a >>> 4, PHRASE_PLACES).map((msr, at) => ({ kind: 'wrmsr', index: msr.index, ...values(at) })),
    () =>
      Array.from({ length: PHRASE_PLACES }, (_, index) => ({
        kind: 'load',
        register: (index === 0 ? 0 : (a >>> 4) + index) % REGISTERS,
        ...values(index),
      })),
  ];
  return pick(classes, a)!();
}

/** Reads a few places of one class of state that belongs to the subject alone; registers are seen with every operation. */
export function surveyPhrase(vocabulary: ProcessorVocabulary, a: number): readonly Operation[] {
  const msrs = vocabulary.openMsrs.filter(({ canRead }) => canRead);
  const registers: readonly (0 | 3 | 4)[] = vocabulary.readsCr3 ? [0, 4, 3] : [0, 4];
  const classes: readonly (() => readonly Operation[])[] = [
    () => stretch(vocabulary.fpuPlaces, a >>> 4, PHRASE_PLACES).map(place => ({ kind: 'readFpu', place })),
    () => stretch(msrs, a >>> 4, PHRASE_PLACES).map(({ index }) => ({ kind: 'rdmsr', index })),
    () => registers.map(register => ({ kind: 'readCr', register })),
  ];
  const fallback: readonly Operation[] = [NOP];
  const phrase = pick(a % 4 === 3 ? classes.slice(0, 1) : classes, a >>> 2)!();
  return phrase.length > 0 ? phrase : fallback;
}
