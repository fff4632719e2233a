import type { CheckContext } from '../src/engine/property.ts';
import { EXIT_REASONS, ExitReasonCode } from '../src/impl/vmx/exit-reasons.ts';
import { irqGrants } from '../src/model/irq-grants.ts';
import type { PolicyDocument, SourceEvent, Subject } from '../src/policy/document.ts';
import type { Divergence } from '../src/refinement/divergence.ts';

/** A fact with the policy lines that state it. */
interface Fact {
  readonly text: string;
  readonly lines: readonly number[];
}

const hex = (value: number): string => (value > 9 ? `0x${value.toString(16)}` : String(value));

/** What the policy says about a source event. */
function eventFact({ subjects, events }: PolicyDocument, { physical, action, at }: SourceEvent): Fact {
  const mode = events.find(({ name }) => name === physical)?.mode ?? 'kernel';
  const targets = subjects.flatMap(subject =>
    subject.targetEvents.filter(target => target.physical === physical).map(target => ({ subject, target })),
  );
  const [first] = targets;
  const effect =
    first === undefined
      ? `the kernel does: ${action?.kind.replaceAll('_', ' ') ?? 'nothing'}`
      : `its target is event ${first.target.id} of ${first.subject.name} (line ${first.target.at.line})`;
  const own = first !== undefined && action !== undefined ? `, and ${action.kind.replaceAll('_', ' ')}` : '';
  const target = first === undefined ? [] : [first.target.at.line];
  return { text: `the policy calls it '${physical}', mode ${mode}: ${effect}${own}`, lines: [at.line, ...target] };
}

const sourceOf = (subject: Subject | undefined, group: 'vmcall' | 'vmx_exit', id: number): SourceEvent | undefined =>
  subject?.sourceGroups.find(({ name }) => name === group)?.events.find(event => event.id === id);

function eventOf(document: PolicyDocument, event: SourceEvent | undefined, none: string): Fact {
  return event === undefined ? { text: none, lines: [] } : eventFact(document, event);
}

/** The interrupt that arrived, and to whom the policy gives it. */
function interruptFact(document: PolicyDocument, vector: number): Fact {
  const grant = irqGrants(document).find(row => row.vector === vector);
  return grant === undefined
    ? { text: `vector ${vector}, which the policy gives to nobody`, lines: [] }
    : { text: `vector ${vector}, '${grant.name}', which the policy gives to ${grant.owner}`, lines: [grant.line] };
}

/** The minor frames of a CPU. */
function planFact({ scheduling }: PolicyDocument, cpu: number): Fact {
  const plan = scheduling.majorFrames[0]?.cpus.find(({ id }) => id === cpu);
  return { text: `a minor frame of CPU ${cpu} is over`, lines: plan === undefined ? [] : [plan.at.line] };
}

/** What made the kernel run, and what the policy says about it. */
function causeOf({ document }: CheckContext, { subject: name, exitReason, operand, privilege, cpu }: Divergence): Fact {
  const subject = document.subjects.find(row => row.name === name);
  switch (exitReason) {
    case ExitReasonCode.vmcall: {
      const fact = eventOf(document, sourceOf(subject, 'vmcall', operand), 'the policy has no such event');
      const level = privilege === 0 ? '' : ` from privilege level ${privilege}, where calls are traps`;
      return { ...fact, text: `${name} calls the kernel by VMCALL ${hex(operand)}${level}: ${fact.text}` };
    }
    case ExitReasonCode.externalInterrupt: {
      const fact = interruptFact(document, operand);
      return { ...fact, text: `an external interrupt arrives while ${name} runs: ${fact.text}` };
    }
    case ExitReasonCode.preemptionTimer: {
      const fact = planFact(document, cpu);
      return { ...fact, text: `the VMX-preemption timer stops ${name}: ${fact.text}` };
    }
    default: {
      const what = EXIT_REASONS[exitReason]?.name ?? 'unknown';
      const isOwn = exitReason === ExitReasonCode.interruptWindow || exitReason === ExitReasonCode.xsetbv;
      const none = isOwn ? 'the kernel handles it itself' : 'the policy has no event for it, so it stops the system';
      const fact = eventOf(document, isOwn ? undefined : sourceOf(subject, 'vmx_exit', exitReason), none);
      return { ...fact, text: `${name} exits for reason ${exitReason}, ${what}: ${fact.text}` };
    }
  }
}

/** Policy lines of the subjects and partitions that a text names. */
function linesNamed({ subjects, scheduling }: PolicyDocument, text: string): readonly number[] {
  const words = new Set(text.split(/[^A-Za-z0-9_.-]+/));
  const partitions = scheduling.partitions.filter(({ name }) => text.includes(`partition ${name}`));
  return [...subjects.filter(({ name }) => words.has(name)), ...partitions].map(({ at }) => at.line);
}

/** Says what made the kernel run, what then differed from the model, and which policy lines speak about it. */
export function explainDivergence(
  context: CheckContext,
  divergence: Divergence,
): { readonly explanation: readonly string[]; readonly policyLines: readonly number[] } {
  const { document } = context;
  const { what, step, cpu, nowTsc, isAtBoot, subject } = divergence;
  if (isAtBoot) {
    return {
      explanation: [
        'Let the implementation boot the system of the policy, and the model start as the policy says.',
        `Then, before any subject has run, ${what}.`,
      ],
      policyLines: [...new Set(linesNamed(document, what))],
    };
  }
  const cause = causeOf(context, divergence);
  const lines = [...cause.lines, ...linesNamed(document, `${subject} ${what}`)].filter(line => line > 0);
  return {
    explanation: [
      `Let the implementation and the model be in the same state before kernel step ${step}, on CPU ${cpu}.`,
      `Then at TSC ${nowTsc} ${cause.text}.`,
      `Then ${what}: the implementation does what the model does not allow.`,
    ],
    policyLines: [...new Set(lines)],
  };
}
