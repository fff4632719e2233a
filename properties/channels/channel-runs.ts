import fc from 'fast-check';
import type { CheckContext } from '../../src/engine/property.ts';
import { type ChannelLayout, channelBytes } from '../../src/impl/native/muchannel.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { interleavingsArbitrary, othersArbitrary, timingArbitrary } from '../software-runs.ts';
import type { Workbench } from '../workbench.ts';
import type { ChannelChoice, ChannelReaderParty } from './channel-choice.ts';
import { actionsArbitrary, scriptOf } from './writer-script.ts';

/** Operations per CPU of a run. */
const OPERATIONS = 700;
const MAX_ACTIONS = 60;
/** Few, because each shape of channel has a model of its own to compile. */
const PROTOCOLS: readonly number[] = [1, 0xfffe];

/** A shape that fits the region and is small enough to be overrun. */
export function layoutArbitrary(choice: ChannelChoice): fc.Arbitrary<Omit<ChannelLayout, 'address'>> {
  const shapes = [8, 16, 24, 40].flatMap(elementBytes =>
    [1, 2, 3, 5].map(elements => ({ address: 0, protocol: 1, elementBytes, elements })),
  );
  const fitting = shapes.filter(shape => channelBytes(shape) <= choice.region.sizeBytes);
  return fc
    .record({
      // One element of one word is often enough, and makes the shortest counterexamples.
      shape: fc.oneof(
        fc.constantFrom(...fitting.slice(0, 1)),
        fc.constantFrom(...fitting),
        fc.constantFrom(...fitting),
      ),
      protocol: fc.constantFrom(...PROTOCOLS),
    })
    .map(({ shape: { elementBytes, elements }, protocol }) => ({ protocol, elementBytes, elements }));
}

type Shape = Omit<ChannelLayout, 'address'>;

/** How a reader waits: 0 polls, 1 yields between polls, 2 sleeps; what its policy does not offer becomes polling. */
export function readerProgram(party: ChannelReaderParty, shape: Shape, seed: number, waiting: number): SubjectProgram {
  const { subject, address, sleepEvent, yieldEvent } = party;
  const { protocol, elementBytes, elements } = shape;
  const waits = {
    ...(waiting === 2 && sleepEvent !== undefined ? { sleepEvent } : {}),
    ...(waiting === 1 && yieldEvent !== undefined ? { yieldEvent } : {}),
  };
  return {
    subject,
    software: 'channel-reader',
    parameters: { address, protocol, elementBytes, elements, seed, ...waits },
  };
}

function writerProgram(choice: ChannelChoice, shape: Shape, seed: number): fc.Arbitrary<SubjectProgram> {
  const { subject, address, event, schedulingInfo } = choice.writer;
  const { protocol, elementBytes, elements } = shape;
  const software = fc
    .record({
      messages: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 24 })),
      burst: fc.integer({ min: 1, max: 6 }),
      pauses: fc.oneof(fc.constant(0), fc.nat(24)),
    })
    .map(
      (chosen): SubjectProgram => ({
        subject,
        software: 'channel-writer',
        parameters: { address, protocol, elementBytes, elements, event, schedulingInfo, seed, ...chosen },
      }),
    );
  const script = actionsArbitrary(MAX_ACTIONS).map(
    (actions): SubjectProgram => ({
      subject,
      operations: scriptOf({ address, ...shape }, seed, event, actions),
    }),
  );
  return fc.oneof({ weight: 3, arbitrary: software }, { weight: 2, arbitrary: script });
}

/** Subjects of a channel: its writer, then its readers. */
export const partiesOf = ({ writer, readers }: ChannelChoice): readonly string[] => [
  writer.subject,
  ...readers.map(reader => reader.subject),
];

/** Runs of channel software on one of the channels, whatever the others do. */
export function channelRunArbitrary(
  context: CheckContext,
  found: Workbench,
  choices: readonly ChannelChoice[],
): fc.Arbitrary<RunSpec> {
  const seed = fc.nat(0xffff);
  return fc
    .constantFrom(...choices)
    .chain(choice =>
      fc.record({
        choice: fc.constant(choice),
        timing: timingArbitrary(context, found, partiesOf(choice), OPERATIONS),
        shape: layoutArbitrary(choice),
        contents: seed,
      }),
    )
    .chain(({ choice, timing, shape, contents }) => {
      const { readers } = choice;
      const parties = partiesOf(choice);
      return fc
        .record({
          writer: writerProgram(choice, shape, contents),
          waiting: fc.array(fc.nat(2), { minLength: readers.length, maxLength: readers.length }),
          others: othersArbitrary(context, found, parties, timing.endTsc),
          interleavings: interleavingsArbitrary(found),
        })
        .map(({ writer, waiting, others, interleavings }): RunSpec => {
          const reading = readers.map((reader, index) => readerProgram(reader, shape, contents, waiting[index] ?? 0));
          return { ...timing, programs: [writer, ...reading, ...others], interrupts: [], interleavings };
        });
    });
}
