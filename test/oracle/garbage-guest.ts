import { Proc2 } from '../../src/impl/vmx/control-bits.ts';
import { enterTranslation } from '../../src/impl/vmx/translation.ts';
import type { VmxUnit } from '../../src/impl/vmx/vmx-unit.ts';
import { Field } from '../../src/impl/x86/state-layout.ts';
import { hpa } from '../../src/units/address.ts';
import { mix32, type Rng } from '../../src/units/rng.ts';
import { type GuestMachine, guestMachine, imageOf } from '../guests/machine.ts';
import { builtGuest } from '../guests/rom.ts';
import { caseData, launch, type OpList } from '../impl/vmx/cases/case-program.ts';
import { GUEST_CODE } from '../impl/vmx/cases/profiles.ts';
import { fillRegisters, randomBytes } from './garbage.ts';

const MAX_INSTRUCTIONS = 64;
/** Enough for the hypervisor to come to the launch of its first case. */
const LAUNCH_BUDGET = 500_000;

/** VMX state beside registers and VMCS. */
const UNIT_STATE = [
  'isOn',
  'vmxonPointer',
  'pin',
  'proc',
  'proc2',
  'timerDeadline',
  'isTrapPending',
  'areNmisBlocked',
  'isFresh',
  'isTprCheckDue',
  'isInjecting',
  'pauseFirst',
  'pauseLast',
  'abortIndicator',
] as const satisfies readonly (keyof VmxUnit)[];

/** A guest of the case hypervisor, executing random bytes in VMX non-root operation; exits end in the hypervisor's machine code. */
export class GarbageGuest {
  readonly #machine: GuestMachine;
  readonly #saved: Uint8Array;
  readonly #unit: Partial<VmxUnit>;
  readonly #current: bigint;
  readonly #snapshot;

  constructor(profile: OpList) {
    const cases = [{ name: '', lists: [profile], ops: [launch()] }];
    this.#machine = guestMachine(imageOf(builtGuest('vmx-cases'), caseData(cases)));
    const { cpu, hooks } = this.#machine;
    for (let count = 0; count < LAUNCH_BUDGET && !cpu.isNonRoot; count++) cpu.step();
    if (!cpu.isNonRoot) throw new Error(`the guest '${profile.name}' was not entered`);
    this.#unit = Object.fromEntries(UNIT_STATE.map(name => [name, hooks.unit[name]]));
    this.#current = hooks.unit.current;
    this.#saved = cpu.save();
    this.#snapshot = cpu.memory.snapshot();
  }

  /** Runs one random program; a word that depends on all it did. */
  run(rng: Rng): number {
    const { cpu, hooks, ports, apic } = this.#machine;
    const { memory, state } = cpu;
    memory.restore(this.#snapshot);
    Object.assign(hooks.unit, this.#unit);
    hooks.unit.makeCurrent(this.#current);
    apic.reset();
    ports.clear();
    cpu.isNonRoot = true;
    cpu.hasNestedPaging = this.#hasEpt;
    enterTranslation(hooks.unit, cpu);
    cpu.load(this.#saved);
    fillRegisters(cpu, rng, GUEST_CODE - 0x8000, 0xa000);
    memory.writeBytes(hpa(GUEST_CODE), randomBytes(rng));
    const { executed, reason } = cpu.run(MAX_INSTRUCTIONS);
    const digest = memory.digest();
    const place = mix32(state.u32(Field.rip)) ^ (cpu.isNonRoot ? 1 << 20 : 0);
    return mix32(executed ^ place ^ digest.high ^ digest.low ^ reason.length);
  }

  get #hasEpt(): boolean {
    return ((this.#unit.proc2 ?? 0) & Proc2.ept) !== 0;
  }
}
