import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MODES_FIELD } from '../../../src/explore/joint-schema.ts';
import { modelSystem, modelView } from '../../../src/explore/model-system.ts';
import { exportQuint, quintVariables } from '../../../src/explore/quint/quint-export.ts';
import { scalarValues, translateModel } from '../../../src/explore/symbolic/symbolic-model.ts';
import { readModelSources } from '../../../src/host/model-sources.ts';
import { channelModel } from '../../../src/model/channel.model.ts';
import { MODELS } from '../../../src/model/index.ts';
import type { Model } from '../../../src/model/model.ts';
import { readItf } from '../../../src/trace/itf.ts';
import { defined } from '../../../src/units/invariant.ts';
import { runQuint } from './run-quint.ts';

const installed = runQuint(['--version']);
const folder = mkdtempSync(join(tmpdir(), 'muencheck-quint-'));

/** Runs Quint's simulator on the first configuration and returns the states of one of its traces, as scalars and places. */
function simulate(model: Model) {
  const instance = model.configurations[0]!.create();
  const sources = readModelSources(model.sources);
  const file = join(folder, `${model.id}.qnt`);
  const itf = join(folder, `${model.id}.itf.json`);
  writeFileSync(file, exportQuint(instance, [], sources, model.title));
  const output = runQuint([
    ...['run', file, '--main=model', '--backend=typescript', '--invariant=inBounds', '--seed=7'],
    ...['--max-samples=3', '--max-steps=25', `--out-itf=${itf}`],
  ]);
  expect(output).toMatchObject({ ok: true, value: expect.stringMatching(/No violation found/) });
  const trace = readItf(readFileSync(itf, 'utf8'));
  if (!trace.ok) throw new Error(JSON.stringify(trace.error));
  const { places, fields } = quintVariables(instance, sources);
  const { shape } = translateModel(instance, sources);
  const states = trace.value.states.map(state => ({
    places: places.map(name => Number(state[name])),
    values: fields.map(({ name }) => Number(state[name])),
  }));
  return { instance, states, shape, paths: fields.map(({ path }) => path) };
}

describe('a model as a Quint module', () => {
  it.each(MODELS)('$id has an action per transition, and names of its own', ({ configurations, sources, title }) => {
    const instance = configurations[0]!.create();
    const text = exportQuint(instance, [], readModelSources(sources), title);
    const names = [...text.matchAll(/^ {2}(?:action|var|val) (\w+)/gm)].map(match => match[1]!);
    expect(new Set(names).size).toBe(names.length);
    const { transitions } = translateModel(instance, readModelSources(sources));
    expect([...text.matchAll(/^ {2}action /gm)]).toHaveLength(transitions.length + 2);
  });

  it('has the lemmas of a proof as invariants', () => {
    const proof = channelModel.proofs![0]!;
    const sources = readModelSources([...channelModel.sources, ...proof.sources]);
    expect(exportQuint(proof.create(), proof.lemmas, sources, 'proof')).toMatch(/^ {2}val lemma_success_is_write = /m);
  });
});

describe.skipIf(!installed.ok)(`Quint's simulator${installed.ok ? '' : ` (${installed.error})`}`, () => {
  it.each(MODELS)('$id: goes where the model goes', model => {
    const { instance, states, shape, paths } = simulate(model);
    expect(states.length).toBeGreaterThan(1);
    const system = modelSystem(instance);
    const { schema } = modelView(instance);
    const out = new Uint32Array(system.maxSuccessors * system.words);
    const labels = new Uint32Array(system.maxSuccessors);
    const scratch = schema.initial();
    const read = (packed: Uint32Array, offset: number): string => {
      const state = schema.unpack(packed, offset, scratch);
      const all = scalarValues(shape, state);
      return JSON.stringify([[...state[MODES_FIELD]], paths.map(path => Number(all[shape.indexOf(path)]))]);
    };
    let current: Uint32Array = system.initial.slice();
    for (const [index, { places, values }] of states.entries()) {
      const wanted = JSON.stringify([places, values]);
      if (index === 0) {
        expect(read(current, 0)).toBe(wanted);
        continue;
      }
      const count = system.expand(current, 0, out, labels);
      const found = Array.from({ length: count }, (_, at) => at).find(at => read(out, at * system.words) === wanted);
      const at = defined(found, `state ${index} of Quint is no successor here`) * system.words;
      current = out.slice(at, at + system.words);
    }
  });
});
