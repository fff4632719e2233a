import type { ScenarioSoftware } from '../../src/engine/property.ts';
import type { PolicyDocument, Subject } from '../../src/policy/document.ts';

/*
 * Machine code that brings the CPU to every subject of a scheduling group that is reached by handovers only: each member hands over
 * to that subject, or in turn to all that its policy lets it, for ever, and a monitor resumes what it monitors behind the instruction that trapped.
 */

/** Offsets in the state page of a subject (Muen, type Subject_State_Type). */
const STATE = { exitReason: 128, instructionLength: 144, rip: 164, cr4: 204 } as const;
const ENTRY_FAILURE = 33;
const TRIPLE_FAULT = 2;

const little = (value: number, bytes: number): string =>
  Array.from({ length: bytes }, (_, index) =>
    (Math.floor(value / 256 ** index) % 256).toString(16).padStart(2, '0'),
  ).join('');

/** A conditional jump over some code. */
const skipIf = (opcode: string, code: string): string => `${opcode}${little(code.length / 2, 1)}${code}`;
const JE = '74';
const JNE = '75';

/** MOV EAX, number; VMCALL. */
const vmcall = (number: number): string => `b8${little(number, 4)}0f01c1`;

/** The code and a JMP to its first byte. */
const forever = (code: string): string => `${code}e9${little(2 ** 32 - (code.length / 2 + 5), 4)}`;

/** Compares the low half of the exit reason, at RBX, with a number. */
const compareReason = (reason: number): string => `6683bb${little(STATE.exitReason, 4)}${little(reason, 1)}`;

/** Makes the monitored subject ready to be entered: behind its instruction, or reset if it cannot go on. */
function revive(stateAddress: number, resetEvent: number | undefined): string {
  const reset = resetEvent === undefined ? '' : vmcall(resetEvent);
  // TEST CR4.VMXE: an entry that fails although the bit is set found a state that no entry accepts.
  const resetIfInvalid = `f683${little(STATE.cr4 + 1, 4)}20${skipIf(JE, reset)}`;
  const advance = `8b83${little(STATE.instructionLength, 4)}480183${little(STATE.rip, 4)}`;
  return [
    `48bb${little(stateAddress, 8)}`,
    compareReason(TRIPLE_FAULT),
    skipIf(JNE, reset),
    compareReason(ENTRY_FAILURE),
    skipIf(JNE, resetIfInvalid),
    compareReason(ENTRY_FAILURE),
    skipIf(JE, advance),
    // OR CR4.VMXE, without which the subject cannot be entered.
    `808b${little(STATE.cr4 + 1, 4)}20`,
  ].join('');
}

interface Handover {
  readonly id: number;
  readonly target: string;
  readonly resets: boolean;
}

/** vmcall events of a subject that hand the CPU to others. */
function handovers(document: PolicyDocument, subject: Subject): readonly Handover[] {
  const modes = new Map(document.events.map(({ name, mode }) => [name, mode]));
  const targets = new Map(
    document.subjects.flatMap(({ name, targetEvents }) =>
      targetEvents.map(
        ({ physical, action }) => [physical, { target: name, resets: action?.kind === 'reset' }] as const,
      ),
    ),
  );
  const group = subject.sourceGroups.find(({ name }) => name === 'vmcall');
  return (group?.events ?? []).flatMap(({ id, physical }) => {
    const target = targets.get(physical);
    return target === undefined || modes.get(physical) !== 'switch' ? [] : [{ id, ...target }];
  });
}

/** Relays of the other subjects in the scheduling group of `attacker`; none if it is alone in its group. */
export function handoverRelays(
  document: PolicyDocument,
  attacker: string,
  entryOf: (subject: string) => number,
): readonly ScenarioSoftware[] {
  const group = document.subjects.find(({ name }) => name === attacker)!.schedGroupId;
  const members = document.subjects.filter(({ name, schedGroupId }) => schedGroupId === group && name !== attacker);
  return members.map(subject => {
    const events = handovers(document, subject);
    const state = subject.memory.find(({ logical }) => logical === 'monitor_state');
    const reset = events.find(({ resets }) => resets)?.id;
    const onward = events.filter(({ resets }) => !resets);
    const direct = onward.filter(({ target }) => target === attacker);
    const calls = (direct.length === 0 ? onward : direct).map(({ id }) => vmcall(id));
    // CPUID traps in a subject that hands over by its traps.
    const body = calls.length === 0 ? '0fa2' : calls.join('');
    const hex = forever(`${state === undefined ? '' : revive(state.virtualAddress, reset)}${body}`);
    return { subject: subject.name, software: 'machine-code', parameters: { hex, address: entryOf(subject.name) } };
  });
}
