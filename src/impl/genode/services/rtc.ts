import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import { interfaceNamed } from './interfaces.ts';
import { returns, type Service } from './service.ts';
import { numbersOf } from './service-config.ts';

/** Date and time of day, in the order of the interface. */
export interface DateTime {
  readonly microsecond: number;
  readonly second: number;
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly year: number;
}

const DAY_SECONDS = 86_400;
/** Days of 400 years of the Gregorian calendar. */
const ERA_DAYS = 146_097;

/** Days from 0000-03-01 to a date: years begin in March, so that the leap day is the last one. */
function dayNumber({ year, month, day }: DateTime): number {
  const years = month > 2 ? year : year - 1;
  const era = Math.floor(years / 400);
  const yearOfEra = years - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * ERA_DAYS + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
}

function dateOf(days: number): Pick<DateTime, 'day' | 'month' | 'year'> {
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / (ERA_DAYS - 1));
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = ((shifted + 2) % 12) + 1;
  return {
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
    month,
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
  };
}

/** The date and time so many microseconds later. */
export function later(from: DateTime, elapsedUs: number): DateTime {
  const microseconds = from.microsecond + elapsedUs;
  const clock = from.second + 60 * from.minute + 3600 * from.hour + Math.floor(microseconds / 1e6);
  const rest = clock % DAY_SECONDS;
  return {
    microsecond: microseconds % 1e6,
    second: rest % 60,
    minute: Math.floor(rest / 60) % 60,
    hour: Math.floor(rest / 3600),
    ...dateOf(dayNumber(from) + Math.floor(clock / DAY_SECONDS)),
  };
}

const bounds = (min: number, max: number, fallback: number) => ({ min, max, fallback });

/** Date and time of a `<config>`, which the clock starts with. */
function readStart(config: XmlElement | undefined): Result<DateTime, string> {
  const read = numbersOf(config, {
    second: bounds(0, 59, 0),
    minute: bounds(0, 59, 0),
    hour: bounds(0, 23, 0),
    day: bounds(1, 31, 1),
    month: bounds(1, 12, 1),
    year: bounds(1970, 9999, 1970),
  });
  if (!read.ok) return read;
  const start = { microsecond: 0, ...read.value };
  const { day, month, year } = dateOf(dayNumber(start));
  const isDate = day === start.day && month === start.month && year === start.year;
  return isDate ? ok(start) : err(`month ${start.month} of ${start.year} has no day ${start.day}`);
}

/** system_rtc: a clock that goes on from the date and time of its configuration with the time of the instance. */
export function rtcService(config: XmlElement | undefined): Result<Service<null>, string> {
  const start = readStart(config);
  if (!start.ok) return start;
  return ok({
    faces: [interfaceNamed('Rtc')],
    initial: null,
    open: () => ok(null),
    close: () => null,
    call(state, _session, name, _values, env) {
      // Nobody can set the clock, so the signal of `set_sigh` never comes.
      if (name !== 'current_time') return returns(state);
      const { microsecond, second, minute, hour, day, month, year } = later(start.value, env.nowUs());
      return returns(state, microsecond, second, minute, hour, day, month, year);
    },
  });
}
