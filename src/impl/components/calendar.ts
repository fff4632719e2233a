/** Dates as Muen's libmutime counts them: microseconds since 1970, without leap seconds. */

/** Places of a date in the registers of a CMOS clock, each in BCD. */
export interface ClockDate {
  readonly second: number;
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  /** Last two digits. */
  readonly year: number;
}

const bcd = (value: number): number => Math.floor(value / 10) * 16 + (value % 10);

/** Latest date that libmutime knows, in microseconds. */
const LAST = 253_402_300_799_000_000n;

export function clockDate(microseconds: bigint): ClockDate {
  const bounded = microseconds < 0n ? 0n : microseconds > LAST ? LAST : microseconds;
  const date = new Date(Number(bounded / 1000n));
  return {
    second: bcd(date.getUTCSeconds()),
    minute: bcd(date.getUTCMinutes()),
    hour: bcd(date.getUTCHours()),
    day: bcd(date.getUTCDate()),
    month: bcd(date.getUTCMonth() + 1),
    year: bcd(date.getUTCFullYear() % 100),
  };
}

/** Offsets in the time-info page. */
export const TIME_INFO = { base: 0, rateHz: 8, timezone: 16 } as const;

/** Time at a TSC value: of the base, plus the ticks at the rate; 0 while nothing is published. */
export function timeAt(base: bigint, rateHz: bigint, tsc: bigint): bigint {
  const perMicrosecond = rateHz / 1_000_000n;
  return base === 0n || perMicrosecond === 0n ? 0n : base + tsc / perMicrosecond;
}
