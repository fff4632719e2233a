import { createCyclicScheduler } from './cyclic-scheduler.machine.ts';
import {
  type CyclicSchedulerConfig,
  type CyclicSchedulerEvent,
  type CyclicSchedulerState,
  cyclicSchedulerSchema,
} from './cyclic-scheduler-state.ts';
import { eraseInstance, type Model, type ModelConfiguration, type ModelInstance, party } from './model.ts';

const CPUS = [0, 1] as const;

function alphabet(config: CyclicSchedulerConfig): CyclicSchedulerEvent[] {
  const each = (type: 'raise' | 'take' | 'send' | 'receive'): CyclicSchedulerEvent[] =>
    CPUS.map(cpu => ({ type, cpu }));
  return [
    ...CPUS.map((cpu): CyclicSchedulerEvent => ({ type: 'tick', cpu })),
    ...CPUS.map((major): CyclicSchedulerEvent => ({ type: 'requestMajor', cpu: 0, major })),
    ...(config.eventBits === 0 ? [] : [...each('raise'), ...each('take')]),
    ...(config.channelDepth === 0 ? [] : [...each('send'), ...each('receive')]),
    ...Array.from(
      { length: config.mailboxes },
      (_, box): CyclicSchedulerEvent => ({ type: 'forward', cpu: box % 2, box }),
    ),
  ];
}

/** Two CPUs with one scheduler; messages start in the first mailbox. */
export function createCyclic(config: CyclicSchedulerConfig): ModelInstance<CyclicSchedulerState, CyclicSchedulerEvent> {
  const bare = cyclicSchedulerSchema(config);
  const schema = {
    ...bare,
    initial: () => {
      const state = bare.initial();
      if (config.mailboxes > 0) state.boxes[0] = config.messages;
      return state;
    },
  };
  const { machine, definition } = createCyclicScheduler(config, schema);
  return {
    schema,
    parties: [
      party<CyclicSchedulerState, CyclicSchedulerEvent, CyclicSchedulerConfig, string, string>(
        'scheduler',
        machine,
        definition,
        alphabet(config),
      ),
    ],
    invariants: [
      {
        id: 'messages-kept',
        claim: 'No message is lost or made in the ring of mailboxes.',
        holds: state => config.mailboxes === 0 || state.boxes.reduce((sum, box) => sum + box, 0) === config.messages,
      },
    ],
    witnesses: [
      {
        id: 'other-major-frame',
        description: 'The other major frame runs.',
        seen: state => state.major === 1,
      },
      {
        id: 'one-waits',
        description: 'One CPU waits at the end of the major frame.',
        seen: (_, modes) => modes[0] !== 'running',
      },
    ],
  };
}

const plain: CyclicSchedulerConfig = {
  minorFrames: 4,
  ticksPerFrame: 4,
  eventBits: 4,
  channelDepth: 7,
  mailboxes: 0,
  messages: 0,
};

/** Sizes of the benchmark of narrow states, ascending. */
export const NARROW_SIZES: readonly CyclicSchedulerConfig[] = [
  { ...plain, eventBits: 0, channelDepth: 2 },
  { ...plain, eventBits: 2, channelDepth: 4 },
  plain,
  { ...plain, channelDepth: 24 },
];

const ring: CyclicSchedulerConfig = { ...plain, eventBits: 0, channelDepth: 0, mailboxes: 24, messages: 1 };

/** Sizes of the benchmark of states of more than 64 bits, ascending. */
export const WIDE_SIZES: readonly CyclicSchedulerConfig[] = [
  ring,
  { ...ring, messages: 2 },
  { ...ring, messages: 3 },
  { ...ring, messages: 4 },
];

const configuration = (name: string, config: CyclicSchedulerConfig, states: number | undefined): ModelConfiguration => {
  const create = (): ModelInstance => eraseInstance(createCyclic(config));
  return states === undefined ? { name, exhaustive: false, create } : { name, exhaustive: true, states, create };
};

/** The scheduler that benchmarks compare model checkers on. */
export const cyclicSchedulerModel: Model = {
  id: 'cyclic-scheduler',
  title: 'Cyclic scheduler of two CPUs: minor frames, end-of-major barrier, events, channels, a ring of mailboxes',
  sources: ['cyclic-scheduler.ts'],
  configurations: [
    configuration('2 event bits, channels of 2', { ...plain, eventBits: 2, channelDepth: 2 }, 36_576),
    configuration('24 mailboxes, 1 message', ring, 24_384),
    configuration('4 event bits, channels of 7', plain, undefined),
    configuration('24 mailboxes, 3 messages', { ...ring, messages: 3 }, undefined),
  ],
};
