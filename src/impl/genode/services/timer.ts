import { ok } from '../../../units/result.ts';
import { interfaceNamed } from './interfaces.ts';
import { returns, type Service, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';

/** Opcode of `sigh`, by which the timeout is signalled. */
export const TIMER_SIGH = 2;
/** Shortest period: a shorter one would keep the instance busy with nothing else. */
const MIN_PERIOD_US = 100;

export interface TimerSession {
  readonly openedUs: number;
  /** Time of the next timeout, undefined for none. */
  readonly dueUs: number | undefined;
  /** 0 for a timeout that comes once. */
  readonly periodUs: number;
}

export type TimerState = ReadonlyMap<SessionNumber, TimerSession>;

function schedule(
  state: TimerState,
  session: SessionNumber,
  afterUs: number,
  periodUs: number,
  env: ServiceEnv,
): TimerState {
  const known = state.get(session)!;
  const dueUs = afterUs === 0 && periodUs === 0 ? undefined : env.nowUs() + afterUs;
  if (dueUs !== undefined) env.wakeAtUs(dueUs);
  return withEntry(state, session, { ...known, dueUs, periodUs });
}

/** Microseconds of an argument, bounded so that sums stay exact. */
const microseconds = (value: unknown): number => Number(BigInt.asUintN(64, BigInt(value as bigint))) % 2 ** 50;

/** Timer: timeouts are signalled, never early; a new request replaces the one before. */
export const timerService: Service<TimerState> = {
  faces: [interfaceNamed('Timer')],
  initial: new Map(),
  open: (state, session, _request, env) =>
    ok(withEntry(state, session, { openedUs: env.nowUs(), dueUs: undefined, periodUs: 0 })),
  close: (state, session) => withEntry(state, session, undefined),
  call(state, session, name, [value], env) {
    const elapsedUs = env.nowUs() - (state.get(session)?.openedUs ?? 0);
    switch (name) {
      case 'trigger_once':
        return returns(schedule(state, session, Math.max(1, microseconds(value)), 0, env));
      case 'trigger_periodic': {
        const us = microseconds(value);
        const periodUs = us === 0 ? 0 : Math.max(MIN_PERIOD_US, us);
        return returns(schedule(state, session, periodUs, periodUs, env));
      }
      case 'elapsed_ms':
        return returns(state, BigInt(Math.floor(elapsedUs / 1000)));
      case 'elapsed_us':
        return returns(state, BigInt(elapsedUs));
      default:
        return returns(state);
    }
  },
  wake(state, env) {
    const now = env.nowUs();
    let next = state;
    for (const [session, timer] of state) {
      if (timer.dueUs === undefined) continue;
      if (timer.dueUs > now) env.wakeAtUs(timer.dueUs);
      else {
        env.notify(session, TIMER_SIGH);
        const missed = timer.periodUs === 0 ? 0 : Math.floor((now - timer.dueUs) / timer.periodUs) + 1;
        const dueUs = timer.periodUs === 0 ? undefined : timer.dueUs + missed * timer.periodUs;
        if (dueUs !== undefined) env.wakeAtUs(dueUs);
        next = withEntry(next, session, { ...timer, dueUs });
      }
    }
    return next;
  },
};
