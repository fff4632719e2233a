import { joinBig } from '../../units/word.ts';
import type { HostedSoftware } from '../hosted.ts';
import { type RoundState, roundSoftware, type Steps, stop, writeWide } from '../native/rounds.ts';
import { TIME_INFO } from './calendar.ts';
import { type ComponentEntry, hasFile } from './component.ts';
import { address, some, table } from './entry-parts.ts';
import { readRows, writeRows } from './parameter-rows.ts';

/** Muen's time subject: says once at which time the TSC was 0, and how fast it counts. */
export interface TimeConfig {
  /** Pages that it exports the time to. */
  readonly exports: readonly number[];
  readonly tscKhz: number;
  /** Page with the start of the minor frame, for a subject that may not read the TSC; undefined for one that may. */
  readonly schedulingInfo: number | undefined;
  /** What the clock says when it is asked, in microseconds since 1970: no clock stands behind the ports of this machine. */
  readonly clockMicroseconds: number;
}

/** Decisions that a seeded fault can replace. */
export interface TimeOps {
  readonly ticksPerMicrosecond: (tscKhz: number) => number;
}

export const timeOps: TimeOps = { ticksPerMicrosecond: tscKhz => Math.floor(tscKhz / 1000) };

function* publish(config: TimeConfig, ops: TimeOps): Steps<never> {
  const { schedulingInfo } = config;
  const { low, high } = yield schedulingInfo === undefined
    ? { kind: 'rdtsc' }
    : { kind: 'read', address: schedulingInfo, sizeBytes: 8 };
  const sinceBoot = joinBig(low, high) / BigInt(Math.max(1, ops.ticksPerMicrosecond(config.tscKhz)));
  const base = BigInt(config.clockMicroseconds) - sinceBoot;
  for (const page of config.exports) {
    // The base is what readers wait for.
    yield* writeWide(page + TIME_INFO.rateHz, BigInt(config.tscKhz) * 1000n);
    yield* writeWide(page + TIME_INFO.timezone, 0n);
    yield* writeWide(page + TIME_INFO.base, base < 0n ? 0n : base);
  }
  return yield* stop();
}

export const timeSubject = (config: TimeConfig, ops: TimeOps): HostedSoftware<RoundState<null>> =>
  roundSoftware<null>('time', null, () => publish(config, ops));

export const time: ComponentEntry = {
  title: 'Time: publishes the time at which the TSC was 0, and its rate',
  limits: 'no clock stands behind the ports of this machine: the date is a parameter, by default 2024-01-01',
  parameters: {
    exports: table('pages that it publishes to', ['number']),
    schedulingInfo: address('the scheduling-info page, for a subject that may not read the TSC', 0),
    tscKhz: { kind: 'number', meaning: 'rate of the TSC in kHz', min: 1 },
    clockMicroseconds: {
      kind: 'number',
      meaning: 'date of the clock, in microseconds since 1970',
      fallback: 1_704_067_200_000_000,
      max: Number.MAX_SAFE_INTEGER,
    },
  },
  recognises: facts =>
    hasFile(facts, 'time') && facts.subject.memory.some(({ logical }) => /^time_export\d+$/.test(logical)),
  parametersOf: facts => ({
    exports: writeRows(
      facts.subject.memory.filter(({ logical }) => /^time_export\d+$/.test(logical)).map(row => [row.virtualAddress]),
    ),
    tscKhz: facts.document.hardware.processor.speedKhz,
    schedulingInfo: facts.subject.vcpu.controls.proc.RDTSCExiting === 1 ? (facts.address('scheduling_info') ?? 0) : 0,
  }),
  create: (given, ops) =>
    timeSubject(
      {
        exports: readRows(given.text('exports'), ['number']).map(([page]) => Number(page)),
        tscKhz: given.number('tscKhz'),
        schedulingInfo: some(given.number('schedulingInfo')),
        clockMicroseconds: given.number('clockMicroseconds'),
      },
      ops.component.time,
    ),
};
