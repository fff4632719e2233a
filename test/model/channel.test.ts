import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChannel, createHostileChannel, successInvariants } from '../../src/model/channel.model.ts';
import type { ChannelConfig, ChannelEvent, ChannelGeometry, ChannelState } from '../../src/model/channel-state.ts';
import type { ModelInstance } from '../../src/model/model.ts';
import { eraseInstance } from '../../src/model/model.ts';
import { explore } from './explore.ts';
import type { ChartData } from './patched.ts';
import { withChart } from './patched.ts';

const one: ChannelGeometry = { protocol: 1, size: 1, elements: 1 };
const two: ChannelGeometry = { protocol: 1, size: 1, elements: 2 };
const other: ChannelGeometry = { protocol: 2, size: 1, elements: 2 };

const base: ChannelConfig = { expected: two, geometries: [two], maxCounter: 4, epochs: 1, adoptedEpoch: 'first' };

/** The channel judged by what success must mean without any exception. */
function strict(config: ChannelConfig): ModelInstance {
  return eraseInstance({ ...createChannel(config), invariants: successInvariants(config) });
}

const violated = (instance: ModelInstance): string[] => [...explore(instance).violations.keys()].sort();

describe('channel', () => {
  it('delivers whole elements in order when the reader adopts the epoch that it saw first', () => {
    expect(violated(strict({ ...base, epochs: 2, maxCounter: 3, geometries: [two, other] }))).toEqual([]);
  });

  it('as SHMStream v2 has it, lets a reader adopt epoch 0 and return a torn element with success', () => {
    const exploration = explore(
      strict({ ...base, expected: one, geometries: [one], epochs: 2, maxCounter: 2, adoptedEpoch: 'reread' }),
    );
    expect([...exploration.violations.keys()].sort()).toEqual(['success-in-order', 'success-not-torn']);
    // Shortest: 10 accesses initialise, 4 write, then the reader synchronises while the writer initialises again.
    expect(exploration.violations.get('success-not-torn')).toHaveLength(34);
  });

  it('as SHMStream v2 has it, lets a reader keep a header that a new initialisation replaced', () => {
    const config: ChannelConfig = {
      ...base,
      epochs: 2,
      maxCounter: 2,
      geometries: [two, other],
      adoptedEpoch: 'reread',
    };
    expect(violated(strict(config))).toContain('success-compatible');
  });

  it('as SHMStream v2 has it, misses overruns when the header factors the data size differently', () => {
    const expected = { protocol: 1, size: 2, elements: 1 };
    const refactored = { protocol: 1, size: 1, elements: 2 };
    const found = violated(strict({ ...base, expected, geometries: [refactored], maxCounter: 3 }));
    expect(found).toContain('success-not-torn');
    expect(found).toContain('success-compatible');
  });

  it.each([
    ['honest', createChannel({ ...base, epochs: 2, geometries: [two, other] })],
    ['hostile', createHostileChannel({ ...base, expected: one, geometries: [one], maxCounter: 2 })],
  ] as const)('never blocks its reader: %s writer', (_name, instance) => {
    const { schema, parties } = instance;
    const reader = parties[1]!;
    const idle = reader.compiled.modeIndex('idle');
    let states = 0;
    explore(eraseInstance(instance), {
      onState: (packed, modes) => {
        states += 1;
        const event: ChannelEvent = modes[1] === idle ? { type: 'read' } : { type: 'step' };
        const next = reader.compiled.step(modes[1]!, schema.unpack(packed), event);
        if (next < 0) expect(reader.compiled.modes[modes[1]!]).toBe('some step');
      },
    });
    expect(states).toBeGreaterThan(1000);
  });

  it.each<readonly [string, string, (chart: ChartData) => void, string]>([
    [
      'a writer that announces a write only after the data',
      'writer',
      chart => {
        chart.states.active!.on!.write = { guard: 'counterLeft', target: 'write.first' };
        chart.states.write!.states.wc!.on!.step = {
          target: '#channel-writer.active',
          actions: ['storeStartCounter', 'storeCounter'],
        };
      },
      'success-not-torn',
    ],
    [
      'a writer that counts a write before its data',
      'writer',
      chart => {
        chart.states.write!.states.first!.on!.step = { target: 'second' };
        chart.states.write!.states.second!.on!.step = { target: 'wc', actions: 'storeSecond' };
      },
      'success-not-torn',
    ],
    [
      'a reader that does not look at WSC',
      'reader',
      chart => {
        chart.states.read!.states.wsc!.on!.step = { target: 'epoch', actions: 'acceptElement' };
      },
      'success-not-torn',
    ],
    [
      'a reader that looks at WSC before it copies',
      'reader',
      chart => {
        const states = chart.states.read!.states;
        states.wc!.on!.step = [
          { guard: 'noData', target: '#channel-reader.idle', actions: 'returnNoData' },
          { target: 'wsc' },
        ];
        states.wsc!.on!.step = [{ guard: 'isOverrun', target: 'skip' }, { target: 'first' }];
        states.second!.on!.step = { target: 'epoch', actions: ['loadSecond', 'acceptElement'] };
      },
      'success-not-torn',
    ],
    [
      'a reader that does not look at Epoch again',
      'reader',
      chart => {
        chart.states.read!.states.epoch!.on!.step = { target: '#channel-reader.idle' };
      },
      'success-in-order',
    ],
    [
      'a reader that trusts any protocol',
      'reader',
      chart => {
        chart.states.synchronize!.states.protocol!.on!.step = { target: 'size' };
      },
      'success-compatible',
    ],
  ])('finds %s', (_name, id, change, invariant) => {
    const config: ChannelConfig = { ...base, epochs: 2, maxCounter: 3, geometries: [two, other] };
    expect(violated(withChart(strict(config), id, change))).toContain(invariant);
  });
});

