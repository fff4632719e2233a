import type { Fault } from '../../src/faults/fault.ts';
import type { MachineOps } from '../../src/impl/machine-ops.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import type { VmxHooks } from '../../src/impl/vmx/vmx-hooks.ts';

type Call = (...parameters: readonly unknown[]) => unknown;
type Entries = Readonly<Record<string, unknown>>;

/** Functions of the processor that a seeded fault may change for machine code. */
const HOOKS = ['intercept', 'interceptEvent', 'translate'] as const;
type HookName = (typeof HOOKS)[number];

/** Functions that only answer; faults in them only answer otherwise. */
const EFFECTLESS: readonly unknown[] = [
  defaultSeams.machine.checkEntry,
  defaultSeams.kernel.isValidHypercall,
  defaultSeams.kernel.privilegeLevel,
];

/** Entries of a collaborator record that a fault replaces. */
const changedEntries = (usual: object, changed: object): readonly string[] =>
  Object.keys(changed).filter(name => (changed as Entries)[name] !== (usual as Entries)[name]);

const isShallowEqual = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every(name => Object.is((a as Entries)[name], (b as Entries)[name]))
  );
};

/** What the faultless function came to. */
interface Outcome {
  readonly value?: unknown;
  readonly thrown?: unknown;
}

/**
 * A fault's changes to a processor's hooks, applied to hooks that have no effect: these pass on what the faultless ones answered, and
 * see whether the fault asks them the same, once, and answers the same.
 */
class ShadowHooks {
  readonly #hooks: Record<string, unknown>;
  readonly #plain: Readonly<Record<string, Call>>;
  #parameters: readonly unknown[] = [];
  #outcome: Outcome = {};
  #calls = 0;
  #isOther = false;

