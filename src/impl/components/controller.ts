import type { HostedSoftware } from '../hosted.ts';
import { call, pause, type RoundState, readWide, roundSoftware, type Steps, writeWide } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { address, some, table } from './entry-parts.ts';
import { CONTROL, Command, ERROR_STATE, NO_WATCHDOG, State } from './init-protocol.ts';
import { type Column, readRows, writeRows } from './parameter-rows.ts';
import type { PolicyFacts } from './policy-facts.ts';

/** Muen's controller: brings managed subjects to life by commands, and again when their slot is to be reset. */

export interface ManagedSubject {
  readonly controlAddress: number;
  readonly statusAddress: number;
  /** It needs no commands. */
  readonly isSelfGoverned: boolean;
  /** It is reset with its slot. */
  readonly isInSlot: boolean;
  /** Events that reset it. */
  readonly resetEvents: readonly number[];
}

export interface ControllerConfig {
  readonly subjects: readonly ManagedSubject[];
  /** Memory is erased before it is prepared. */
  readonly erases: boolean;
  /** Its own pending-interrupts page and the vector of requests to reset the slot; it takes interrupts from there. */
  readonly requests: { readonly address: number; readonly vector: number } | undefined;
}

type Phase =
  | 'start'
  | 'initial'
  | 'syncing'
  | 'erasing'
  | 'preparing'
  | 'validating'
  | 'running'
  | 'self-control'
  | 'finished'
  | 'error'
  | 'resetting';

interface Lifecycle {
  readonly phase: Phase;
  readonly epoch: bigint;
  /** Its slot is to be reset. */
  readonly isResetDue: boolean;
}

interface ControllerState {
  readonly subjects: readonly Lifecycle[];
  readonly turn: number;
}

function nextPhase({ phase, isResetDue }: Lifecycle, subject: ManagedSubject, erases: boolean, status: bigint): Phase {
  const failed = (status & ERROR_STATE) !== 0n;
  const when = (state: bigint, next: Phase): Phase => (status === state ? next : failed ? 'error' : phase);
  switch (phase) {
    case 'start':
    case 'resetting':
      return 'initial';
    case 'initial':
      if (subject.isSelfGoverned) return 'self-control';
      return status === State.initial ? 'syncing' : phase;
    case 'syncing':
      return status === State.synced ? (erases ? 'erasing' : 'preparing') : phase;
    case 'erasing':
      return when(State.erased, 'preparing');
    case 'preparing':
      return when(State.prepared, 'validating');
    case 'validating':
      return when(State.validated, 'running');
    case 'running':
    case 'self-control':
      return isResetDue ? 'resetting' : when(State.finished, 'finished');
    case 'finished':
    case 'error':
      return isResetDue ? 'resetting' : phase;
  }
}

const COMMANDS: Partial<Record<Phase, bigint>> = {
  syncing: Command.sync,
  erasing: Command.erase,
  preparing: Command.prepare,
  validating: Command.validate,
  running: Command.run,
  'self-control': Command.selfControl,
  resetting: Command.nop,
};

function* enter(subject: ManagedSubject, phase: Phase, epoch: bigint): Steps<void> {
  const { controlAddress } = subject;
  if (phase === 'initial') {
    yield* writeWide(controlAddress + CONTROL.command, subject.isSelfGoverned ? Command.selfControl : Command.nop);
    yield* writeWide(controlAddress + CONTROL.epoch, epoch);
    yield* writeWide(controlAddress + CONTROL.watchdog, NO_WATCHDOG);
  }
  const command = COMMANDS[phase];
  if (command !== undefined) yield* writeWide(controlAddress + CONTROL.command, command);
  if (phase === 'resetting') for (const event of subject.resetEvents) yield* call(event);
}

/** Takes a request to reset the slot, if one is pending. */
function* takeRequest({ address, vector }: NonNullable<ControllerConfig['requests']>): Steps<boolean> {
  const word = address + 8 * Math.floor(vector / 64);
  const pending = yield* readWide(word);
  const bit = 1n << BigInt(vector % 64);
  if ((pending & bit) === 0n) return false;
  yield* writeWide(word, pending & ~bit);
  return true;
}