/** Whole operations, written from the description of SHMStream v2 without interleaving. */
class SequentialChannel {
  epoch = 0;
  private lastEpoch = 0;
  private written: number[] = [];
  private protocol = 0;
  private reader = { epoch: 0, rc: 0 };
  private readonly config: ChannelConfig;

  constructor(config: ChannelConfig) {
    this.config = config;
  }

  apply(event: ChannelEvent): string {
    if (event.type === 'initialize') this.initialize(event.geometry);
    if (event.type === 'write' && this.epoch > 0 && this.written.length < this.config.maxCounter) {
      this.written.push(this.written.length + 1);
    }
    if (event.type === 'deactivate') this.epoch = 0;
    if (event.type === 'drain') this.reader.rc = this.written.length;
    if (event.type === 'reset') this.reader.rc = 0;
    return event.type === 'read' ? this.read() : 'none';
  }

  private initialize(geometry: number): void {
    if (this.lastEpoch === this.config.epochs) return;
    this.lastEpoch += 1;
    this.epoch = this.lastEpoch;
    this.written = [];
    this.protocol = this.config.geometries[geometry]!.protocol;
  }

  private read(): string {
    if (this.epoch === 0) {
      this.reader.epoch = 0;
      return 'inactive';
    }
    if (this.reader.epoch !== this.epoch) {
      const matches = this.protocol === this.config.expected.protocol;
      this.reader = { epoch: matches ? this.epoch : 0, rc: 0 };
      if (!matches) return 'incompatible_interface';
    }
    const { rc } = this.reader;
    if (rc >= this.written.length) return 'no_data';
    const isOverwritten = this.written.length > rc + this.config.expected.elements;
    this.reader.rc = isOverwritten ? this.written.length : rc + 1;
    return isOverwritten ? 'overrun_detected' : `success ${this.written[rc]}`;
  }
}

describe('channel without interleaving', () => {
  const config: ChannelConfig = { ...base, epochs: 3, maxCounter: 6, geometries: [two, other], adoptedEpoch: 'reread' };
  const { schema, parties } = createChannel(config);

  /** Does one operation with all of its accesses; the result of a read with the number of the element. */
  function run(state: ChannelState, modes: number[], event: ChannelEvent): string {
    const party = ['read', 'drain', 'reset'].includes(event.type) ? 1 : 0;
    const { compiled } = parties[party]!;
    let next = compiled.step(modes[party]!, state, event);
    while (next >= 0) {
      modes[party] = next;
      next = compiled.step(next, state, { type: 'step' });
    }
    const { result, first, epoch } = state.reader;
    if (party === 0 || event.type !== 'read') return 'none';
    return result === 'success' ? `success ${first - epoch * (config.maxCounter + 1)}` : result;
  }

  it('does what its description says', () => {
    const events = fc.constantFrom<ChannelEvent>(
      { type: 'initialize', geometry: 0 },
      { type: 'initialize', geometry: 1 },
      { type: 'deactivate' },
      { type: 'write' },
      { type: 'read' },
      { type: 'drain' },
      { type: 'reset' },
    );
    const weighted = fc.oneof(events, fc.constantFrom<ChannelEvent>({ type: 'write' }, { type: 'read' }));
    const results = new Set<string>();
    fc.assert(
      fc.property(fc.array(weighted, { maxLength: 40, size: 'max' }), sequence => {
        const state = schema.initial();
        const modes = parties.map(({ compiled }) => compiled.initialMode);
        const expected = new SequentialChannel(config);
        for (const event of [{ type: 'initialize', geometry: 0 } as const, ...sequence]) {
          const result = run(state, modes, event);
          expect(result).toBe(expected.apply(event));
          results.add(result.replace(/ .*/, ''));
        }
      }),
      { numRuns: 500, seed: 7 },
    );
    expect([...results].sort()).toEqual([
      'inactive',
      'incompatible_interface',
      'no_data',
      'none',
      'overrun_detected',
      'success',
    ]);
  });
});
