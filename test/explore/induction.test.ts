import { describe, expect, it } from 'vitest';
import { explorationReport } from '../../src/explore/report.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { decideSteps } from '../../src/explore/smt/decide-steps.ts';
import { stepInduction } from '../../src/explore/smt/transition-induction.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { runZ3 } from '../../src/host/z3.ts';
import { channelModel } from '../../src/model/channel.model.ts';
import { CORRECT_VARIANT, channelTsoModel, createChannelTso, TSO_CONFIGS } from '../../src/model/channel-tso.model.ts';
import { kernelModel } from '../../src/model/kernel.model.ts';
import { eraseInstance, type Lemma, type Model, type ModelInstance, type ModelProof } from '../../src/model/model.ts';
import { defined } from '../../src/units/invariant.ts';
import { checkSubset } from '../model/subset-checker.ts';

const available = runZ3('(check-sat)').ok;
const PROVED: readonly Model[] = [channelModel, channelTsoModel, kernelModel];
const proofs = PROVED.flatMap(model => model.proofs!.map(proof => ({ id: model.id, name: proof.name, model, proof })));
const sourcesOf = (model: Model, proof: ModelProof) => readModelSources([...model.sources, ...proof.sources]);
const proofOf = (model: Model, name: string) =>
  defined(
    model.proofs?.find(proof => proof.name.includes(name)),
    name,
  );

describe.each(proofs)('lemmas of $id, $name', ({ model, proof }) => {
  it('are written in the model subset', () => {
    expect(checkSubset(sourcesOf(model, proof))).toEqual([]);
  });
});

/** Explores a small configuration with the lemmas as invariants. */
function verdictOf(model: Model, configuration: string, lemmas: readonly Lemma[]): string {
  const instance = defined(
    model.configurations.find(({ name }) => name.startsWith(configuration)),
    configuration,
  ).create();
  const config = instance.parties[0]!.definition.config;
  const invariants = lemmas.map(({ id, claim, holds }) => ({
    id,
    claim,
    holds: (state: unknown, modes: readonly string[]) =>
      (holds as unknown as (...args: readonly unknown[]) => boolean)(state, modes, config),
  }));
  const checked: ModelInstance = eraseInstance({ ...instance, invariants });
  const system = compileModel(checked, readModelSources(model.sources));
  const { verdict, reason } = explorationReport(system, breadthFirst(system));
  return `${verdict} ${reason}`;
}

describe('lemmas hold in every state of small systems', () => {
  it.each([
    [channelModel, '2 elements, 4 writes', '2^20'],
    [channelTsoModel, '2 elements, 4 writes', '2^20'],
    [kernelModel, '2 CPUs, minor barrier', 'frames'],
    [kernelModel, '2 CPUs, remote sender, one', 'events'],
    [kernelModel, '1 CPU, 1 subject, timed event and interrupt', 'events'],
  ] as const)('case %#', (model, configuration, name) => {
    expect(verdictOf(model, configuration, proofOf(model, name).lemmas)).toMatch(/^exhausted/);
  });
});

