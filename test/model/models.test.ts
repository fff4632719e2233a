import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/model/index.ts';
import type { ModelInstance, Party } from '../../src/model/model.ts';
import type { Step } from './explore.ts';
import { explore } from './explore.ts';

const configurations = MODELS.flatMap(model =>
  model.configurations.map(configuration => ({ id: model.id, configuration, name: configuration.name })),
);
const exhaustive = configurations.filter(({ configuration }) => configuration.exhaustive);

/** Bits of a packed state that belong to fields which the party may not write. */
function foreignBits({ schema }: ModelInstance, { writes }: Party): Uint32Array {
  const mask = new Uint32Array(schema.words);
  for (const { path, word, shift, width } of schema.leaves) {
    const field = path.match(/^\w+/)?.[0] ?? '';
    if (!writes.includes(field)) mask[word]! |= (2 ** width - 1) << shift;
  }
  return mask;
}

/** Collects events by which a party changes what it may not write. */
function frameViolations(instance: ModelInstance): { found: Set<string>; onStep: (step: Step) => void } {
  const { schema, parties } = instance;
  const found = new Set<string>();
  const masks = parties.map(party => foreignBits(instance, party));
  const left = new Uint32Array(schema.words);
  const right = new Uint32Array(schema.words);
  const onStep = ({ party, event, before, after }: Step): void => {
    const mask = masks[party]!;
    schema.pack(before, left);
    schema.pack(after, right);
    if (mask.every((bits, word) => ((left[word]! ^ right[word]!) & bits) === 0)) return;
    found.add(
      `${parties[party]!.id} by ${JSON.stringify(parties[party]!.alphabet[event])}: ${schema.diff(before, after)}`,
    );
  };
  return { found, onStep };
}

/** Chart transitions that some exploration took, and all declared ones, as `machine: mode event mode`. */
const taken = new Set<string>();
const declared = new Set<string>();

function noteTransitions(instance: ModelInstance): (step: Step) => void {
  const seen = instance.parties.map(() => new Set<number>());
  for (const { machine, compiled } of instance.parties) {
    for (const { from, event, to } of compiled.chart.transitions) {
      declared.add(`${machine.id}: ${compiled.modes[from]} ${event} ${compiled.modes[to]}`);
    }
  }
  return ({ party, event, modesBefore, modesAfter }) => {
    const { machine, compiled, alphabet } = instance.parties[party]!;
    const [from, to] = [modesBefore[party]!, modesAfter[party]!];
    const key = (event * compiled.modes.length + from) * compiled.modes.length + to;
    if (seen[party]!.has(key)) return;
    seen[party]!.add(key);
    taken.add(`${machine.id}: ${compiled.modes[from]} ${alphabet[event]!.type} ${compiled.modes[to]}`);
  };
}

describe.each(exhaustive)('$id, $name', ({ configuration }) => {
  const instance = configuration.create();
  const frame = frameViolations(instance);
  const note = noteTransitions(instance);
  const exploration = explore(instance, {
    onStep: step => {
      frame.onStep(step);
      note(step);
    },
  });

  it('has the pinned number of reachable states', () => {
    expect(exploration.complete).toBe(true);
    expect(exploration.states).toBe(configuration.states);
  });

  it('keeps every state within its schema', () => {
    expect(exploration.outOfBounds).toBeUndefined();
  });

  it('keeps its invariants', () => {
    expect(Object.fromEntries(exploration.violations)).toEqual({});
  });

  it('shows its witnesses', () => {
    const unseen = instance.witnesses.filter(({ id }) => !exploration.witnesses.has(id)).map(({ id }) => id);
    expect(unseen).toEqual([]);
  });

  it('lets each party write only its own fields', () => {
    expect([...frame.found]).toEqual([]);
  });
});

describe('the registry of models', () => {
  it('has charts without a transition that no exploration takes', () => {
    const explored = new Set(exhaustive.map(({ id }) => id));
    expect(explored.size).toBeGreaterThan(0);
    expect([...declared].filter(transition => !taken.has(transition))).toEqual([]);
  });

  it('has unique ids and configuration names', () => {
    expect(new Set(MODELS.map(({ id }) => id)).size).toBe(MODELS.length);
    expect(new Set(configurations.map(({ id, name }) => `${id} ${name}`)).size).toBe(configurations.length);
  });

  it.each(configurations)('$id, $name: initial states of charts and schema agree', ({ configuration }) => {
    const { schema, parties } = configuration.create();
    expect(schema.check(schema.initial())).toEqual([]);
    for (const { machine } of parties) expect(machine.config.context).toEqual(schema.initial());
  });
});
