import { describe, expect, it } from 'vitest';
import { and, createMachine, not } from 'xstate';
import { readChart } from '../../src/model/chart.ts';
import { MODELS } from '../../src/model/index.ts';
import { toMermaid, toStatelyJson } from '../../src/model/to-stately.ts';
import { InvariantError } from '../../src/units/invariant.ts';

const door = createMachine({
  id: 'door',
  initial: 'shut',
  on: { burn: '.open.wide' },
  states: {
    shut: {
      on: { push: [{ guard: and(['unlocked', not('blocked')]), target: 'open', actions: ['creak', 'move'] }, {}] },
    },
    open: { initial: 'ajar', states: { ajar: { on: { push: 'wide' } }, wide: {} }, on: { pull: 'shut' } },
  },
});

describe('toStatelyJson', () => {
  it('shows states, transitions, guards and actions', () => {
    expect(toStatelyJson(door)).toEqual({
      id: 'door',
      initial: 'shut',
      on: { burn: [{ target: '#door.open.wide' }] },
      states: {
        shut: {
          on: {
            push: [
              {
                target: '#door.open',
                guard: { type: 'unlocked and (not blocked)' },
                actions: [{ type: 'creak' }, { type: 'move' }],
              },
              {},
            ],
          },
        },
        open: {
          initial: 'ajar',
          on: { pull: [{ target: '#door.shut' }] },
          states: { ajar: { on: { push: [{ target: '#door.open.wide' }] } }, wide: {} },
        },
      },
    });
  });

  const machines = MODELS.flatMap(model =>
    model.configurations.slice(0, 1).flatMap(({ create }) => create().parties),
  ).map(({ machine }) => ({ id: machine.id, machine }));

  it.each(machines)('$id: is plain data that xstate reads as the same chart', ({ machine }) => {
    const json = toStatelyJson(machine);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    const withoutGuards = (chart: ReturnType<typeof readChart>) => ({
      ...chart,
      transitions: chart.transitions.map(({ guard, ...rest }) => ({ ...rest, guarded: guard !== undefined })),
    });
    const again = createMachine(json as Parameters<typeof createMachine>[0]);
    expect(withoutGuards(readChart(again))).toEqual(withoutGuards(readChart(machine)));
  });

  it('rejects what the models do not have', () => {
    const parallel = createMachine({ type: 'parallel', states: { a: {}, b: {} } });
    expect(() => toStatelyJson(parallel)).toThrow(InvariantError);
    expect(() => toMermaid(parallel)).toThrow(InvariantError);
  });
});

describe('toMermaid', () => {
  it('draws states, initial states and transitions', () => {
    expect(toMermaid(door)).toBe(
      [
        'stateDiagram-v2',
        '  state "door" as door {',
        '    state "shut" as door_shut',
        '    state "open" as door_open {',
        '      state "ajar" as door_open_ajar',
        '      state "wide" as door_open_wide',
        '      [*] --> door_open_ajar',
        '    }',
        '    [*] --> door_shut',
        '  }',
        '  door --> door_open_wide : burn',
        '  door_shut --> door_open : push [unlocked and (not blocked)] / creak, move',
        '  door_shut --> door_shut : push',
        '  door_open --> door_shut : pull',
        '  door_open_ajar --> door_open_wide : push',
        '',
      ].join('\n'),
    );
  });
});
