import type { Operation } from '../units/operation.ts';
import { mix32 } from '../units/rng.ts';
import {
  controlRegisterOperation,
  fpuOperation,
  markPhrase,
  msrOperation,
  portOperation,
  surveyPhrase,
  xsetbvPhrase,
} from './decode-processor.ts';
import { transferOf, transferPhrase } from './dma-vocabulary.ts';
import type { Vocabulary, Window } from './vocabulary.ts';

/** How often each kind of operation is generated, relative to the others; 0 leaves it out. */
export interface Mix {
  readonly read: number;
  readonly write: number;
  readonly probe: number;
  readonly vmcall: number;
  readonly undeclared: number;
  readonly userVmcall: number;
  readonly trap: number;
  readonly xsetbv: number;
  readonly unknownExit: number;
  readonly timedEvent: number;
  readonly hlt: number;
  readonly rdtsc: number;
  readonly load: number;
  readonly sti: number;
  readonly cli: number;
  readonly nop: number;
  /** Whatever stops the system. */
  readonly stop: number;
  readonly fpu: number;
  readonly msr: number;
  readonly port: number;
  readonly controlRegister: number;
  /** Several writes to state that belongs to the subject alone: registers, FPU, MSRs. */
  readonly mark?: number;
  /** Several reads of such state. */
  readonly survey?: number;
  /** A transfer of one of its devices. */
  readonly dma?: number;
}

type Kind = keyof Mix;

/** A total decoder from 32-bit words to phrases: any word is an operation of the subject's vocabulary, with what it needs before it. */
export interface OperationDecoder {
  decode(word: number): readonly Operation[];
}

const NOP: Operation = { kind: 'nop' };
/** Places in a window that programs prefer, so that writers and readers meet. */
const FAVOURITE_OFFSETS = 8;
/** Interruption information of an invalid-opcode exception, which no subject handles inside. */
const OTHER_EXCEPTION = 0x8000_0306;
/** A field of a state page by which a monitor decides whether and how its subject runs: byte offset and values. */
export interface StateField {
  readonly offset: number;
  readonly accepted: readonly number[];
  /** Values with which no subject, or not every one, is entered. */
  readonly refused: readonly number[];
  /** How often the field is written, relative to the others; absent means once. */
  readonly weight?: number;
}

/** Most values are accepted: a subject that is refused for one field shows nothing about the others. */
export const STATE_FIELDS: readonly StateField[] = [
  { offset: 132, accepted: [0], refused: [1, 2] },
  { offset: 136, accepted: [0, 1], refused: [4] },
  { offset: 164, accepted: [0x20_0000, 0x40_0000], refused: [0] },
  { offset: 180, accepted: [0x31], refused: [0x11, 0x8000_0030], weight: 2 },
  { offset: 204, accepted: [0x2060, 0x2020], refused: [0x60], weight: 4 },
  { offset: 220, accepted: [2, 0x202], refused: [0, 0x2a] },
  // High halves of SYSENTER_ESP and of the base of GDTR; access rights of TR.
  { offset: 240, accepted: [0, 0x7fff, 0xffff_8000], refused: [0x8000] },
  { offset: 416, accepted: [0x8b], refused: [0x0b, 0x89, 0x1_008b] },
  { offset: 456, accepted: [0, 0xffff_ffff], refused: [0x1_0000] },
];
const WEIGHTED_FIELDS = STATE_FIELDS.flatMap(field => Array.from({ length: field.weight ?? 1 }, () => field));

