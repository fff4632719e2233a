import { describe, expect, it } from 'vitest';
import { explorationReport } from '../../src/explore/report.ts';
import { breadthFirst } from '../../src/explore/search.ts';
import { inductionScript, readAnswers } from '../../src/explore/smt/induction.ts';
import { compileModel } from '../../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../../src/host/model-sources.ts';
import { runZ3 } from '../../src/host/z3.ts';
import { CHANNEL_LEMMAS, channelModel } from '../../src/model/channel.model.ts';
import { eraseInstance, type ModelInstance } from '../../src/model/model.ts';
import { checkSubset } from '../model/subset-checker.ts';

const available = runZ3('(check-sat)').ok;
const proof = channelModel.proofs![0]!;
const sources = readModelSources([...channelModel.sources, ...proof.sources]);

describe('lemmas of the channel', () => {
  it('are written in the model subset', () => {
    expect(checkSubset(sources)).toEqual([]);
  });

  it('hold in every state of a small channel', () => {
    const instance = channelModel.configurations[0]!.create();
    const config = instance.parties[0]!.definition.config;
    const invariants = CHANNEL_LEMMAS.map(({ id, claim, holds }) => ({
      id,
      claim,
      holds: (state: unknown, modes: readonly string[]) =>
        (holds as unknown as (...args: readonly unknown[]) => boolean)(state, modes, config),
    }));
    const checked: ModelInstance = eraseInstance({ ...instance, invariants });
    const system = compileModel(checked, readModelSources(channelModel.sources));
    expect(explorationReport(system, breadthFirst(system)).verdict).toBe('exhausted');
  });
});

describe.skipIf(!available)('induction through z3 (Debian: apt install z3)', () => {
  const prove = (lemmas: typeof CHANNEL_LEMMAS, files = sources) => {
    const script = inductionScript(proof.create(), lemmas, files);
    const output = runZ3(script.text);
    return output.ok ? readAnswers(script, output.value) : output;
  };

  it('proves the channel for a million writes and any interleaving', () => {
    expect(prove(proof.lemmas)).toMatchObject({ verdict: 'proved', open: [] });
  });

  it('does not prove a lemma without its help, or a false one', () => {
    const alone = proof.lemmas.filter(({ id }) => id === 'success-is-write');
    expect(prove(alone)).toMatchObject({ verdict: 'inconclusive' });
    const broken = {
      ...sources,
      'channel.ts': sources['channel.ts']!.replace(
        'state.header.wsc = state.header.wc + 1;',
        'state.header.wsc = state.header.wc;',
      ),
    };
    expect(prove(proof.lemmas, broken)).toMatchObject({
      verdict: 'inconclusive',
      open: expect.arrayContaining([expect.stringMatching(/^start-counter-of-mode: is not preserved/)]),
    });
  });
});
