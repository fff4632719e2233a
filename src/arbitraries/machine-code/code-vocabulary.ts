import type { KernelTables } from '../../impl/muen/tables.ts';
import { subjectGrants } from '../../model/grants.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { Notification, Vocabulary } from '../vocabulary.ts';

/** What machine code of a subject is made of: the subject's vocabulary, and where code can stand. */
export interface CodeVocabulary {
  readonly words: Vocabulary;
  /** A native subject starts in 64-bit mode with paging, a VM in flat 32-bit protected mode. */
  readonly is64Bit: boolean;
  readonly entry: number;
  /** Bytes from the entry point to the end of its region, at most a page. */
  readonly roomBytes: number;
  /** Writable and executable stretches, for code that changes itself. */
  readonly scratch: readonly { readonly address: number; readonly sizeBytes: number }[];
  /** Calls and traps that the program may use. */
  readonly vmcalls: readonly Notification[];
  /** Traps are handled, so that the program may do what is forbidden; else they stop the system. */
  readonly mayTrap: boolean;
  /** The program may also use what stops the whole system. */
  readonly mayStop: boolean;
}

/** Machine-code vocabulary of a subject, undefined if the policy gives it no executable memory at its entry point. */
export function codeVocabulary(
  document: PolicyDocument,
  tables: KernelTables,
  words: Vocabulary,
  mayStop: boolean,
): CodeVocabulary | undefined {
  const subject = document.subjects.find(row => row.name === words.subject);
  const spec = tables.subjects.find(row => row.name === words.subject);
  if (subject === undefined || spec === undefined) return undefined;
  const grants = subjectGrants(document, subject).filter(grant => grant.executable);
  const home = grants.find(grant => spec.entryPoint >= grant.va && spec.entryPoint < grant.va + grant.sizeBytes);
  if (home === undefined) return undefined;
  return {
    words,
    is64Bit: subject.vcpu.controls.entry.IA32eModeGuest === 1,
    entry: spec.entryPoint,
    roomBytes: Math.min(PAGE_SIZE_BYTES, home.va + home.sizeBytes - spec.entryPoint),
    scratch: grants
      .filter(grant => grant.writable && grant !== home)
      .map(grant => ({ address: grant.va, sizeBytes: grant.sizeBytes })),
    vmcalls: mayStop ? [...words.vmcalls, ...words.stops.filter(row => row.kind === 'vmcall')] : words.vmcalls,
    mayTrap: mayStop || words.stoppingReasons.size === 0 || handlesTraps(words),
    mayStop,
  };
}

/** Traps that a guest's code can cause by itself. */
const COMMON_TRAPS = [0, 10, 12, 13, 14, 15, 16, 28, 29, 30, 31, 32, 54];

/** True if no common trap of the subject stops the system. */
export const handlesTraps = ({ stoppingReasons }: Vocabulary): boolean =>
  COMMON_TRAPS.every(reason => !stoppingReasons.has(reason));