export function controller({
  subjects,
  erases,
  requests,
}: ControllerConfig): HostedSoftware<RoundState<ControllerState>> {
  const first: ControllerState = {
    subjects: subjects.map(() => ({ phase: 'start', epoch: 0n, isResetDue: false })),
    turn: 0,
  };
  return roundSoftware<ControllerState>('controller', first, function* (state) {
    const subject = subjects[state.turn];
    const life = state.subjects[state.turn];
    if (subject === undefined || life === undefined) {
      yield* pause();
      const isReset = requests !== undefined && (yield* takeRequest(requests));
      const marked = state.subjects.map((known, at) =>
        isReset && subjects[at]!.isInSlot ? { ...known, isResetDue: true } : known,
      );
      return { subjects: marked, turn: 0 };
    }
    const status = yield* readWide(subject.statusAddress);
    const phase = nextPhase(life, subject, erases, status);
    const next: Lifecycle = {
      phase,
      epoch: phase === 'initial' && life.phase !== phase ? life.epoch + 1n : life.epoch,
      isResetDue: life.isResetDue && phase !== 'resetting',
    };
    if (phase !== life.phase) yield* enter(subject, phase, next.epoch);
    return { subjects: state.subjects.map((known, at) => (at === state.turn ? next : known)), turn: state.turn + 1 };
  });
}

const MANAGED: readonly Column[] = ['number', 'number', ['self', 'controlled'], ['slot', 'fixed']];

/** Subjects of a controller in the order of its control pages. */
function managedRows(facts: PolicyFacts): readonly (readonly (number | string)[])[] {
  const resets = facts.events.map(({ id, physical }) => ({
    id,
    targets: facts.resetBy(physical).map(row => row.name),
  }));
  return facts.subject.memory.flatMap(control => {
    const number = /^control_(\d+)$/.exec(control.logical)?.[1];
    const status = number === undefined ? undefined : facts.mapping(`status_${number}`);
    const region = facts.region(control);
    if (status === undefined || region === undefined) return [];
    const members = facts.writersOf(status.physical).filter(({ name }) => name !== facts.subject.name);
    const own = resets.filter(({ targets }) => members.some(({ name }) => targets.includes(name))).map(({ id }) => id);
    const isInSlot = own.length > 0 || members.some(({ name }) => isLoaderOf(facts, name, resets));
    // A page of ones in the image says that the subject starts by itself; one that is reset is led through its start again.
    const isSelf = !isInSlot && region.content?.kind === 'fill' && region.content.pattern === 0xff;
    const events = own.length > 0 ? resets.filter(({ targets }) => targets.length > 0).map(({ id }) => id) : [];
    return [
      [
        control.virtualAddress,
        status.virtualAddress,
        isSelf ? 'self' : 'controlled',
        isInSlot ? 'slot' : 'fixed',
        ...events,
      ],
    ];
  });
}

/** True if a subject has the memory of one that an event resets. */
function isLoaderOf(
  facts: PolicyFacts,
  name: string,
  resets: readonly { readonly targets: readonly string[] }[],
): boolean {
  const loader = facts.document.subjects.find(row => row.name === name);
  const targets = resets.flatMap(row => row.targets);
  return targets.some(target => loader?.memory.some(({ physical }) => physical.startsWith(`${target}|`)) === true);
}

export const controllerEntry: ComponentEntry = {
  title: 'Controller: starts managed subjects by commands, and again when their slot is to be reset',
  limits:
    'no dependencies between subjects, no watchdogs, one slot, no debug log; memory is erased first only if told to; which subjects it commands follows from the contents of control pages and from its reset events, since its configuration is not in the policy',
  parameters: {
    subjects: table(
      'managed subjects: control page, status page, self or controlled, slot or fixed, then the events that reset it',
      MANAGED,
      'number',
    ),
    erases: { kind: 'number', meaning: '1 to erase memory before it is prepared', fallback: 0, max: 1 },
    pendingAddress: address('its own pending interrupts', 0),
    requestVector: { kind: 'number', meaning: 'vector of a request to reset the slot', fallback: 0, max: 255 },
  },
  recognises: facts => hasFile(facts, 'controller') && facts.address('control_1') !== undefined,
  parametersOf: facts =>
    present({
      subjects: writeRows(managedRows(facts)),
      pendingAddress: facts.address('pending_interrupts'),
      requestVector: facts.vector('request_reset_slot_1'),
    }),
  create: given => {
    const pending = some(given.number('pendingAddress'));
    return controller({
      subjects: readRows(given.text('subjects'), MANAGED, 'number').map(
        ([control, status, kind, slot, ...events]): ManagedSubject => ({
          controlAddress: Number(control),
          statusAddress: Number(status),
          isSelfGoverned: kind === 'self',
          isInSlot: slot === 'slot',
          resetEvents: events.map(Number),
        }),
      ),
      erases: given.number('erases') === 1,
      requests: pending === undefined ? undefined : { address: pending, vector: given.number('requestVector') },
    });
  },
};