  constructor(change: (hooks: VmxHooks) => VmxHooks) {
    const plain = (...parameters: readonly unknown[]): unknown => this.#answer(parameters);
    this.#plain = Object.fromEntries(HOOKS.map(name => [name, plain]));
    const known: Record<string, Call> = { reset: () => undefined };
    // Whatever else a fault does with VMX makes a difference.
    const unit = new Proxy(known, {
      get: (target, name) => {
        const own = target[String(name)];
        if (own !== undefined) return own;
        this.#isOther = true;
        return () => 0;
      },
    });
    this.#hooks = { ...this.#plain, unit };
    change(this.#hooks as unknown as VmxHooks);
  }

  /** The fault changes more than the functions that are looked at. */
  get isOpaque(): boolean {
    return Object.keys(this.#hooks).some(name => name !== 'unit' && this.#plain[name] === undefined);
  }

  reset(): void {
    (this.#hooks.unit as Record<string, Call>).reset!();
  }

  #answer(parameters: readonly unknown[]): unknown {
    this.#calls += 1;
    if (!parameters.every((value, index) => isShallowEqual(value, this.#parameters[index]))) this.#isOther = true;
    if ('thrown' in this.#outcome) throw this.#outcome.thrown;
    return this.#outcome.value;
  }

  /** True if the fault makes a difference to this call. */
  differs(name: HookName, parameters: readonly unknown[], outcome: Outcome): boolean {
    const changed = this.#hooks[name] as Call;
    if (changed === this.#plain[name]) return false;
    this.#parameters = parameters;
    this.#outcome = outcome;
    this.#calls = 0;
    this.#isOther = false;
    let isEqual: boolean;
    try {
      const value = changed(...parameters);
      isEqual = !('thrown' in outcome) && isShallowEqual(value, outcome.value);
    } catch (cause) {
      isEqual = 'thrown' in outcome && cause === outcome.thrown;
    }
    return !isEqual || this.#isOther || this.#calls !== 1;
  }
}

/**
 * The implementation without faults, which notes for each execution which faults could have made a difference to it.
 *
 * A fault replaces entries of collaborator records. An execution in which none of them is called goes the same way with the fault
 * in place. Hooks of a processor are called all the time; of them it counts whether the fault decides otherwise or does anything else.
 */
export class TouchRecorder {
  readonly seams: Seams;
  readonly #touched: Uint8Array;
  /** Faults that the functions here say nothing about. */
  readonly #opaque = new Set<number>();

  constructor(faults: readonly Fault[]) {
    this.#touched = new Uint8Array(faults.length);
    const { kernel, machine } = defaultSeams;
    const changed = faults.map(fault => fault.apply(defaultSeams));
    const entriesOf = (seams: Seams, seam: 'kernel' | 'machine'): Entries => seams[seam] as unknown as Entries;
    const faultsOf = (seam: 'kernel' | 'machine', name: string): readonly number[] =>
      changed.flatMap((seams, index) =>
        entriesOf(seams, seam)[name] === entriesOf(defaultSeams, seam)[name] ? [] : [index],
      );
    const announced = <Ops extends object>(seam: 'kernel' | 'machine', ops: Ops): Ops =>
      Object.fromEntries(
        Object.entries(ops).map(([name, operation]) => {
          const concerned = faultsOf(seam, name);
          return [
            name,
            concerned.length > 0 && typeof operation === 'function'
              ? this.#watch(operation as Call, concerned, index => entriesOf(changed[index]!, seam)[name] as Call)
              : operation,
          ];
        }),
      ) as Ops;
    this.seams = {
      ...defaultSeams,
      kernel: announced('kernel', kernel),
      machine: {
        ...announced('machine', machine),
        createGuestHooks: this.#hooksFor(faults, faultsOf('machine', 'createGuestHooks')),
      },
    };
    changed.forEach((seams, index) => {
      if (isBeyondCalls(seams)) this.#opaque.add(index);
    });
  }

  /** A function without effects makes a difference if its faulty form answers otherwise. */
  #compare(operation: Call, faulty: readonly { readonly index: number; readonly call: Call }[]): Call {
    return (...parameters) => {
      const answer = operation(...parameters);
      for (const { index, call } of faulty)
        if (this.#touched[index] === 0 && !isShallowEqual(call(...parameters), answer)) this.#touched[index] = 1;
      return answer;
    };
  }

  #watch(operation: Call, concerned: readonly number[], faultyOf: (index: number) => Call): Call {
    if (EFFECTLESS.includes(operation))
      return this.#compare(
        operation,
        concerned.map(index => ({ index, call: faultyOf(index) })),
      );
    return (...parameters) => {
      for (const fault of concerned) this.#touched[fault] = 1;
      return operation(...parameters);
    };
  }

  #hooksFor(faults: readonly Fault[], concerned: readonly number[]): MachineOps['createGuestHooks'] {
    return (memory, platform, msrs) => {
      const { machine } = defaultSeams;
      const hooks = machine.createGuestHooks(memory, platform, msrs);
      const shadows = concerned.map(index => {
        const shadow = new ShadowHooks(bare => {
          const seams: Seams = { ...defaultSeams, machine: { ...machine, createGuestHooks: () => bare } };
          return faults[index]!.apply(seams).machine.createGuestHooks(memory, platform, msrs);
        });
        if (shadow.isOpaque) this.#opaque.add(index);
        return { index, shadow };
      });
      for (const name of HOOKS) {
        const usual = hooks[name].bind(hooks) as Call;
        const watched: Call = (...parameters) => {
          let outcome: Outcome;
          try {
            outcome = { value: usual(...parameters) };
          } catch (cause) {
            outcome = { thrown: cause };
          }
          for (const { index, shadow } of shadows)
            if (this.#touched[index] === 0 && shadow.differs(name, parameters, outcome)) this.#touched[index] = 1;
          if ('thrown' in outcome) throw outcome.thrown;
          return outcome.value;
        };
        Object.assign(hooks, { [name]: watched });
      }
      const reset = hooks.unit.reset.bind(hooks.unit);
      hooks.unit.reset = () => {
        for (const { shadow } of shadows) shadow.reset();
        reset();
      };
      return hooks;
    };
  }

  /** Before an execution. */
  begin(): void {
    this.#touched.fill(0);
  }

  /** True if the fault could have made a difference to the execution. */
  isTouched(fault: number): boolean {
    return this.#touched[fault] === 1 || this.#opaque.has(fault);
  }
}

/** Entries of the machine's record that say what the machine is. */
const CONSTRUCTION = ['describeProcessor', 'createIommu', 'dma'];

/** True if a fault changes what the system consists of, which no call shows. */
function isBeyondCalls(seams: Seams): boolean {
  const others = changedEntries(defaultSeams, seams).filter(seam => seam !== 'kernel' && seam !== 'machine');
  return (
    others.length > 0 || changedEntries(defaultSeams.machine, seams.machine).some(name => CONSTRUCTION.includes(name))
  );
}
