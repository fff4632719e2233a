import fc from 'fast-check';
import {
  CHANNEL_MARKER,
  type ChannelLayout,
  elementOffset,
  HEADER,
  HEADER_BYTES,
  storeAt,
  type Word64,
  ZERO64,
} from '../../src/impl/native/muchannel.ts';
import { elementWord } from '../../src/impl/native/muchannel-element.ts';
import type { Operation } from '../../src/units/operation.ts';

/** What a scripted writer does with its channel; a write to an inactive channel is left out. */
type WriterAction =
  | { readonly kind: 'initialize'; readonly geometry: number }
  | { readonly kind: 'write' }
  | { readonly kind: 'deactivate' }
  | { readonly kind: 'announce' }
  | { readonly kind: 'pause'; readonly operations: number };

/** Choices of a geometry: 1 .. 3 are ways of not being the expected one, the others stand for it. */
const GEOMETRY_CHOICES = 10;

function announced(layout: ChannelLayout, geometry: number): ChannelLayout {
  if (geometry === 1) return { ...layout, protocol: layout.protocol + 1 };
  if (geometry === 2) return { ...layout, elements: layout.elements + 1 };
  // The same size of data in other elements: readers do not tell them apart.
  if (geometry === 3) return { ...layout, elementBytes: layout.elementBytes * layout.elements, elements: 1 };
  return layout;
}

const number = (value: number): Word64 => ({ low: value, high: 0 });

/** Stores of an initialisation that announces `shape` and zeroes the data of `layout`. */
function initialize(layout: ChannelLayout, shape: ChannelLayout, epoch: number): Operation[] {
  const dataWords = (layout.elements * layout.elementBytes) / 8;
  return [
    storeAt(layout, HEADER.epoch, ZERO64),
    storeAt(layout, HEADER.transport, CHANNEL_MARKER),
    storeAt(layout, HEADER.protocol, number(shape.protocol)),
    storeAt(layout, HEADER.size, number(shape.elementBytes)),
    storeAt(layout, HEADER.elements, number(shape.elements)),
    storeAt(layout, HEADER.writeStart, ZERO64),
    storeAt(layout, HEADER.writeCount, ZERO64),
    ...Array.from({ length: dataWords }, (_, word) => storeAt(layout, HEADER_BYTES + word * 8, ZERO64)),
    storeAt(layout, HEADER.epoch, number(epoch)),
  ];
}

/** Stores of write `count` (0 ..) of an epoch. */
function write(layout: ChannelLayout, seed: number, count: number): Operation[] {
  const words = layout.elementBytes / 8;
  const slot = count % layout.elements;
  return [
    storeAt(layout, HEADER.writeStart, number(count + 1)),
    ...Array.from({ length: words }, (_, word) =>
      storeAt(layout, elementOffset(layout, slot, word), elementWord(seed, count, word)),
    ),
    storeAt(layout, HEADER.writeCount, number(count + 1)),
  ];
}

/** Operations of a writer that follows SHMStream v2 and, unlike the software, initialises and deactivates as it likes. */
export function scriptOf(
  layout: ChannelLayout,
  seed: number,
  event: number,
  actions: readonly WriterAction[],
): readonly Operation[] {
  const operations: Operation[] = [];
  let epoch = 0;
  let count = 0;
  let isActive = false;
  for (const action of actions) {
    if (action.kind === 'initialize') {
      epoch += 1;
      count = 0;
      isActive = true;
      operations.push(...initialize(layout, announced(layout, action.geometry), epoch));
    } else if (action.kind === 'write' && isActive) {
      operations.push(...write(layout, seed, count));
      count += 1;
    } else if (action.kind === 'deactivate' && isActive) {
      isActive = false;
      operations.push(storeAt(layout, HEADER.epoch, ZERO64));
    } else if (action.kind === 'announce') operations.push({ kind: 'vmcall', low: event, high: 0, cpl: 0 });
    else if (action.kind === 'pause')
      operations.push(...Array.from({ length: action.operations }, (): Operation => ({ kind: 'nop' })));
  }
  return operations;
}

/** Every list of actions whose operations are at least so many, each just long enough; it begins with an initialisation. */
export function actionLists(layout: ChannelLayout, operations: number): readonly (readonly WriterAction[])[] {
  const geometries = [0, 1, 2, 3].map((geometry): WriterAction => ({ kind: 'initialize', geometry }));
  const others: readonly WriterAction[] = [
    ...geometries,
    { kind: 'write' },
    { kind: 'deactivate' },
    { kind: 'announce' },
    { kind: 'pause', operations: 1 },
  ];
  let open: (readonly WriterAction[])[] = geometries.map(action => [action]);
  const done: (readonly WriterAction[])[] = [];
  while (open.length > 0) {
    const isLong = (actions: readonly WriterAction[]): boolean => scriptOf(layout, 0, 0, actions).length >= operations;
    done.push(...open.filter(isLong));
    open = open
      .filter(actions => !isLong(actions))
      .flatMap(actions => others.map(other => [...actions, other]))
      // An action that adds nothing, such as a write to an inactive channel, would be repeated for ever.
      .filter(actions => scriptOf(layout, 0, 0, actions).length > scriptOf(layout, 0, 0, actions.slice(0, -1)).length);
  }
  return done;
}

/** Actions of a scripted writer, beginning with an initialisation. */
export function actionsArbitrary(maxActions: number): fc.Arbitrary<readonly WriterAction[]> {
  const geometry = fc.nat(GEOMETRY_CHOICES - 1);
  const action = fc.oneof(
    { weight: 3, arbitrary: geometry.map((value): WriterAction => ({ kind: 'initialize', geometry: value })) },
    { weight: 10, arbitrary: fc.constant<WriterAction>({ kind: 'write' }) },
    { weight: 1, arbitrary: fc.constant<WriterAction>({ kind: 'deactivate' }) },
    { weight: 2, arbitrary: fc.constant<WriterAction>({ kind: 'announce' }) },
    {
      weight: 2,
      arbitrary: fc.integer({ min: 1, max: 12 }).map((operations): WriterAction => ({ kind: 'pause', operations })),
    },
  );
  return fc
    .array(action, { maxLength: maxActions, size: 'max' })
    .chain(actions => geometry.map(first => [{ kind: 'initialize', geometry: first }, ...actions]));
}
