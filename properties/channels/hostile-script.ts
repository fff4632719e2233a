import fc from 'fast-check';
import {
  CHANNEL_MARKER,
  type ChannelLayout,
  channelBytes,
  HEADER,
  type Word64,
} from '../../src/impl/native/muchannel.ts';
import type { Operation } from '../../src/units/operation.ts';
import { scriptOf } from './writer-script.ts';

/** 64-bit values at which header arithmetic could go wrong, and those that a reader expects. */
function valueArbitrary(layout: ChannelLayout): fc.Arbitrary<Word64> {
  const small = fc.nat(2 * layout.elements + 2).map(low => ({ low, high: 0 }));
  const special = fc.constantFrom<Word64>(
    CHANNEL_MARKER,
    { low: layout.protocol, high: 0 },
    { low: layout.elementBytes, high: 0 },
    { low: layout.elements, high: 0 },
    { low: 0xffff_ffff, high: 0xffff_ffff },
    { low: 0xffff_fffe, high: 0xffff_ffff },
    { low: 0, high: 1 },
    { low: 0, high: 0x8000_0000 },
    { low: 0xffff_ffff, high: 0 },
  );
  const any = fc.record({ low: fc.nat(0xffff_ffff), high: fc.nat(0xffff_ffff) });
  return fc.oneof({ weight: 4, arbitrary: small }, { weight: 4, arbitrary: special }, { weight: 1, arbitrary: any });
}

function storeArbitrary(layout: ChannelLayout, sizeBytes: number): fc.Arbitrary<readonly Operation[]> {
  const offset = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...Object.values(HEADER)) },
    { weight: 3, arbitrary: fc.nat(channelBytes(layout) / 8 - 1).map(word => word * 8) },
    { weight: 1, arbitrary: fc.nat(sizeBytes - 8) },
  );
  const size = fc.constantFrom<1 | 2 | 4 | 8>(8, 8, 8, 4, 2, 1);
  return fc.record({ offset, size, value: valueArbitrary(layout) }).map(({ offset: at, size: bytes, value }) => [
    {
      kind: 'write',
      address: layout.address + at,
      sizeBytes: bytes,
      low: value.low,
      high: bytes === 8 ? value.high : 0,
    },
  ]);
}

/** Operations of a writer that stores anything anywhere in its channel of `sizeBytes`, now and then following the protocol. */
export function hostileScriptArbitrary(
  layout: ChannelLayout,
  sizeBytes: number,
  event: number,
  maxActions: number,
): fc.Arbitrary<readonly Operation[]> {
  const honest = fc
    .nat(3)
    .map(writes =>
      scriptOf(layout, 0, event, [
        { kind: 'initialize', geometry: 0 },
        ...Array.from({ length: writes }, () => ({ kind: 'write' as const })),
      ]),
    );
  const call: Operation = { kind: 'vmcall', low: event, high: 0, cpl: 0 };
  const pause = fc
    .integer({ min: 1, max: 12 })
    .map(length => Array.from({ length }, (): Operation => ({ kind: 'nop' })));
  const action = fc.oneof(
    { weight: 14, arbitrary: storeArbitrary(layout, sizeBytes) },
    { weight: 2, arbitrary: honest },
    { weight: 2, arbitrary: fc.constant<readonly Operation[]>([call]) },
    { weight: 2, arbitrary: pause },
  );
  return fc.array(action, { maxLength: maxActions, size: 'max' }).map(parts => parts.flat());
}
