import type { TreeElement } from '../tree.ts';
import type { ConfigType } from './config-section.ts';
import { quote, refuse } from './problem.ts';

/** Value of a configuration variable or an expression. */
export type ConfigValue =
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'string'; readonly value: string };

/** Names of variables and expressions with what they are. */
export type ConfigValues = ReadonlyMap<string, ConfigValue>;

/** Ada's Integer: 32 bits, decimal or based (16#0010_0000#). */
export function parseInteger(text: string): number | undefined {
  const match = /^ *([+-]?)(?:([0-9]+(?:_[0-9]+)*)|([0-9]{1,2})#([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)#) *$/.exec(text);
  if (match === null) return undefined;
  const [, sign, decimal, base, digits] = match;
  const radix = decimal === undefined ? Number(base) : 10;
  if (radix < 2 || radix > 16) return undefined;
  let magnitude = 0;
  for (const digit of (decimal ?? digits!).replaceAll('_', '')) {
    const value = Number.parseInt(digit, 16);
    if (value >= radix) return undefined;
    magnitude = magnitude * radix + value;
    if (magnitude > 2 ** 31) return undefined;
  }
  const value = sign === '-' ? -magnitude : magnitude;
  return value < 2 ** 31 ? value + 0 : undefined;
}

/** Ada's Boolean, in any case. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

/** Reads `text` as a value of `type`; an error names `where`, an element with the text. */
export function readConfigValue(type: ConfigType, text: string, where: TreeElement): ConfigValue {
  if (type === 'string') return { type, value: text };
  const value = type === 'boolean' ? parseBoolean(text) : parseInteger(text);
  if (value === undefined) {
    const wanted = type === 'boolean' ? 'true or false' : 'a 32-bit integer (decimal, or 16#0010_0000#)';
    refuse(where, 'SRC-CONFIG', `${quote(text)} is no ${type}`, `Write ${wanted}.`);
  }
  return { type, value } as ConfigValue;
}

/** The value as attributes and text have it. */
export const formatConfigValue = ({ value }: ConfigValue): string => String(value);

/** Equal values of equal types. */
export const sameValue = (a: ConfigValue, b: ConfigValue): boolean => a.type === b.type && a.value === b.value;
