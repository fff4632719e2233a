import { type ApicBus, DeliveryMode, type InterruptMessage, type LocalApic } from './local-apic.ts';

const SELF = 1;
const ALL_BUT_SELF = 3;

/** Delivers interprocessor interrupts at once, in order of APIC ids (SDM Vol. 3A, "Issuing Interprocessor Interrupts"). */
export class DirectApicBus implements ApicBus {
  readonly #members: LocalApic[] = [];
  /** Called for every APIC that got a message, so that its processor looks at it. */
  onDelivery: (target: LocalApic) => void = () => {};

  connect(apic: LocalApic): void {
    this.#members.push(apic);
  }

  send(from: LocalApic, message: InterruptMessage): void {
    if (message.isDeassert) return;
    const targets = this.#members.filter(member => this.#isTarget(from, member, message));
    // Lowest priority goes to one processor: the one with the lowest processor priority, ties to the lowest id.
    const chosen =
      message.mode === DeliveryMode.lowestPriority
        ? targets
            .sort((left, right) => left.processorPriority - right.processorPriority || left.id - right.id)
            .slice(0, 1)
        : targets;
    for (const target of chosen) {
      target.receive(message.mode, message.vector);
      this.onDelivery(target);
    }
  }

  #isTarget(from: LocalApic, member: LocalApic, message: InterruptMessage): boolean {
    if (message.shorthand === 0) return member.accepts(message, from.isX2apic);
    if (message.shorthand === SELF) return member === from;
    return message.shorthand !== ALL_BUT_SELF || member !== from;
  }
}
