import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { LabelPattern } from '../init/label.ts';
import { selectPolicy } from '../init/session-policy.ts';
import { readSize } from '../init/values.ts';

/** Bounds of a number in a service's configuration, inclusive. */
export interface AttributeBounds {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A number, or bytes with a suffix, in an attribute of a `<config>` or of a node in it. */
export function numberOf(
  element: XmlElement | undefined,
  name: string,
  { fallback, min, max }: AttributeBounds,
): Result<number, string> {
  const text = element?.attributes[name];
  if (text === undefined) return ok(fallback);
  const value = readSize(text);
  if (value === undefined || value < min || value > max)
    return err(`${name}="${text}" of <${element!.name}> is not a number from ${min} to ${max}`);
  return ok(value);
}

/** Several numbers at once; the first that is wrong is the error. */
export function numbersOf<Name extends string>(
  element: XmlElement | undefined,
  bounds: Readonly<Record<Name, AttributeBounds>>,
): Result<Readonly<Record<Name, number>>, string> {
  const values: Partial<Record<Name, number>> = {};
  for (const name of Object.keys(bounds) as Name[]) {
    const value = numberOf(element, name, bounds[name]);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  return ok(values as Record<Name, number>);
}

const patternOf = ({ attributes }: XmlElement): LabelPattern => ({
  label: attributes.label,
  labelPrefix: attributes.label_prefix,
  labelSuffix: attributes.label_suffix,
  labelLast: attributes.label_last,
  unscopedLabel: undefined,
});

/** The `policy` node of a server's configuration that a session label selects, else its `default-policy`. */
export function policyFor(config: XmlElement | undefined, label: string): XmlElement | undefined {
  const nodes = config?.children ?? [];
  const policies = nodes.filter(({ name }) => name === 'policy');
  const index = selectPolicy(policies.map(patternOf), label);
  return policies[index] ?? nodes.find(({ name }) => name === 'default-policy');
}

/** Size of a buffer that a session argument asks for; undefined if it says nonsense or more than `maxBytes`. */
export function bufferBytes(text: string | undefined, fallback: number, maxBytes: number): number | undefined {
  const value = text === undefined ? fallback : readSize(text);
  return value === undefined || value < 1 || value > maxBytes ? undefined : value;
}
