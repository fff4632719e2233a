import type { SoftwareOps } from '../software.ts';
import type { ParameterSpec, ParameterSpecs, Parameters } from '../software-parameters.ts';
import type { ComponentParameters } from './component.ts';
import { type LogSink, logLayout } from './debug-log.ts';
import { type Column, checkRows } from './parameter-rows.ts';
import type { PolicyFacts } from './policy-facts.ts';

/** Parameters that stand-ins have in common. */

export const address = (meaning: string, fallback?: number): ParameterSpec => ({
  kind: 'number',
  meaning: `virtual address of ${meaning}${fallback === 0 ? ', 0 for none' : ''}`,
  ...(fallback === undefined ? {} : { fallback }),
});
export const bytes = (meaning: string): ParameterSpec => ({
  kind: 'number',
  meaning: `bytes of ${meaning}`,
  fallback: 0,
});
export const optionalEvent = (meaning: string): ParameterSpec => ({ kind: 'optional-event', meaning });
export const requiredEvent = (meaning: string): ParameterSpec => ({ kind: 'event', meaning });
export const table = (meaning: string, columns: readonly Column[], rest?: Column): ParameterSpec => ({
  kind: 'document',
  meaning: `${meaning}, one a line`,
  fallback: '',
  check: checkRows(columns, rest),
});
/** An address, undefined for 0. */
export const some = (value: number): number | undefined => (value === 0 ? undefined : value);

export const SCHEDULING_INFO = 0xe_0000_8000;
export const LOG_PARAMETERS: ParameterSpecs = {
  logAddress: address('the debug-log channel', 0),
  logBytes: bytes('the debug-log channel'),
};
export const SCHEDULE: ParameterSpecs = { schedulingInfo: address('the scheduling-info page', SCHEDULING_INFO) };

export function sinkOf(given: Parameters, { channel }: SoftwareOps): LogSink | undefined {
  const at = some(given.number('logAddress'));
  if (at === undefined) return undefined;
  return {
    layout: logLayout(at, given.number('logBytes')),
    schedulingInfo: given.number('schedulingInfo'),
    ops: channel,
  };
}

export const logOf = (facts: PolicyFacts): ComponentParameters => ({
  logAddress: facts.address('debuglog') ?? 0,
  logBytes: facts.sizeBytes('debuglog'),
});
