import type { XmlElement } from '../../../policy/xml.ts';
import { ok, type Result } from '../../../units/result.ts';
import type { Program, ProgramRow } from '../instance/component.ts';
import { type AttributeBounds, numbersOf } from '../services/service-config.ts';
import { type ClientProgram, clientProgram } from './client-program.ts';

/** Text of an attribute of a `<config>`. */
export const textOf = (config: XmlElement | undefined, name: string, fallback: string): string =>
  config?.attributes[name] ?? fallback;

/** A row for a client whose numbers are checked. */
export function clientRow<Name extends string, State>(
  binary: string,
  title: string,
  bounds: Readonly<Record<Name, AttributeBounds>>,
  make: (numbers: Readonly<Record<Name, number>>, config: XmlElement | undefined) => ClientProgram<State>,
): ProgramRow {
  return {
    binary,
    title,
    create(config): Result<Program<never>, string> {
      const numbers = numbersOf(config, bounds);
      return numbers.ok ? ok(clientProgram(make(numbers.value, config)) as unknown as Program<never>) : numbers;
    },
  };
}
