import type { Domains, ModelInstance } from '../model/model.ts';
import type { ModelState, Schema } from '../model/schema.ts';
import { initialJoint, type JointState, jointSchema, MODES_FIELD } from './joint-schema.ts';
import type { PackedSystem } from './packed-system.ts';
import { type ExplainedTrace, explainTrace } from './report.ts';
import type { SearchResult } from './search.ts';

/** Conditions of Rushby's unwinding theorem for intransitive policies. */
export type UnwindingCondition = 'output consistency' | 'step consistency' | 'local respect';

/** Two runs that one domain cannot tell apart, and the step after which it can. */
export interface UnwindingFailure {
  readonly condition: UnwindingCondition;
  /** Domain that sees a difference, and domain that acts. */
  readonly observer: string;
  readonly actor: string;
  readonly step: string;
  readonly left: ExplainedTrace;
  /** The other run; for local respect the same one, one step shorter. */
  readonly right: ExplainedTrace;
  readonly leftView: string;
  readonly rightView: string;
}

export interface UnwindingResult {
  readonly states: number;
  readonly checks: number;
  readonly failure?: UnwindingFailure;
}

const KERNEL = 'kernel';

/** First state with a view, and what a step makes of it. */
interface Witness {
  readonly state: number;
  readonly after: string;
}

/** Views of the states of a finished search. */
class Observer {
  readonly instance: ModelInstance;
  readonly domains: Domains;
  private readonly joint: Schema<JointState>;
  private readonly scratch: JointState;

  constructor(instance: ModelInstance, domains: Domains) {
    this.instance = instance;
    this.domains = domains;
    this.joint = jointSchema(instance);
    this.scratch = initialJoint(instance, this.joint);
  }

  read(states: Uint32Array, offset: number): { readonly state: ModelState; readonly modes: readonly string[] } {
    const state = this.joint.unpack(states, offset, this.scratch);
    const { parties } = this.instance;
    return { state, modes: state[MODES_FIELD].map((mode, party) => parties[party]!.compiled.modes[mode]!) };
  }

  /** Every domain's view. */
  views(states: Uint32Array, offset: number): { readonly views: readonly string[]; readonly modes: readonly string[] } {
    const { state, modes } = this.read(states, offset);
    return { views: this.domains.names.map((_, domain) => this.domains.view(domain, state, modes)), modes };
  }
}

/**
 * Checks output consistency, step consistency and local respect for every reachable state and every step.
 *
 * States that a domain (and, for what may flow to it, the actor) cannot tell apart must lead to states that it cannot tell apart; a step of
 * a domain that may not influence it must change nothing for it; and what a domain can do must follow from what it sees.
 *
 * @param system the model as `modelSystem` packs it, searched completely into `search`.
 */
export function checkUnwinding(
  instance: ModelInstance,
  domains: Domains,
  system: PackedSystem,
  search: SearchResult,
): UnwindingResult {
  const observer = new Observer(instance, domains);
  const { table } = search;
  const { words } = system;
  const out = new Uint32Array(system.maxSuccessors * words);
  const labels = new Uint32Array(system.maxSuccessors);
  const outcomes = new Map<string, Witness>();
  const steps = instance.parties.flatMap(({ alphabet }, party) => alphabet.map(event => ({ party, event })));
  let checks = 0;
  const failure = (
    condition: UnwindingCondition,
    domain: number,
    actor: number,
    step: string,
    views: readonly [string, string],
    ends: readonly [number, number],
    last: readonly [number | undefined, number | undefined],
  ): UnwindingResult => ({
    states: table.size,
    checks,
    failure: {
      condition,
      observer: domains.names[domain]!,
      actor: domains.names[actor] ?? KERNEL,
      step,
      left: explainTrace(system, table, ends[0], last[0]),
      right: explainTrace(system, table, ends[1], last[1]),
      leftView: views[0],
      rightView: views[1],
    },
  });
  /** Same key, same outcome; else the state that had another one. */
  const conflict = (key: string, state: number, after: string): Witness | undefined => {
    const known = outcomes.get(key);
    if (known === undefined) outcomes.set(key, { state, after });
    return known === undefined || known.after === after ? undefined : known;
  };
  for (let state = 0; state < table.size; state++) {
    const { views, modes } = observer.views(table.states, state * words);
    const count = system.expand(table.states, state * words, out, labels);
    const enabled: number[][] = domains.names.map(() => []);
    for (let index = 0; index < count; index++) {
      const label = labels[index]!;
      const { party, event } = steps[label]!;
      const actor = domains.domainOf(party, event, modes);
      if (actor >= 0) enabled[actor]!.push(label);
      const after = observer.views(out, index * words).views;
      for (const domain of domains.names.keys()) {
        checks += 1;
        const step = system.describeLabel(label);
        if (actor >= 0 && !domains.mayFlow(actor, domain)) {
          if (views[domain] === after[domain]) continue;
          const shown = [after[domain]!, views[domain]!] as const;
          return failure('local respect', domain, actor, step, shown, [state, state], [label, undefined]);
        }
        const known = conflict(`${domain} ${label} ${views[domain]} ${views[actor] ?? ''}`, state, after[domain]!);
        if (known === undefined) continue;
        const shown = [known.after, after[domain]!] as const;
        return failure('step consistency', domain, actor, step, shown, [known.state, state], [label, label]);
      }
    }
    for (const domain of domains.names.keys()) {
      checks += 1;
      const its = enabled[domain]!.join(' ');
      const known = conflict(`output ${domain} ${views[domain]}`, state, its);
      if (known !== undefined)
        return failure(
          'output consistency',
          domain,
          domain,
          'what it can do',
          [known.after, its],
          [known.state, state],
          [undefined, undefined],
        );
    }
  }
  return { states: table.size, checks };
}
