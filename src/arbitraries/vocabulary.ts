import { subjectGrants } from '../model/grants.ts';
import type { PolicyDocument, Subject } from '../policy/document.ts';
import { type DmaTarget, dmaTargets } from './dma-vocabulary.ts';
import { type ProcessorVocabulary, processorVocabulary } from './processor-vocabulary.ts';

/** Exit reasons that a subject or the platform under it can cause and that Muen leaves to the subject's trap table. */
const TRAP_REASONS: readonly number[] = [
  0, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34,
  36, 37, 39, 40, 43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 56, 57, 58, 59,
];
const SYSTEM_ACTIONS: readonly string[] = ['system_panic', 'system_reboot', 'system_poweroff'];
const ALL_EVENTS = 64;

/** Stretch of a subject's address space. */
export interface Window {
  readonly address: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
  /** What the bytes mean: a subject's state page, the page that names the next major frame, or just memory. */
  readonly purpose: 'memory' | 'state' | 'interface';
  /** Its memory holds the vectors that are pending for a subject. */
  readonly holdsVectors: boolean;
}

/** One source event of a subject. */
export interface Notification {
  readonly kind: 'vmcall' | 'exit';
  readonly number: number;
  readonly event: string;
  /** Target subject, empty for an event of the kernel. */
  readonly target: string;
  readonly mode: string;
  readonly action: string;
  /** What the target does with the event: none, inject_interrupt, reset. */
  readonly targetAction: string;
}

/** What programs of a subject are made of: the places and numbers that mean something in its policy. */
export interface Vocabulary {
  readonly subject: string;
  readonly windows: readonly Window[];
  readonly writableWindows: readonly Window[];
  readonly readOnlyWindows: readonly Window[];
  /** Addresses next to the borders of what is mapped, and places where other subjects have something. */
  readonly probes: readonly number[];
  readonly vmcalls: readonly Notification[];
  readonly traps: readonly Notification[];
  /** vmcall numbers without an event. */
  readonly undeclared: readonly number[];
  /** Notifications that stop the whole system; kept apart from `vmcalls` and `traps`, because nothing happens after them. */
  readonly stops: readonly Notification[];
  /** Exit reasons on which the subject's trap table stops the system. */
  readonly stoppingReasons: ReadonlySet<number>;
  /** Reason of the exit that a forbidden memory access causes. */
  readonly faultReason: number;
  readonly haltExits: boolean;
  readonly rdtscExits: boolean;
  readonly processor: ProcessorVocabulary;
  /** Devices that do DMA as the subject says. */
  readonly dma: readonly DmaTarget[];
}

const PURPOSES: Readonly<Record<string, Window['purpose']>> = { subject_state: 'state', kernel_interface: 'interface' };

/** Derives the vocabulary of every subject, in policy order. */
export function vocabularies(document: PolicyDocument): readonly Vocabulary[] {
  const foreign = document.memory
    .filter(region => region.type.startsWith('subject'))
    .map(region => region.physicalAddress);
  const types = new Map(document.memory.map(region => [region.name, region.type]));
  return document.subjects.map(subject => {
    const windows = subjectGrants(document, subject).map(
      (grant): Window => ({
        address: grant.va,
        sizeBytes: grant.sizeBytes,
        writable: grant.writable,
        purpose: PURPOSES[types.get(grant.name) ?? ''] ?? 'memory',
        holdsVectors: types.get(grant.name) === 'subject_interrupts',
      }),
    );
    const notifications = subject.sourceGroups.flatMap(group =>
      group.events.map(event => notification(document, group.name, event)),
    );
    const goes = notifications.filter(row => !stopsSystem(row));
    const declared = new Set(notifications.filter(row => row.kind === 'vmcall').map(row => row.number));
    const handled = new Set(goes.filter(row => row.kind === 'exit').map(row => row.number));
    const stoppingReasons = new Set(TRAP_REASONS.concat(18).filter(reason => !handled.has(reason)));
    return {
      subject: subject.name,
      windows,
      writableWindows: windows.filter(window => window.writable),
      readOnlyWindows: windows.filter(window => !window.writable),
      probes: probes(windows, foreign),
      vmcalls: goes.filter(row => row.kind === 'vmcall'),
      traps: goes.filter(row => row.kind === 'exit' && TRAP_REASONS.includes(row.number)),
      undeclared: Array.from({ length: ALL_EVENTS }, (_, number) => number).filter(number => !declared.has(number)),
      stops: notifications.filter(
        row => stopsSystem(row) && (row.kind === 'vmcall' || TRAP_REASONS.includes(row.number)),
      ),
      stoppingReasons,
      faultReason: subject.vcpu.controls.proc2.EnableEPT === 1 ? 48 : 0,
      haltExits: subject.vcpu.controls.proc.HLTExiting === 1,
      rdtscExits: subject.vcpu.controls.proc.RDTSCExiting === 1,
      processor: processorVocabulary(document, subject, stoppingReasons),
      dma: dmaTargets(document, subject),
    };
  });
}

/** True if the notification stops the whole system, which every other subject notices. */
export const stopsSystem = (row: Notification): boolean => SYSTEM_ACTIONS.includes(row.action);

function notification(
  document: PolicyDocument,
  group: 'vmx_exit' | 'vmcall',
  event: Subject['sourceGroups'][number]['events'][number],
): Notification {
  const target = document.subjects.find(subject =>
    subject.targetEvents.some(candidate => candidate.physical === event.physical),
  );
  return {
    kind: group === 'vmcall' ? 'vmcall' : 'exit',
    number: event.id,
    event: event.physical,
    target: target?.name ?? '',
    mode: document.events.find(candidate => candidate.name === event.physical)?.mode ?? 'kernel',
    action: event.action?.kind ?? 'none',
    targetAction: target?.targetEvents.find(candidate => candidate.physical === event.physical)?.action?.kind ?? 'none',
  };
}

function probes(windows: readonly Window[], foreign: readonly number[]): number[] {
  const borders = windows
    .flatMap(window => [window.address - 8, window.address + window.sizeBytes])
    .filter(address => address >= 0);
  return [...new Set([...borders, ...foreign])];
}