describe.skipIf(!available)('induction through z3 (Debian: apt install z3)', () => {
  const prove = (
    model: Model,
    name: string,
    change: Partial<ModelProof> = {},
    edit?: readonly [string, string, string],
  ) => {
    const proof = { ...proofOf(model, name), ...change };
    const sources = sourcesOf(model, proof);
    const edited =
      edit === undefined ? sources : { ...sources, [edit[0]]: sources[edit[0]]!.replace(edit[1], edit[2]) };
    const result = decideSteps(stepInduction(proof.create(), proof.lemmas, edited, proof), runZ3, 60_000);
    return result.ok ? result.value : result;
  };

  it('proves the channel for a million writes and any interleaving', () => {
    expect(prove(channelModel, '2^20')).toMatchObject({ verdict: 'proved', open: [] });
  });

  it('proves the channel with a store buffer', () => {
    // The command does it with 8 entries and 2^20 writes, which takes minutes.
    const create = () => eraseInstance(createChannelTso({ ...TSO_CONFIGS.writes, maxCounter: 63, bufferedStores: 2 }));
    expect(prove(channelTsoModel, '2^20', { create })).toMatchObject({ verdict: 'proved', open: [] });
  });

  it('proves the lock, the frames and the barriers of the kernel for runs of any length', () => {
    expect(prove(kernelModel, 'remote sender')).toMatchObject({ verdict: 'proved', open: [] });
    expect(prove(kernelModel, 'frames')).toMatchObject({ verdict: 'proved', open: [] });
  });

  /** The proof of events and device interrupts, of it the questions about one lemma and some steps: all of it takes a minute. */
  const proveSome = (
    lemma: string,
    steps: RegExp,
    { without = [], edit }: { without?: readonly string[]; edit?: readonly [string, string, string] } = {},
  ) => {
    const proof = proofOf(kernelModel, 'events');
    const types = ['externalInterrupt', 'vmcall', 'proceed', 'continue'];
    const whole = proof.create();
    const parties = whole.parties.map(its => ({
      ...its,
      alphabet: its.alphabet.filter(({ type }) => types.includes(type)),
    }));
    const known = proof.lemmas.filter(({ id }) => !without.includes(id));
    const sources = sourcesOf(kernelModel, proof);
    const [file, from, to] = edit ?? ['events.ts', '', ''];
    expect(sources[file]).toContain(from);
    const edited = { ...sources, [file]: sources[file]!.replace(from, to) };
    const all = stepInduction({ ...whole, parties }, known, edited, proof);
    const queries = all.queries.filter(query => query.lemma === lemma && steps.test(query.step));
    expect(queries.length).toBeGreaterThan(0);
    const result = decideSteps({ ...all, queries }, runZ3, 60_000);
    return result.ok ? result.value : result;
  };

  it('proves that device interrupts lose no wake-up', () => {
    expect(proveSome('no-lost-wake-up', /externalInterrupt|interruptIndicate/)).toMatchObject({
      verdict: 'proved',
      open: [],
    });
  });

  it.each([
    [
      'an interrupt whose owner is not told',
      'no-lost-wake-up',
      /externalInterrupt/,
      { edit: ['events.ts', '.activeSubject === owner;', '.activeSubject !== owner;'] },
    ],
    [
      'an injection that leaves its subject asleep',
      'injected-runs',
      /^cpu1 access.takeEvent .* -> guest$/,
      { edit: ['interrupts.ts', 's.running = true;\n      s.injection', 's.injection'] },
    ],
    [
      'that an entered sleeper halts, without knowing where injections stay',
      'sleeper-halts',
      /^cpu1 access.takeEvent .* -> guest$/,
      { without: ['injected-runs', 'injected-is-entered'] },
    ],
  ] as const)('does not prove %s', (_title, lemma, steps, change) => {
    expect(proveSome(lemma, steps, change)).toMatchObject({
      verdict: 'inconclusive',
      open: expect.arrayContaining([expect.stringMatching(new RegExp(`^${lemma}: is not shown .*\\(sat\\)$`))]),
    });
  });

  it('does not prove a lemma without its help, or a false one', () => {
    const { lemmas } = proofOf(channelModel, '2^20');
    const alone = lemmas.filter(({ id }) => id === 'success-is-write');
    expect(prove(channelModel, '2^20', { lemmas: alone })).toMatchObject({ verdict: 'inconclusive' });
    const wrongCounter = [
      'channel.ts',
      'state.header.wsc = state.header.wc + 1;',
      'state.header.wsc = state.header.wc;',
    ] as const;
    expect(prove(channelModel, '2^20', {}, wrongCounter)).toMatchObject({
      verdict: 'inconclusive',
      open: expect.arrayContaining([expect.stringMatching(/^start-counter-of-mode: is not shown to be preserved/)]),
    });
  });

  it.each([['no second look at WSC', { rechecks: false }]] as const)('does not prove %s', (_title, variant) => {
    const create = () =>
      eraseInstance(
        createChannelTso(
          { ...TSO_CONFIGS.writes, maxCounter: 63, bufferedStores: 2 },
          { ...CORRECT_VARIANT, ...variant },
        ),
      );
    expect(prove(channelTsoModel, '2^20', { create })).toMatchObject({ verdict: 'inconclusive' });
  });

  it.each([
    ['a barrier that is not reset', 'barrier]!.count = 0;', 'barrier]!.count = 1;'],
    ['a barrier that opens one CPU early', 'barrier.count + 1 === barrier.size', 'barrier.count + 2 >= barrier.size'],
    ['a frame that is told wrongly', 'partition.endTsc = state.majorStartTsc + frame', 'partition.endTsc = frame'],
  ])('does not prove %s', (_title, from, to) => {
    expect(prove(kernelModel, 'frames', {}, ['scheduler.ts', from, to])).toMatchObject({ verdict: 'inconclusive' });
  });
});
