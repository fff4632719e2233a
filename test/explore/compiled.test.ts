import { describe, expect, it } from 'vitest';
import { modelSystem } from '../../src/explore/model-system.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { createCyclic } from '../../src/model/cyclic-scheduler.model.ts';
import { MODELS } from '../../src/model/index.ts';
import { eraseInstance } from '../../src/model/model.ts';

const exhaustive = MODELS.flatMap(({ id, sources, configurations }) =>
  configurations
    .filter(configuration => configuration.exhaustive)
    .map(configuration => ({ id, sources, configuration, name: configuration.name })),
);

describe.each(exhaustive)('$id, $name: compiled from source', ({ sources, configuration }) => {
  it('has the same states in the same order as stepping the charts', () => {
    const instance = configuration.create();
    const plain = breadthFirst({ ...modelSystem(instance), claims: [] });
    const system = compileModel(instance, readModelSources(sources));
    const compiled = breadthFirst({ ...system, claims: [] });
    expect(compiled.outOfBounds).toBeUndefined();
    expect([compiled.table.size, compiled.transitions]).toEqual([configuration.states, plain.transitions]);
    expect(compiled.depth).toBe(plain.depth);
    const { words } = plain.table;
    const wide = new Uint32Array(words);
    let different = 0;
    for (let state = 0; state < plain.table.size; state++) {
      system.widen(compiled.table.states, state * system.words, wide);
      if (wide.some((word, index) => word !== plain.table.states[state * words + index])) different += 1;
      if (compiled.table.parents[state] !== plain.table.parents[state]) different += 1;
    }
    expect(different).toBe(0);
    expect(system.bits).toBeLessThanOrEqual(modelSystem(instance).bits);
  });
});

describe('compiled models', () => {
  it('report a step that leaves the bounds of a field', () => {
    const config = { minorFrames: 4, ticksPerFrame: 4, eventBits: 0, channelDepth: 0, mailboxes: 24, messages: 1 };
    const instance = eraseInstance(createCyclic(config));
    const sources = readModelSources(['cyclic-scheduler.ts']);
    const broken = sources['cyclic-scheduler.ts']!.replace('cpu.minor += 1', 'cpu.minor += 2');
    const { outOfBounds } = breadthFirst(compileModel(instance, { 'cyclic-scheduler.ts': broken }));
    expect(outOfBounds).toBeDefined();
  });

  it('refuse source that lacks a function', () => {
    const instance = eraseInstance(createCyclic({ ...smallest, mailboxes: 24, messages: 1 }));
    expect(() => compileModel(instance, {})).toThrow(/0 source functions are called/);
  });
});

const smallest = { minorFrames: 4, ticksPerFrame: 4, eventBits: 0, channelDepth: 0, mailboxes: 0, messages: 0 };
