import type { AnyStateMachine } from 'xstate';
import { defined, invariant } from '../units/invariant.ts';
import type { Chart, ChartTransition, GuardExpression } from './chart.ts';
import { readChart } from './chart.ts';
import type { ModelDefinition, ModelEvent } from './define.ts';
import type { ModelState } from './schema.ts';

/** A chart with its compiled stepper. */
export interface CompiledMachine<S extends ModelState = ModelState, E extends ModelEvent = ModelEvent> {
  readonly chart: Chart;
  /** Leaf paths; a mode is an index into it. */
  readonly modes: readonly string[];
  readonly initialMode: number;
  /** Generated source of `step`. */
  readonly source: string;
  /** Index of a leaf path; throws InvariantError for an unknown one. */
  modeIndex(path: string): number;
  /** Takes the first enabled transition, changing `state` in place: the new mode, or -1 if none is enabled. Allocates nothing. */
  step(mode: number, state: S, event: E): number;
}

interface Names {
  readonly guards: readonly string[];
  readonly actions: readonly string[];
}

function guardNames(guard: GuardExpression): string[] {
  return guard.kind === 'name' ? [guard.name] : guard.of.flatMap(guardNames);
}

function guardCode(guard: GuardExpression, names: Names): string {
  if (guard.kind === 'name') return `g${names.guards.indexOf(guard.name)}(s, e, c)`;
  const parts = guard.of.map(inner => guardCode(inner, names));
  if (guard.kind === 'not') return `!${parts.join('')}`;
  return parts.length === 0 ? String(guard.kind === 'and') : `(${parts.join(guard.kind === 'and' ? ' && ' : ' || ')})`;
}

function transitionCode(transition: ChartTransition, names: Names): string {
  const calls = transition.actions.map(action => `a${names.actions.indexOf(action)}(s, e, c); `).join('');
  const body = `{ ${calls}return ${transition.to}; }`;
  return transition.guard === undefined ? body : `if (${guardCode(transition.guard, names)}) ${body}`;
}

/** Transitions that can be reached: after one without guard no other is tried. */
function upToUnguarded(transitions: readonly ChartTransition[]): readonly ChartTransition[] {
  const last = transitions.findIndex(({ guard }) => guard === undefined);
  return last < 0 ? transitions : transitions.slice(0, last + 1);
}

function eventCode(chart: Chart, mode: number, event: string, names: Names): string {
  const candidates = chart.transitions.filter(transition => transition.from === mode && transition.event === event);
  if (candidates.length === 0) return '';
  const body = upToUnguarded(candidates).map(transition => `      ${transitionCode(transition, names)}`);
  return [`    case ${JSON.stringify(event)}:`, ...body, '      return -1;'].join('\n');
}

function stepSource(chart: Chart, names: Names): string {
  const parameters = (prefix: string, from: readonly string[]): string =>
    from
      .map(
        (name, index) =>
          `const ${prefix}${index} = ${from === names.guards ? 'guards' : 'actions'}[${JSON.stringify(name)}];`,
      )
      .join('\n');
  const cases = chart.modes.map((path, mode) => {
    const events = chart.eventTypes.map(event => eventCode(chart, mode, event, names)).filter(code => code !== '');
    return [`  case ${mode}: switch (e.type) { // ${path}`, ...events, '    default: return -1; }'].join('\n');
  });
  return [
    "'use strict';",
    parameters('g', names.guards),
    parameters('a', names.actions),
    'return (m, s, e) => { switch (m) {',
    ...cases,
    '  default: return -1; } };',
  ].join('\n');
}

/** Every name resolves to a raw function whose wrapper is what xstate runs under that name. */
function requireSameFunctions(machine: AnyStateMachine, definition: ModelDefinition, names: Names): void {
  for (const name of names.guards) {
    invariant(Object.hasOwn(definition.guards, name), `guard '${name}' of '${machine.id}' is not in its definition`);
    invariant(
      machine.implementations.guards[name] === definition.implementations.guards[name],
      `guard '${name}' of '${machine.id}' is not the one of its definition`,
    );
  }
  for (const name of names.actions) {
    invariant(Object.hasOwn(definition.actions, name), `action '${name}' of '${machine.id}' is not in its definition`);
    invariant(
      machine.implementations.actions[name] === definition.implementations.actions[name],
      `action '${name}' of '${machine.id}' is not the one of its definition`,
    );
  }
}

/**
 * Compiles a machine to a stepper over (mode, state): the chart comes from the machine, the functions from its definition.
 *
 * Throws InvariantError for chart features outside of the supported ones (`readChart`) and for guards or actions that the definition
 * does not own.
 */
export function compileMachine<S extends ModelState, E extends ModelEvent, C>(
  machine: AnyStateMachine,
  definition: ModelDefinition<S, E, C>,
): CompiledMachine<S, E> {
  const chart = readChart(machine);
  const names: Names = {
    guards: [...new Set(chart.transitions.flatMap(({ guard }) => (guard === undefined ? [] : guardNames(guard))))],
    actions: [...new Set(chart.transitions.flatMap(({ actions }) => actions))],
  };
  requireSameFunctions(machine, definition as unknown as ModelDefinition, names);
  const source = stepSource(chart, names);
  const build = new Function('guards', 'actions', 'c', source);
  return {
    chart,
    modes: chart.modes,
    initialMode: chart.initialMode,
    source,
    modeIndex(path) {
      const index = chart.modes.indexOf(path);
      invariant(index >= 0, `'${path}' is not a mode of '${machine.id}'`);
      return index;
    },
    step: defined(build(definition.guards, definition.actions, definition.config), 'compiled step'),
  };
}
