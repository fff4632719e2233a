import { describe, expect, test } from 'vitest';
import { followProxies } from '../../properties/proxies/log-proxy-refinement.ts';
import { isWorkbench, type Workbench, workbench } from '../../properties/workbench.ts';
import { description as logProxy } from '../../scenarios/log-proxy/description.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import type { ProxyOps } from '../../src/impl/genode/log-ops.ts';
import type { ChannelOps } from '../../src/impl/native/muchannel.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import type { LogProxyLockstep } from '../../src/refinement/log-proxy-lockstep.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { type SeamChanges, scenarioContext, seamsWith } from '../properties/scenario-context.ts';
import { resettable, resetter } from './resettable.ts';

type GivenParameters = Readonly<Record<string, string | number>>;

function bench(changes: SeamChanges = {}): { readonly context: CheckContext; readonly found: Workbench } {
  const context = scenarioContext('log-proxy', seamsWith(changes));
  const found = workbench(context);
  if (!isWorkbench(found)) throw new Error('log-proxy cannot be built');
  return { context, found };
}

function timed({ bench: { system } }: Workbench, majorFrames: number, programs: readonly SubjectProgram[]): RunSpec {
  const { time, kernel } = system;
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, 40),
    endTsc: time.startTsc + majorFrames * kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: 20_000,
    programs,
    interrupts: [],
    interleavings: [],
  };
}

/** The scenario's software with some parameters of the proxies changed. */
const software = (context: CheckContext, client: GivenParameters, server: GivenParameters): readonly SubjectProgram[] =>
  context.software.map(row => {
    const changes = row.subject === 'genode_client' ? client : row.subject === 'genode_server' ? server : {};
    return { ...row, parameters: { ...row.parameters, ...changes } };
  });

const follow = (context: CheckContext, found: Workbench, spec: RunSpec): LogProxyLockstep => {
  const [lockstep] = followProxies(context, found, spec);
  if (lockstep === undefined) throw new Error('no proxies were followed');
  return lockstep;
};

/** A client that publishes faster than a channel of one element holds. */
const FLOOD = { elements: 1, capacity: 5, burst: 6, sendBurst: 5 };

describe('implementation and model agree', () => {
  test('on the scenario as it is: lines arrive, drops are counted, the server wakes up', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 30, context.software));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.seen.delivered).toBeGreaterThan(30);
    expect(lockstep.seen.dropped).toBeGreaterThan(5);
    expect(lockstep.seen.wakeUps).toBeGreaterThan(20);
    expect(lockstep.operations).toBeGreaterThan(3000);
  });

  test('when the server is overrun', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 30, software(context, FLOOD, { elements: 1 })));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.seen.overrun).toBeGreaterThan(3);
  });

  test('when the client closes its sessions and ends', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 30, software(context, { messages: 4 }, {})));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.seen.delivered).toBeGreaterThan(4);
  });
});

describe('a seeded defect of one decision diverges', () => {
  const faults: readonly (readonly [string, Partial<ProxyOps>, RegExp])[] = [
    ['length not validated', { validateLength: () => true }, /refused 0 requests, the model 1/],
    [
      'sequence number used again',
      { nextSequence: sequence => Math.max(1, sequence) },
      /issued of the client's session/,
    ],
    ['buffer without bound', { admits: () => true }, /client's session|client buffers/],
    ['event before the message', { hintsAfterPublish: () => false }, /raises its event, but nothing was published/],
    ['all messages in one session', { chooseSession: () => 0 }, /server's session|rejected|delivered/],
    ['line without its label', { logLine: (_label, text) => text }, /of its log, due is/],
    ['nothing is fresh', { isFresh: () => false }, /the server counts 0 delivered, the model 1/],
    ['nothing is current', { isCurrent: () => false }, /the server counts 0 delivered, the model 1/],
  ];

  test.each(faults)('%s', (_name, proxy, expected) => {
    const { context, found } = bench({ proxy });
    const { divergence } = follow(context, found, timed(found, 30, context.software));
    expect(divergence?.what).toMatch(expected);
  });

  test('sleep although a message came since the last look', () => {
    const { context, found } = bench({ proxy: { drainAgain: () => false } });
    const divergences = Array.from({ length: 24 }, (_, pauses) => {
      const client = { elements: 4, burst: 1, sendBurst: 1, pauses };
      const programs = software(context, client, {}).map(program =>
        'software' in program && program.subject === 'genode_client'
          ? { ...program, parameters: withoutTimer(program.parameters) }
          : program,
      );
      return follow(context, found, timed(found, 10, programs)).divergence?.what ?? '';
    });
    expect(divergences.join()).toMatch(/the server sleeps, in the model it is draining: a message is unread/);
  });

  test('an event of the client that the kernel gives to somebody else leaves proxies and model in agreement', () => {
    // Delivery of events is the kernel model's business: the proxies only lose time by it.
    const { context, found } = bench();
    const programs = software(context, { event: 2 }, {});
    expect(follow(context, found, timed(found, 10, programs)).divergence).toBeUndefined();
  });

  const torn: readonly (readonly [string, Partial<ChannelOps>, RegExp])[] = [
    ['commit before data', { writeOrder: () => ['announce', 'commit', 'data'] }, /element 0 of the channel is/],
    ['no check of WSC', { isOverrun: () => false }, /in the model with skip|copied/],
    ['wrong modulus', { elementIndex: (count, n) => (count.low + 1) % (n + 1) }, /stores at offset|element 0|due is/],
  ];

  test.each(torn)('channel: %s', (_name, channel, expected) => {
    const { context, found } = bench({ channel });
    const { divergence } = follow(context, found, timed(found, 30, software(context, FLOOD, { elements: 1 })));
    expect(divergence?.what).toMatch(expected);
  });
});

const withoutTimer = (parameters: GivenParameters): GivenParameters =>
  Object.fromEntries(Object.entries(parameters).filter(([name]) => name !== 'timerEvent'));

describe('a proxy that is reset starts anew, and so does its side of the model', () => {
  const rows = scenarioContext('log-proxy').software;
  const run = (victim: string, proxy: Partial<ProxyOps>): LogProxyLockstep => {
    const { context, found } = resettable(logProxy, victim, rows, seamsWith({ proxy }));
    return follow(context, found, timed(found, 60, [...software(context, {}, {}), resetter(150, 12)]));
  };

  test.each([
    ['genode_client', 'the client was reset'],
    ['genode_server', 'the server was reset'],
  ])('%s', (victim, noted) => {
    const lockstep = run(victim, {});
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.unspecified[noted]).toBeGreaterThan(0);
    expect(lockstep.seen.delivered).toBeGreaterThan(20);
  });

  test('sessions that outlive their client diverge', () => {
    expect(run('genode_client', { keepsSessions: () => true }).divergence?.what).toMatch(/the server/);
  });
});

describe('what is not followed', () => {
  test.each([
    ['another shape at the server', {}, { elements: 2 }],
    ['other sessions at the server', {}, { labels: 'desktop' }],
    ['a server that calls for sleep where it means to notify', {}, { notifyEvent: 1 }],
    ['a client that writes elsewhere', { address: 0x1000 }, {}],
  ])('%s', (_name, client, server) => {
    const { context, found } = bench();
    expect(followProxies(context, found, timed(found, 1, software(context, client, server)))).toEqual([]);
  });
});
