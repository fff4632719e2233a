import { interfaceNamed } from '../src/impl/genode/services/interfaces.ts';
import { defaultSeams } from '../src/impl/seams.ts';
import { createBench } from '../src/refinement/genode/instance-bench.ts';
import type { ProxiedCase } from '../src/refinement/genode/proxied-cases.ts';
import {
  isAtEnd,
  localConfig,
  remoteConfigs,
  runProxiedServiceScript,
} from '../src/refinement/genode/proxied-service-script.ts';
import { type ClientAction, scriptClient } from '../src/refinement/genode/script-client.ts';
import { defined, invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';

const REPEATS = 3;
const MAX_FRAMES = 100_000;
/** One operation lasts a microsecond of virtual time. */
const CYCLES_PER_SECOND = 1_000_000_000;

const LOG: ProxiedCase = { service: 'LOG', binary: '', config: '', timed: [] };
const TIMER: ProxiedCase = { service: 'Timer', binary: 'timer', config: '', timed: [] };
const BLOCK: ProxiedCase = { service: 'Block', binary: 'ram_block', config: '<config size="65536"/>', timed: [] };

const call = (opcode: number, ...values: (string | bigint)[]): ClientAction => ({
  kind: 'call',
  opcode,
  values,
  fill: 0,
});
const open: ClientAction = { kind: 'open', label: 'a' };
/** Write of eight blocks of 512 bytes. */
const writeBlocks: ClientAction = { kind: 'packet', bytes: new Uint8Array(4096).fill(7), more: [1, 0, 0, 0, 8, 0] };

/** Runs a client to the end of its actions; the virtual time that it took, in seconds. */
function runClient(row: ProxiedCase, actions: readonly ClientAction[], isProxied: boolean): number {
  const programs = [scriptClient(interfaceNamed(row.service), actions, row.timed)];
  const [client, server] = remoteConfigs(row);
  const instances = isProxied
    ? [
        { name: 'apps', config: client, programs },
        { name: 'server', config: server },
      ]
    : [{ name: 'apps', config: localConfig(row), programs }];
  const links = isProxied ? [{ name: 'link', ends: ['apps', 'server'] as const }] : [];
  const bench = createBench(instances, links, defaultSeams);
  const apps = defined(bench.find('apps'), 'apps');
  const start = bench.tsc;
  for (let frame = 0; frame < MAX_FRAMES && !isAtEnd(apps, actions.length); frame++)
    for (const subject of bench.subjects) bench.frame(subject);
  invariant(isAtEnd(apps, actions.length) && bench.wrong === '', 'the client gets its answers');
  return (bench.tsc - start) / CYCLES_PER_SECOND;
}

/** Units per second of CPU time, and of virtual time at a million operations a second of both instances in turn. */
function rates(units: number, row: ProxiedCase, actions: readonly ClientAction[], isProxied: boolean) {
  let virtualSeconds = 1;
  const value = medianOf(REPEATS, () =>
    perSecond(() => {
      virtualSeconds = runClient(row, actions, isProxied);
      return units;
    }),
  );
  return measurement(value, { 'per virtual second': units / virtualSeconds });
}

const MESSAGES = 1000;
const PACKETS = 100;

/** Lines that a client writes to the LOG service of another instance, each answered before the next; boot included. */
export const proxyLog: Benchmark = {
  id: 'proxy-log',
  title: 'LOG messages through proxies over a pair of muchannels, two whole instances',
  unit: 'messages/s',
  run: () =>
    rates(
      MESSAGES,
      LOG,
      [open, ...Array.from({ length: MESSAGES }, (_, index) => call(0, `message ${index}\n`))],
      true,
    ),
};

/** Bytes that a client writes to the disk of another instance, one packet of 4 KiB at a time. */
export const proxyBlock: Benchmark = {
  id: 'proxy-block',
  title: 'Bytes written to a Block service through proxies, two whole instances',
  unit: 'bytes/s',
  run: () => rates(PACKETS * 4096, BLOCK, [open, call(1), ...Array.from({ length: PACKETS }, () => writeBlocks)], true),
};

/** Calls of a service in the same instance: message passing, capabilities and marshalling. */
export const rpcRoundTrips: Benchmark = {
  id: 'rpc-round-trips',
  title: 'RPC calls with their replies inside of one instance',
  unit: 'calls/s',
  run: () => rates(MESSAGES, TIMER, [open, ...Array.from({ length: MESSAGES }, () => call(4))], false),
};

/** Runs of the proxied-service comparison; the peer runs the proxied side alone. */
export const proxyRefinement: Benchmark = {
  id: 'proxy-refinement',
  title: 'Scripts of a proxied LOG client compared with a local one; the peer runs without comparing',
  unit: 'runs/s',
  run() {
    const steps = [
      { operation: 'case', operands: [0] },
      ...Array.from({ length: 10 }, (_, index) => ({ operation: 'call', operands: [0, index, index, index, index] })),
    ];
    const actions = [open, ...Array.from({ length: 10 }, () => call(0, 'a'))];
    const runs = 10;
    const repeat = (work: () => void): number =>
      medianOf(REPEATS, () =>
        perSecond(() => {
          for (let run = 0; run < runs; run++) work();
          return runs;
        }),
      );
    const value = repeat(() =>
      invariant(runProxiedServiceScript(defaultSeams, steps).what === '', 'the proxies refine'),
    );
    return measurement(value, { 'without comparison': repeat(() => runClient(LOG, actions, true)) });
  },
};