/** Builds a decoder; `startTsc` and `endTsc` bound the triggers of timed events. */
export function operationDecoder(vocabulary: Vocabulary, mix: Mix, startTsc: number, endTsc: number): OperationDecoder {
  const kinds = Object.keys(mix) as Kind[];
  const total = kinds.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0);
  const kindOf = (word: number): Kind => {
    let rest = word % total;
    for (const kind of kinds) {
      rest -= mix[kind] ?? 0;
      if (rest < 0) return kind;
    }
    return 'nop';
  };
  return {
    decode(word) {
      const first = mix32(word);
      const second = mix32(word ^ 0x5bd1e995);
      const third = mix32(word + 0x1b873593);
      const kind = kindOf(first);
      if (kind === 'xsetbv') return xsetbvPhrase(second, third);
      if (kind === 'mark') return markPhrase(vocabulary.processor, second, third);
      if (kind === 'survey') return surveyPhrase(vocabulary.processor, second);
      if (kind === 'dma') {
        const transfer = transferOf(vocabulary.dma, second, third);
        return transfer === undefined ? [NOP] : transferPhrase(transfer);
      }
      const operation = operationOf(vocabulary, kind, second, third, startTsc, endTsc);
      if (kind === 'timedEvent' && third % 2 === 1) return withWait(vocabulary, operation, third >>> 1);
      if (kind === 'write' && third % 8 > 3) return withHandover(vocabulary, operation, third >>> 3);
      return [operation];
    },
  };
}

const pick = <T>(list: readonly T[], word: number): T | undefined => list[word % list.length];

function operationOf(
  vocabulary: Vocabulary,
  kind: Exclude<Kind, 'xsetbv' | 'mark' | 'survey' | 'dma'>,
  a: number,
  b: number,
  startTsc: number,
  endTsc: number,
): Operation {
  switch (kind) {
    case 'read':
      return access(pick(vocabulary.windows, a), b, address => ({ kind: 'read', address, sizeBytes: 8 }));
    case 'write':
      return store(writableWindow(vocabulary, a), a >>> 1, b);
    case 'probe': {
      if (vocabulary.stoppingReasons.has(vocabulary.faultReason)) return NOP;
      return forbidden(vocabulary, a, b);
    }
    case 'vmcall':
    case 'userVmcall': {
      if (kind === 'userVmcall' && vocabulary.stoppingReasons.has(18)) return NOP;
      const call = pick(vocabulary.vmcalls, a);
      return call === undefined ? NOP : { kind: 'vmcall', low: call.number, high: 0, cpl: kind === 'vmcall' ? 0 : 3 };
    }
    case 'undeclared':
      return undeclaredCall(vocabulary, a, b);
    case 'trap': {
      const trap = pick(vocabulary.traps, a);
      return trap === undefined
        ? NOP
        : {
            kind: 'exit',
            reason: trap.number,
            qualification: b & 0xff,
            interruptInfo: trap.number === 0 ? OTHER_EXCEPTION : 0,
          };
    }
    case 'unknownExit':
      return { kind: 'exit', reason: 60 + (a % 6), qualification: 0, interruptInfo: 0 };
    case 'timedEvent':
      return timedEvent(vocabulary, a, b, startTsc, endTsc);
    case 'load':
      return { kind: 'load', register: b % 16, low: a, high: mix32(b) };
    case 'stop': {
      if (b % 2 === 0 && vocabulary.stoppingReasons.has(vocabulary.faultReason))
        return forbidden(vocabulary, a, b >>> 1);
      const stop = pick(vocabulary.stops, a);
      if (stop === undefined) return NOP;
      if (stop.kind === 'vmcall') return { kind: 'vmcall', low: stop.number, high: 0, cpl: 0 };
      return {
        kind: 'exit',
        reason: stop.number,
        qualification: 0,
        interruptInfo: stop.number === 0 ? OTHER_EXCEPTION : 0,
      };
    }
    case 'fpu':
      return fpuOperation(vocabulary.processor, a, b);
    case 'msr':
      return msrOperation(vocabulary.processor, a, b);
    case 'port':
      return portOperation(vocabulary.processor, a, b);
    case 'controlRegister':
      return controlRegisterOperation(vocabulary.processor, a, b);
    case 'hlt':
      return vocabulary.haltExits && vocabulary.stoppingReasons.has(12) ? NOP : { kind };
    case 'rdtsc':
      return vocabulary.rdtscExits && vocabulary.stoppingReasons.has(16) ? NOP : { kind };
    default:
      return { kind };
  }
}

function access(window: Window | undefined, word: number, make: (address: number) => Operation): Operation {
  if (window === undefined) return NOP;
  const pages = Math.max(1, Math.floor(window.sizeBytes / 0x1000));
  const page = word % 4 === 0 ? (word >>> 8) % pages : 0;
  return make(window.address + page * 0x1000 + ((word >>> 2) % FAVOURITE_OFFSETS) * 8);
}

