import { describe, expect, it } from 'vitest';
import { kernelModel } from '../../src/model/kernel.model.ts';
import type { ModelInstance } from '../../src/model/model.ts';
import { explore } from './explore.ts';
import { type ChartData, withChart } from './patched.ts';

/* The claims about the kernel model can fail: charts with a defect violate them. */

function configuration(name: RegExp): ModelInstance {
  const found = kernelModel.configurations.filter(entry => name.test(entry.name));
  if (found.length !== 1) throw new Error(`${found.length} configurations match ${name}`);
  return found[0]!.create();
}

/** Chart state by path. */
function stateAt(chart: ChartData, path: string): ChartData & { on: Record<string, unknown> } {
  let found = chart;
  for (const part of path.split('.')) found = found.states[part]!;
  return found as ChartData & { on: Record<string, unknown> };
}

/** Changes what happens at `event` in a mode. */
const replace =
  (path: string, event: string, transition: unknown) =>
  (chart: ChartData): void => {
    stateAt(chart, path).on[event] = transition;
  };

const FAULTS: readonly (readonly [
  name: string,
  configuration: RegExp,
  cpu: string,
  change: (chart: ChartData) => void,
  violated: string,
])[] = [
  [
    'no second look after a group was unmarked while searching (Muen e104322ec)',
    /remote sender, one frame/,
    'cpu0',
    replace('access.scanUnmark', 'proceed', [
      { guard: 'moreGroups', target: 'scanRead', actions: ['unmarkCandidate', 'examineNext'] },
      { target: '#kernel.choose.chosen', actions: ['unmarkCandidate', 'chooseNone'] },
    ]),
    'no-lost-wake-up',
  ],
  [
    'no second look after sleep unmarked the group (Muen e55b1c928)',
    /remote sender, one frame/,
    'cpu0',
    replace('access.restUnmark', 'proceed', { target: 'scanRead', actions: ['unmarkCurrent', 'beginReschedule'] }),
    'no-lost-wake-up',
  ],
  [
    'events set without telling the group (Muen dad87fc2b)',
    /remote sender, one frame/,
    'cpu1',
    replace('access.setPending', 'proceed', { target: 'takeEvent', actions: ['setPending', 'finishSource'] }),
    'no-lost-wake-up',
  ],
  [
    'interrupts inserted without telling the group (Muen 983b9a04d)',
    /timed event and interrupt/,
    'cpu0',
    replace('guest', 'externalInterrupt', { target: 'access.takeEvent', actions: ['saveExit', 'routeInterrupt'] }),
    'no-lost-wake-up',
  ],
  [
    'a group unmarked without being put on the timer list',
    /2 partitions/,
    'cpu0',
    replace('access.restCheck', 'proceed', [
      { guard: 'sourceHasWork', target: 'scanRead', actions: 'beginReschedule' },
      { target: 'restUnmark' },
    ]),
    'unmarked-groups-wait',
  ],
  [
    'the running flag not set at dispatch (Muen c3c786d91)',
    /2 partitions/,
    'cpu0',
    replace('choose.chosen', 'continue', [
      { guard: 'isDispatch', target: 'timedEvent', actions: 'publishFrame' },
      { guard: 'isFound', target: 'target' },
      { target: 'target', actions: 'sleepPartition' },
    ]),
    'entered-subject-runs',
  ],
  [
    'minor barriers passed without waiting',
    /minor barrier/,
    'cpu1',
    replace('choose.frame', 'continue', [
      { guard: 'isLastMinor', target: '#kernel.access.barrierRead', actions: 'meetAll' },
      { target: 'timers', actions: 'nextMinor' },
    ]),
    'barrier-separates',
  ],
  [
    'a barrier released before its count was reset',
    /minor barrier/,
    'cpu0',
    replace('access.barrierReset', 'proceed', { target: '#kernel.choose.released', actions: 'releaseBarrier' }),
    'barrier-count',
  ],
  [
    'one meeting instead of two at the end of a major frame',
    /minor barrier/,
    'cpu1',
    replace('choose.released', 'continue', [
      { guard: 'isFirstMeeting', target: 'timers', actions: 'firstMinor' },
      { target: 'timers', actions: 'nextMinor' },
    ]),
    'major-advances-alone',
  ],
  [
    'the frame not published at dispatch',
    /2 partitions/,
    'cpu0',
    replace('choose.chosen', 'continue', [
      { guard: 'isDispatch', target: 'timedEvent' },
      { guard: 'isFound', target: 'target', actions: 'runChosen' },
      { target: 'target', actions: 'sleepPartition' },
    ]),
    'published-frame',
  ],
];

describe('kernel model', () => {
  it.each(FAULTS)('finds %s', (_name, name, cpu, change, violated) => {
    const exploration = explore(withChart(configuration(name), cpu, change), { limit: 60_000 });
    expect([...exploration.violations.keys()]).toContain(violated);
  });

  it('shows the shortest way to a lost wake-up', () => {
    const [, name, cpu, change] = FAULTS[0]!;
    const { violations } = explore(withChart(configuration(name), cpu, change));
    const trace = violations.get('no-lost-wake-up')!;
    expect(trace).toHaveLength(32);
    expect(trace.some(line => line.startsWith('cpu1') && line.includes('vmcall'))).toBe(true);
  });

  it('has, as Muen, timeouts that are not refreshed while a group is listed', () => {
    const exploration = explore(configuration(/timed event and interrupt/));
    const trace = exploration.witnesses.get('stale-timeout')!;
    // Sleep, wake by an injected interrupt in the same frame, set the timed event, sleep again.
    const exits = trace.filter(line => !/proceed|continue/.test(line)).map(line => /"type":"(\w+)"/.exec(line)?.[1]);
    expect(exits).toEqual(['vmcall', 'externalInterrupt', 'timedEventWrite', 'vmcall']);
  });
});
