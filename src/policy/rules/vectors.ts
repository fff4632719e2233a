import type { PolicyNode, Subject } from '../document.ts';
import { placeOf } from '../finding.ts';
import { familyName, type PolicyIndex, usesEpt } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Vectors below are exceptions (SDM Vol. 3A, "Exception and Interrupt Vectors"). */
const FIRST_INTERRUPT = 32;
/** System call vector of Genode's base-hw on Muen and of Linux (genode.md section 1.5). */
const SYSCALL_VECTOR = 0x80;

/** An interrupt vector that the kernel injects into a subject, with what causes it. */
interface Injection {
  readonly vector: number;
  readonly what: string;
  readonly node: PolicyNode;
  /** Interrupts of one physical line come together anyway. */
  readonly irq?: number;
  /** Logical device whose interrupt it is: its registers say which of its interrupts are pending. */
  readonly device?: PolicyNode;
  /** The subject or siblings of it raise the event: they share one memory, and the timed event page shows what expired. */
  readonly isOwn: boolean;
  /** Siblings raise it, as processors of one machine interrupt each other: the vector says what for, not who. */
  readonly isFromSiblings: boolean;
}

function injections({ sources, resources }: PolicyIndex, subject: Subject): readonly Injection[] {
  const origin = (physical: string): Pick<Injection, 'isOwn' | 'isFromSiblings'> => {
    const causes = (sources.get(physical) ?? []).map(source => source.subject);
    const isOwn = causes.every(cause => familyName(cause) === familyName(subject));
    return { isOwn, isFromSiblings: isOwn && causes.length > 0 && causes.every(cause => cause !== subject) };
  };
  const events = subject.targetEvents.flatMap(node => {
    if (node.action?.kind !== 'inject_interrupt') return [];
    return [{ vector: node.action.vector, what: `event '${node.logical}'`, node, ...origin(node.physical) }];
  });
  const irqs = subject.devices.flatMap(device =>
    device.irqs.flatMap(node => {
      const irq = resources.get(device.physical)?.irqs.get(node.physical);
      if (node.vector === undefined) return [];
      const what = `IRQ '${node.logical}' of device '${device.logical}'`;
      return [
        {
          vector: node.vector,
          what,
          node,
          device,
          isOwn: false,
          isFromSiblings: false,
          ...(irq === undefined ? {} : { irq }),
        },
      ];
    }),
  );
  return [...events, ...irqs];
}

function checkExceptions(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    for (const { vector, what, node } of injections(index, subject)) {
      visit.examined();
      if (vector >= FIRST_INTERRUPT) continue;
      const message = `${what} of subject '${subject.name}' injects vector ${vector}, expected ${FIRST_INTERRUPT} .. 255`;
      visit.report(node, message, 'The subject takes it for a processor exception; use a free interrupt vector.');
    }
  }
}

/** True when the subject can tell two causes of one vector apart by what it sees besides the vector. */
const canTell = (a: Injection, b: Injection): boolean =>
  a.isOwn || b.isOwn || (a.device !== undefined && a.device === b.device);

/** Reports collisions of vectors: those in which the subject can tell the causes apart, or the others. */
const checkCollisions =
  (distinguishable: boolean, hint: string) =>
  (index: PolicyIndex, visit: Visit): void => {
    for (const subject of index.document.subjects) {
      const first = new Map<number, Injection>();
      for (const injection of injections(index, subject)) {
        visit.examined();
        const earlier = first.get(injection.vector);
        if (earlier === undefined) {
          first.set(injection.vector, injection);
          continue;
        }
        if (injection.irq !== undefined && injection.irq === earlier.irq) continue;
        if (injection.isFromSiblings && earlier.isFromSiblings) continue;
        if (canTell(injection, earlier) !== distinguishable) continue;
        const message = `${injection.what} of subject '${subject.name}' injects vector ${injection.vector}, as ${earlier.what} does (${placeOf(earlier.node)})`;
        visit.report(injection.node, message, hint);
      }
    }
  };

function checkSyscalls(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    // Native components have no system calls.
    if (!usesEpt(subject)) continue;
    for (const { vector, what, node } of injections(index, subject)) {
      visit.examined();
      if (vector !== SYSCALL_VECTOR) continue;
      const message = `${what} of subject '${subject.name}' injects vector ${vector}, the system call vector of Genode and of Linux`;
      visit.report(node, message, 'The guest takes the interrupt for a system call; use a free vector.');
    }
  }
}

/** Rules about interrupt vectors of subjects, none of which the real validator has. */
export const VECTOR_RULES: readonly Rule[] = [
  rule(
    {
      code: 'EVT-VECTOR-EXCEPTION',
      area: 'events',
      title: 'Validate that no subject is injected a vector of the exception range.',
      severity: 'error',
    },
    checkExceptions,
  ),
  // Where the subject can tell the causes apart, real policies let them share a vector on purpose: the PS/2 driver has one
  // for keyboard and mouse, Genode's base-hw one for its timer and for the preemption of its guest. (What the
  // processors of one Linux send each other is no collision at all.) The real validator does not look at vectors at all.
  rule(
    {
      code: 'EVT-VECTOR-COLLISION',
      area: 'events',
      title: 'Validate that no two events or IRQs that a subject cannot tell apart inject the same vector.',
      severity: 'error',
    },
    checkCollisions(false, 'The subject cannot tell which of them happened; use a free vector.'),
  ),
  rule(
    {
      code: 'EVT-VECTOR-SHARED',
      area: 'events',
      title: 'Validate that IRQs of one device, and events of a subject and its siblings, have vectors of their own.',
      severity: 'warning',
    },
    checkCollisions(
      true,
      'The subject must find out which of them happened: from the device, or from its timed event page; or use a free vector.',
    ),
  ),
  rule(
    {
      code: 'EVT-VECTOR-SYSCALL',
      area: 'events',
      title: 'Validate that guests are not injected the vector of their system calls.',
      severity: 'error',
    },
    checkSyscalls,
  ),
];
