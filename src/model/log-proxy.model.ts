import {
  createHostileLogClient,
  createLogClient,
  createLogServer,
  createVirtualHardware,
} from './log-proxy.machine.ts';
import type { LogMessage, LogProxyConfig, LogProxyEvent, LogProxyState } from './log-proxy-state.ts';
import { logProxySchema } from './log-proxy-state.ts';
import type { Model, ModelConfiguration, ModelInstance, ModelInvariant, ModelWitness, Party } from './model.ts';
import { eraseInstance, party } from './model.ts';
import type { Schema } from './schema.ts';

type State = Readonly<LogProxyState>;

const CLIENT = 0;
const HARDWARE = 1;
const SERVER = 2;

const isHandling = (modes: readonly string[]): boolean =>
  modes[SERVER] === 'validating' || modes[SERVER] === 'forwarding';

/** Messages on their way to the server, oldest first: what it holds, what is unread, what is buffered. */
function messagesUnderWay(state: State, modes: readonly string[], config: LogProxyConfig): LogMessage[] {
  const { channel, client, server } = state;
  const oldest = Math.max(server.rc, channel.wc - config.channelElements);
  const unread = Array.from(
    { length: channel.wc - oldest },
    (_, index) => channel.elements[(oldest + index) % config.channelElements],
  );
  const messages = [
    isHandling(modes) ? server.current : undefined,
    ...unread,
    ...client.buffer.slice(0, client.buffered),
  ];
  return messages.filter(message => message !== undefined);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const noLostWakeUp: ModelInvariant<LogProxyState> = {
  id: 'no-lost-wake-up',
  claim:
    'While the channel holds an unread message or a new epoch, an event is under way or the server is not waiting.',
  holds: ({ channel, server, doorbell, signal }, modes) => {
    const isPending = modes[CLIENT] === 'notify' || doorbell || modes[HARDWARE] === 'pending' || signal;
    const isCurrent = server.epoch === channel.epoch && server.rc === channel.wc;
    // Before the first message nothing was announced and nothing is to be read.
    return isCurrent || isPending || modes[SERVER] !== 'waiting' || (server.epoch === 0 && channel.wc === 0);
  },
};

const forwardsValidOnly: ModelInvariant<LogProxyState> = {
  id: 'forwards-valid-only',
  claim: 'What is written to a real LOG session has an existing session and at most 232 bytes.',
  holds: ({ server }, modes) =>
    modes[SERVER] !== 'forwarding' || server.sessions[server.current.session]?.open === true,
};

function lengthBounded(config: LogProxyConfig): ModelInvariant<LogProxyState> {
  return {
    ...forwardsValidOnly,
    holds: (state, modes) =>
      forwardsValidOnly.holds(state, modes) &&
      (modes[SERVER] !== 'forwarding' || (config.lengthsBytes[state.server.current.length] ?? Infinity) <= 232),
  };
}

/** What an honest client and the server keep together. Claims that relate both hold while they are in the same epoch. */
function invariants(config: LogProxyConfig): ModelInvariant<LogProxyState>[] {
  return [
    {
      id: 'session-fifo',
      claim: 'In each session, what is under way is in order, not handled before, and was issued by the client.',
      holds: (state, modes) => {
        if (state.server.epoch !== state.channel.epoch) return true;
        return state.client.sessions.every(({ issued }, session) => {
          const numbers = messagesUnderWay(state, modes, config)
            .filter(message => message.session === session)
            .map(({ sequence }) => sequence);
          const chain = [state.server.sessions[session]?.last ?? 0, ...numbers];
          return chain.every((number, index) => number <= issued && (index === 0 || number > chain[index - 1]!));
        });
      },
    },
    {
      id: 'losses-counted',
      claim:
        'Every issued message was handled, is under way, or is counted as dropped by the client or skipped by the server.',
      holds: (state, modes) => {
        const { client, channel, server } = state;
        if (server.epoch !== channel.epoch) return true;
        const handled = sum(server.sessions.map(({ last, missed }) => last - missed));
        const underWay = client.buffered + (channel.wc - server.rc) + (isHandling(modes) ? 1 : 0);
        const dropped = sum(client.sessions.map(session => session.dropped));
        return sum(client.sessions.map(({ issued }) => issued)) === handled + underWay + dropped + server.skipped;
      },
    },
    {
      id: 'honest-never-rejected',
      claim: 'No message of an honest client is rejected.',
      holds: ({ server }) => server.rejected === 0,
    },
    noLostWakeUp,
    lengthBounded(config),
  ];
}

function witnesses(config: LogProxyConfig): ModelWitness<LogProxyState>[] {
  const witness = (id: string, description: string, seen: ModelWitness<LogProxyState>['seen']) => ({
    id,
    description,
    seen,
  });
  const common = [
    witness('forwarded', 'A message is written to the real LOG session.', (_, modes) => modes[SERVER] === 'forwarding'),
    witness('dropped', 'A write finds the buffer full.', ({ client }) =>
      client.sessions.some(session => session.dropped > 0),
    ),
    witness('gap-seen', 'The server notices a gap.', ({ server }) =>
      server.sessions.some(session => session.missed > 0),
    ),
    witness('overrun', 'The server is overrun.', ({ server }) => server.skipped > 0),
    witness(
      'coalesced',
      'An event is raised while another one is pending.',
      ({ doorbell }, modes) => doorbell && modes[HARDWARE] === 'pending',
    ),
    witness(
      'recheck-needed',
      'A message is published between the last look and the acknowledgement, and its signal is cleared.',
      (state, modes) =>
        modes[SERVER] === 'rechecking' &&
        modes[CLIENT] === 'serving' &&
        modes[HARDWARE] === 'quiet' &&
        !state.doorbell &&
        !state.signal &&
        state.server.rc < state.channel.wc,
    ),
    witness('close-waits', 'A close finds the buffer full.', ({ client }) =>
      client.sessions.some(({ status }) => status === 'closing'),
    ),
  ];
  if (config.epochs === 1) return common;
  return [
    ...common,
    witness(
      'session-dead',
      'The client restarts while a real session is open.',
      ({ channel, server }) => server.epoch === channel.epoch - 1 && server.sessions.some(({ open }) => open),
    ),
  ];
}

const sessionsOf = (config: LogProxyConfig): number[] => config.labels.map((_, session) => session);

function clientAlphabet(config: LogProxyConfig): LogProxyEvent[] {
  const perSession = sessionsOf(config).flatMap((session): LogProxyEvent[] => [
    { type: 'open', session },
    { type: 'close', session },
    { type: 'retry', session },
    ...config.lengthsBytes.map((_, length): LogProxyEvent => ({ type: 'write', session, length })),
  ]);
  return [...perSession, { type: 'flush' }, { type: 'restart' }, { type: 'step' }];
}

function hostileAlphabet(config: LogProxyConfig): LogProxyEvent[] {
  const injected = [...sessionsOf(config), config.labels.length].flatMap(session =>
    Array.from({ length: config.maxWrites + 2 }, (_, sequence) => sequence).flatMap(sequence =>
      config.lengthsBytes.flatMap((_, length) =>
        (['write', 'close'] as const).map(
          (kind): LogProxyEvent => ({ type: 'inject', session, sequence, length, kind }),
        ),
      ),
    ),
  );
  return [...injected, { type: 'restart' }, { type: 'step' }];
}

function receivers(config: LogProxyConfig, schema: Schema<LogProxyState>): Party<LogProxyState, LogProxyEvent>[] {
  const hardware = createVirtualHardware(config, schema);
  const server = createLogServer(config, schema);
  return [
    party<LogProxyState, LogProxyEvent, LogProxyConfig, string, string>(
      'virtual hardware',
      hardware.machine,
      hardware.definition,
      [{ type: 'deliver' }, { type: 'inject-vector' }],
      ['doorbell', 'signal'],
    ),
    party<LogProxyState, LogProxyEvent, LogProxyConfig, string, string>(
      'server',
      server.machine,
      server.definition,
      [{ type: 'signal' }, { type: 'step' }],
      ['signal', 'server'],
    ),
  ];
}

/** LOG proxy: client side, virtual hardware and server side. */
export function createLogProxy(config: LogProxyConfig): ModelInstance<LogProxyState, LogProxyEvent> {
  const schema = logProxySchema(config);
  const { machine, definition } = createLogClient(config, schema);
  const client = party<LogProxyState, LogProxyEvent, LogProxyConfig, string, string>(
    'client',
    machine,
    definition,
    clientAlphabet(config),
    ['client', 'channel', 'doorbell'],
  );
  return {
    schema,
    parties: [client, ...receivers(config, schema)],
    invariants: invariants(config),
    witnesses: witnesses(config),
  };
}

/** The server against a client that publishes anything. */
export function createHostileLogProxy(config: LogProxyConfig): ModelInstance<LogProxyState, LogProxyEvent> {
  const schema = logProxySchema(config);
  const { machine, definition } = createHostileLogClient(config, schema);
  const client = party<LogProxyState, LogProxyEvent, LogProxyConfig, string, string>(
    'client',
    machine,
    definition,
    hostileAlphabet(config),
    ['client', 'channel', 'doorbell'],
  );
  return {
    schema,
    parties: [client, ...receivers(config, schema)],
    invariants: [lengthBounded(config)],
    witnesses: [
      {
        id: 'forwarded',
        description: 'A valid message passes.',
        seen: (_, modes) => modes[SERVER] === 'forwarding',
      },
      { id: 'rejected', description: 'A message is rejected.', seen: ({ server }) => server.rejected > 0 },
    ],
  };
}

const tiny: LogProxyConfig = {
  labels: ['net -> vim'],
  lengthsBytes: [232],
  bufferMessages: 1,
  channelElements: 1,
  maxWrites: 3,
  epochs: 1,
};

function configuration(name: string, states: number, config: LogProxyConfig, hostile = false): ModelConfiguration {
  const create = hostile ? createHostileLogProxy : createLogProxy;
  return { name, exhaustive: true, states, create: () => eraseInstance(create(config)) };
}

/** LOG sessions between two Genode instances. */
export const logProxyModel: Model = {
  id: 'log-proxy',
  title: 'LOG proxy: local LOG server, channel with event, client of the real LOG service',
  sources: ['log-proxy.ts'],
  configurations: [
    configuration('1 session, 3 writes, 1 element', 4537, tiny),
    configuration('1 session, 2 writes, 2 epochs', 15794, { ...tiny, maxWrites: 2, epochs: 2 }),
    configuration('2 sessions, 1 write each, 2 elements', 30954, {
      ...tiny,
      labels: ['net -> vim', 'net -> wm'],
      lengthsBytes: [8, 232],
      maxWrites: 1,
      channelElements: 2,
      bufferMessages: 2,
    }),
    configuration(
      '1 session, hostile client',
      114692,
      { ...tiny, lengthsBytes: [232, 233], maxWrites: 1, epochs: 2 },
      true,
    ),
  ],
};
