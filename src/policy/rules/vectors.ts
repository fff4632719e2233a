import type { PolicyNode, Subject } from '../document.ts';
import { placeOf } from '../finding.ts';
import { type PolicyIndex, usesEpt } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Vectors below are exceptions (SDM Vol. 3A, "Exception and Interrupt Vectors"). */
const FIRST_INTERRUPT = 32;
/** System call vector of Genode's base-hw on Muen and of Linux (genode.md section 1.5). */
const SYSCALL_VECTOR = 0x80;

/** An interrupt vector that the kernel injects into a subject, with what causes it. */
interface Injection {
  readonly vector: number;
  readonly what: string;
  /** Interrupts of one physical line come together anyway. */
  readonly irq?: number;
  readonly node: PolicyNode;
}

function injections({ resources }: PolicyIndex, subject: Subject): readonly Injection[] {
  const events = subject.targetEvents.flatMap(node => {
    if (node.action?.kind !== 'inject_interrupt') return [];
    return [{ vector: node.action.vector, what: `event '${node.logical}'`, node }];
  });
  const irqs = subject.devices.flatMap(device =>
    device.irqs.flatMap(node => {
      const irq = resources.get(device.physical)?.irqs.get(node.physical);
      if (node.vector === undefined) return [];
      const what = `IRQ '${node.logical}' of device '${device.logical}'`;
      return [{ vector: node.vector, what, node, ...(irq === undefined ? {} : { irq }) }];
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

function checkCollisions(index: PolicyIndex, visit: Visit): void {
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
      const message = `${injection.what} of subject '${subject.name}' injects vector ${injection.vector}, as ${earlier.what} does (${placeOf(earlier.node)})`;
      visit.report(injection.node, message, 'The subject cannot tell which of them happened; use a free vector.');
    }
  }
}

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
  rule(
    {
      code: 'EVT-VECTOR-COLLISION',
      area: 'events',
      title: 'Validate that no two events or IRQs inject the same vector into a subject.',
      severity: 'error',
    },
    checkCollisions,
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
