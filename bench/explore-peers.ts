import { breadthFirst } from '../src/explore/search.ts';
import { compileModel } from '../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../src/host/model-sources.ts';
import { createCyclic, cyclicSchedulerModel, NARROW_SIZES, WIDE_SIZES } from '../src/model/cyclic-scheduler.model.ts';
import type { CyclicSchedulerConfig } from '../src/model/cyclic-scheduler-state.ts';
import { eraseInstance } from '../src/model/model.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, type Measurement, perSecond } from './benchmark.ts';
import { runSpin, spinMissing } from './spin.ts';

const REPEATS = 5;
const SPIN = 'SPIN -O2 full search';

interface OwnRun {
  readonly states: number;
  readonly transitions: number;
  readonly statesPerSecond: number;
  readonly bytesPerState: number;
  readonly bits: number;
}

/** Full search of one size with parent links kept; the best of `repeats` runs after one that warms up. */
function exploreSize(config: CyclicSchedulerConfig, repeats: number): OwnRun {
  const system = compileModel(eraseInstance(createCyclic(config)), readModelSources(cyclicSchedulerModel.sources));
  let last = { states: 0, transitions: 0, bytesPerState: 0 };
  const rates = Array.from({ length: repeats + 1 }, () =>
    perSecond(() => {
      const { table, transitions, complete } = breadthFirst({ ...system, claims: [] }, { maxBytes: 2 ** 33 });
      invariant(complete, 'the whole space is explored');
      last = { states: table.size, transitions, bytesPerState: table.bytes / table.size };
      return table.size;
    }),
  );
  return { ...last, bits: system.bits, statesPerSecond: Math.max(...rates.slice(1)) };
}

const spinDefines = (config: CyclicSchedulerConfig): Readonly<Record<string, number>> => ({
  EVENTS: config.eventBits,
  DEPTH: config.channelDepth,
  BOXES: config.mailboxes,
  MESSAGES: config.messages,
});

/** Ours and SPIN on the same model, which must have the same counts; then how the rate changes with the size. */
function compare(sizes: readonly CyclicSchedulerConfig[], main: number): Measurement {
  const missing = spinMissing();
  if (missing !== '') process.stderr.write(`SPIN is left out: ${missing}\n`);
  const peers: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  let value = 0;
  for (const [index, config] of sizes.entries()) {
    const repeats = index > main ? 1 : REPEATS;
    const own = exploreSize(config, repeats);
    if (index !== main) peers[`states/s at ${own.states} states`] = own.statesPerSecond;
    else {
      value = own.statesPerSecond;
      peers.states = own.states;
      peers.transitions = own.transitions;
      peers['bits per state'] = own.bits;
      peers['bytes per state in memory'] = own.bytesPerState;
    }
    if (missing !== '') continue;
    const spin = runSpin('cyclic-scheduler.pml', spinDefines(config), own.states, repeats);
    invariant(spin.complete, 'SPIN searched the whole space');
    invariant(spin.states === own.states, `SPIN stores ${spin.states} states, not ${own.states}`);
    invariant(spin.transitions === own.transitions, `SPIN takes ${spin.transitions} steps, not ${own.transitions}`);
    if (index === main) {
      peers[SPIN] = spin.statesPerSecond;
      ratios[SPIN] = own.statesPerSecond / spin.statesPerSecond;
      peers['bytes per state of SPIN'] = spin.bytesPerState;
      ratios['bytes per state of SPIN'] = own.bytesPerState / spin.bytesPerState;
    } else peers[`SPIN at ${spin.states} states`] = spin.statesPerSecond;
  }
  return { value, peers, ratios };
}

/** The scheduler with 22 bits a state: 1,040,384 states, 7,899,136 transitions; a unit is one state expanded and stored. */
export const exploreNarrow: Benchmark = {
  id: 'explore-narrow',
  title: 'Full breadth-first search with parent links of a scheduler of 22 bits a state, against SPIN',
  unit: 'states/s',
  run: () => compare(NARROW_SIZES, 2),
};

/** The scheduler with a ring of mailboxes, 84 bits a state: 2,641,600 states; a unit is one state expanded and stored. */
export const exploreWide: Benchmark = {
  id: 'explore-wide',
  title: 'Full breadth-first search with parent links of a scheduler of 84 bits a state, against SPIN',
  unit: 'states/s',
  run: () => compare(WIDE_SIZES.slice(0, 3), 2),
};
