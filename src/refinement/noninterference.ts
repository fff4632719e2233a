import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { FRAME_WORDS } from '../impl/memory.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import { vmcsWord } from '../impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../impl/vmx/vmcs-fields.ts';
import { type Grant, subjectGrants } from '../model/grants.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { PAGE_SIZE_BYTES } from '../units/address.ts';
import { digestWords, formatDigest } from '../units/digest.ts';
import { mix32 } from '../units/rng.ts';

/** Exit information, which is the kernel's. */
const EXIT_INFORMATION: readonly string[] = ['GUEST_PHYSICAL_ADDRESS', 'GUEST_LINEAR_ADDRESS'];
/** What the guest-state area holds of a subject, and the read shadows: all that it can read or that decides how it executes. */
const VISIBLE_FIELDS = VMCS_FIELDS.filter(
  ({ name }) => name.startsWith('GUEST_') && !EXIT_INFORMATION.includes(name),
).map(({ name }) => name);
const VISIBLE_WORDS = Uint16Array.from(
  [...VISIBLE_FIELDS, 'CR0_SHADOW', 'CR4_SHADOW'].flatMap(name => [vmcsWord(name), vmcsWord(name) + 1]),
);

/** One retired operation as the subject experienced it. */
export interface Observation {
  /** Hash of registers, value read, vectors delivered and exit. */
  readonly hash: number;
  readonly low: number;
  readonly high: number;
  readonly vectors: string;
  readonly exit: number;
}

/** What a subject sees in a run: its operations in order, each with everything it could know by then. */
export class SubjectView implements SystemObserver {
  readonly subject: number;
  readonly hashes: number[] = [];
  /** TSC of each operation. */
  readonly times: number[] = [];
  /** Kept only when differences are to be explained. */
  readonly details: Observation[] | undefined;
  readonly #system: System;

  constructor(system: System, subject: number, withDetails: boolean) {
    this.#system = system;
    this.subject = subject;
    this.details = withDetails ? [] : undefined;
  }

  onOperation(cpu: Cpu, subject: number, hosted: HostedSubject, exit: ExitCause | undefined): void {
    if (subject !== this.subject) return;
    const { words } = this.#system.memory;
    const base = cpu.vmcsSlot * FRAME_WORDS;
    let hash = 0x811c9dc5;
    for (let word = 0; word < cpu.registers.length; word++) hash = Math.imul(hash ^ cpu.registers[word]!, 0x01000193);
    for (const word of VISIBLE_WORDS) hash = Math.imul(hash ^ words[base + word]!, 0x01000193);
    hash = Math.imul(hash ^ hosted.low, 0x01000193);
    hash = Math.imul(hash ^ hosted.high, 0x01000193);
    for (const vector of hosted.vectors) hash = Math.imul(hash ^ (vector + 1), 0x01000193);
    hash = mix32(hash ^ (exit === undefined ? 0 : exit.reason + 1));
    this.hashes.push(hash);
    this.times.push(cpu.tsc);
    this.details?.push({
      hash,
      low: hosted.low,
      high: hosted.high,
      vectors: hosted.vectors.join(' '),
      exit: exit?.reason ?? -1,
    });
  }
}

/** Two views at once, for pair runs: the one that must not differ, and the one that must. */
export class PairObserver implements SystemObserver {
  readonly low: SubjectView;
  readonly high: SubjectView;

  constructor(system: System, low: number, high: number, withDetails: boolean) {
    this.low = new SubjectView(system, low, withDetails);
    this.high = new SubjectView(system, high, withDetails);
  }

  onOperation(cpu: Cpu, subject: number, hosted: HostedSubject, exit: ExitCause | undefined): void {
    this.low.onOperation(cpu, subject, hosted, exit);
    this.high.onOperation(cpu, subject, hosted, exit);
  }
}

/** Index of the first operation that two views of a subject disagree on, prefix against prefix; -1 if there is none. */
export function firstViewDifference(left: SubjectView, right: SubjectView): number {
  const common = Math.min(left.hashes.length, right.hashes.length);
  for (let index = 0; index < common; index++) {
    if (left.hashes[index] !== right.hashes[index]) return index;
  }
  return -1;
}

/** Physical frames that a subject can read, by the policy's declarations. */
export class ReadableFrames {
  readonly #grants: readonly Grant[];

  constructor(document: PolicyDocument, subject: string) {
    const declared = document.subjects.find(row => row.name === subject);
    this.#grants = declared === undefined ? [] : subjectGrants(document, declared);
  }

  has(frame: number): boolean {
    return this.grantOf(frame) !== undefined;
  }

  /** The declaration by which the subject can read a frame. */
  grantOf(frame: number): Grant | undefined {
    const address = frame * PAGE_SIZE_BYTES;
    return this.#grants.find(({ pa, sizeBytes }) => address >= pa && address < pa + sizeBytes);
  }

  /** A frame in the words of the policy. */
  describe(frame: number): string {
    const grant = this.grantOf(frame);
    const region = grant === undefined ? '' : `region '${grant.name}' (policy line ${grant.line}), `;
    return `${region}frame 0x${frame.toString(16)}`;
  }
}

/** Contents of the readable frames that a run changed, as digests by frame number. */
export function readableMemory(system: System, frames: ReadableFrames): ReadonlyMap<number, string> {
  const contents = new Map<number, string>();
  for (const slot of system.memory.changedSlots()) {
    const frame = system.memory.frameOfSlot(slot);
    if (frames.has(frame))
      contents.set(frame, formatDigest(digestWords(system.memory.words, slot * FRAME_WORDS, FRAME_WORDS, 0)));
  }
  return contents;
}

/** First frame whose content differs between two runs, -1 if all are equal. */
export function firstMemoryDifference(left: ReadonlyMap<number, string>, right: ReadonlyMap<number, string>): number {
  for (const [frame, digest] of left) if (right.get(frame) !== digest) return frame;
  for (const frame of right.keys()) if (!left.has(frame)) return frame;
  return -1;
}
