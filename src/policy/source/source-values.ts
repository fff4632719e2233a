import { ok } from '../../units/result.ts';
import { decimal, oneOf, type ValueType } from '../literal.ts';

/** A value of `type`, or one of some words that stand for none yet. */
export function orWord<T>(type: ValueType<T>, ...words: readonly string[]): ValueType<T | string> {
  return {
    name: `${type.name} or ${words.join(' or ')}`,
    parse(text) {
      if (words.includes(text)) return ok(text);
      const result = type.parse(text);
      if (result.ok) return result;
      const { code, expects, hint } = result.error;
      return { ok: false, error: { code, expects: `${expects}, or ${words.join(' or ')}`, hint } };
    },
  };
}

/** 32-bit integer of a configuration variable. */
export const INTEGER = decimalWithSign();

function decimalWithSign(): ValueType<string> {
  return {
    name: 'an integer',
    parse: text =>
      /^[+-]?[0-9]+$/.test(text.trim())
        ? ok(text)
        : { ok: false, error: { code: 'POL-NUMBER', expects: 'an integer', hint: 'Write decimal digits only.' } },
  };
}

/** Memory types that a source policy may give to a region; the toolchain adds all others. */
export const SOURCE_MEMORY_TYPES = [
  'subject',
  'subject_info',
  'subject_state',
  'subject_binary',
  'subject_channel',
  'subject_crash_audit',
  'subject_initrd',
  'subject_bios',
  'subject_acpi_rsdp',
  'subject_acpi_xsdt',
  'subject_acpi_fadt',
  'subject_acpi_dsdt',
  'subject_zeropage',
  'subject_solo5_boot_info',
  'subject_device',
  'subject_timed_event',
  'kernel_microcode',
] as const;

export const SOURCE_MEMORY_TYPE = oneOf('a memory type of a source policy', SOURCE_MEMORY_TYPES);
export const EVENT_ID = decimal('an event id', 0, 63);
export const VECTOR = decimal('an interrupt vector', 0, 255);
export const IRQ_NUMBER = decimal('an IRQ number', 0, 220);
export const COUNT = decimal('a number', 0, 2 ** 32 - 1);
export const POSITIVE = decimal('a positive number', 1, 2 ** 32 - 1);