/** An access that the subject's tables must refuse: outside of what is mapped, or a write to what it may only read. */
function forbidden(vocabulary: Vocabulary, a: number, b: number): Operation {
  const write = (address: number): Operation => ({ kind: 'write', address, sizeBytes: 8, low: a, high: 0 });
  if (b % 3 === 0) return access(pick(vocabulary.readOnlyWindows, a), b >>> 2, write);
  const address = pick(vocabulary.probes, a);
  if (address === undefined) return NOP;
  return b % 3 === 1 ? { kind: 'read', address, sizeBytes: 8 } : write(address);
}

/** A subject that sets its timer and then waits: only so does its group get into a list of timers. */
function withWait({ vmcalls }: Vocabulary, timer: Operation, word: number): readonly Operation[] {
  const waits = vmcalls.filter(call => call.action === 'subject_sleep' || call.action === 'subject_yield');
  const call = pick(waits, word);
  return call === undefined ? [timer] : [timer, { kind: 'vmcall', low: call.number, high: 0, cpl: 0 }];
}

/** A monitor that changes the state of its subject and then lets it run. */
function withHandover({ windows, vmcalls }: Vocabulary, write: Operation, word: number): readonly Operation[] {
  if (write.kind !== 'write') return [write];
  const isState = windows.some(
    ({ purpose, address }) => purpose === 'state' && write.address >= address && write.address < address + 0x1000,
  );
  const handovers = vmcalls.filter(call => call.mode === 'switch' && call.targetAction !== 'reset');
  const call = isState ? pick(handovers, word) : undefined;
  return call === undefined ? [write] : [write, { kind: 'vmcall', low: call.number, high: 0, cpl: 0 }];
}

/** Half of the stores go to places that decide what runs, where the subject has any. */
function writableWindow({ writableWindows }: Vocabulary, a: number): Window | undefined {
  const decisive = a % 2 === 0 ? writableWindows.filter(window => window.purpose !== 'memory') : [];
  return pick(decisive.length > 0 ? decisive : writableWindows, a >>> 1);
}

function store(window: Window | undefined, a: number, b: number): Operation {
  if (window === undefined) return NOP;
  if (window.purpose === 'interface')
    return { kind: 'write', address: window.address, sizeBytes: 4, low: b % 4, high: 0 };
  if (window.purpose === 'state' && b % 8 !== 0) {
    const { offset, accepted, refused } = pick(WEIGHTED_FIELDS, a >>> 4)!;
    const low = pick((b >>> 3) % 4 === 0 ? refused : accepted, b >>> 5)!;
    return { kind: 'write', address: window.address + offset, sizeBytes: 4, low, high: 0 };
  }
  return access(window, b, address => ({ kind: 'write', address, sizeBytes: 8, low: mix32(a + b), high: b & 0xff }));
}

function undeclaredCall(vocabulary: Vocabulary, a: number, b: number): Operation {
  if (b % 4 === 0) return { kind: 'vmcall', low: 64 + (a % 192), high: 0, cpl: 0 };
  if (b % 4 === 1) return { kind: 'vmcall', low: pick(vocabulary.vmcalls, a)?.number ?? 0, high: 1 + (a % 7), cpl: 0 };
  return { kind: 'vmcall', low: pick(vocabulary.undeclared, a) ?? 64, high: 0, cpl: 0 };
}

/** Triggers of timed events that several subjects choose, so that timers expire together. */
export const COMMON_TRIGGERS = 5;

function timedEvent(vocabulary: Vocabulary, a: number, b: number, startTsc: number, endTsc: number): Operation {
  const share = a % 4 === 0 ? (a >>> 2) / 2 ** 30 : ((a >>> 2) % COMMON_TRIGGERS) / COMMON_TRIGGERS;
  const trigger = startTsc + share * (endTsc - startTsc);
  const event = pick(vocabulary.vmcalls, b >>> 8)?.number ?? 63;
  const low = Math.floor(trigger) % 2 ** 32;
  return {
    kind: 'timedEvent',
    low,
    high: Math.floor(trigger / 2 ** 32),
    event: b % 4 === 0 ? (pick(vocabulary.undeclared, b >>> 8) ?? 63) : event,
  };
}
