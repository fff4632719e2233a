import type { AnyStateMachine } from 'xstate';
import { createMachine } from 'xstate';
import type { ModelInstance } from '../../src/model/model.ts';
import { party } from '../../src/model/model.ts';

/** A chart's configuration as data that a test may change. */
export interface ChartData {
  on?: Record<string, unknown>;
  states: Record<string, ChartData>;
  initial?: string;
}

/** The model with one party's chart changed: a seeded fault of the chart, with the functions as they are. */
export function withChart(instance: ModelInstance, id: string, change: (chart: ChartData) => void): ModelInstance {
  return {
    ...instance,
    parties: instance.parties.map(original => {
      if (original.id !== id) return original;
      const { context, ...chart } = original.machine.config;
      const copy = cloneChart(chart) as ChartData;
      change(copy);
      const machine = createMachine(
        { ...copy, context } as unknown as Parameters<typeof createMachine>[0],
        original.definition.implementations as Parameters<typeof createMachine>[1],
      ) as AnyStateMachine;
      return party(id, machine, original.definition, original.alphabet, [...original.writes]);
    }),
  };
}

/** Copies objects and arrays; xstate's guard combinators are functions and stay as they are. */
function cloneChart(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cloneChart);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cloneChart(inner)]));
}
