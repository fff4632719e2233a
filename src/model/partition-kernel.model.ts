import { type Domains, eraseInstance, type Model, type ModelFault, type ModelInstance, party } from './model.ts';
import { createPartitionKernel } from './partition-kernel.machine.ts';
import {
  type KernelFlaw,
  type PartitionKernelConfig,
  type PartitionKernelEvent,
  type PartitionKernelState,
  partitionKernelSchema,
} from './partition-kernel-state.ts';

const PARTITIONS = ['first', 'second', 'third'];
const ALPHABET: readonly PartitionKernelEvent[] = [
  ...Array.from({ length: 8 }, (_, secrets): PartitionKernelEvent => ({ type: 'draw', secrets })),
  { type: 'tick' },
  { type: 'send' },
  { type: 'receive' },
  { type: 'open' },
  { type: 'status' },
  { type: 'write' },
  { type: 'read' },
  { type: 'idle' },
];

/** Who may influence whom, from the declared channels; the schedule is fixed, so the kernel may influence everyone. */
function domains({ channels }: PartitionKernelConfig): Domains<PartitionKernelState> {
  return {
    names: PARTITIONS,
    domainOf: (_party, event, modes) =>
      event.type === 'tick' || event.type === 'draw' ? -1 : PARTITIONS.indexOf(modes[0]!),
    mayFlow: (from, to) => from === to || channels.some(channel => channel.from === from && channel.to === to),
    view: (domain, state, modes) => {
      const isReceiver = channels.some(({ to }) => to === domain);
      const runs = modes[0] === PARTITIONS[domain];
      return JSON.stringify([
        modes[0],
        state.partitions[domain],
        isReceiver ? [state.queued, state.message] : [],
        runs ? state.buffer : 0,
      ]);
    },
  };
}

/** A small kernel with one flaw or none. */
export function createPartitions(
  config: PartitionKernelConfig,
): ModelInstance<PartitionKernelState, PartitionKernelEvent> {
  const schema = partitionKernelSchema();
  const { machine, definition } = createPartitionKernel(config, schema);
  return {
    schema,
    parties: [
      party<PartitionKernelState, PartitionKernelEvent, PartitionKernelConfig, string, string>(
        'kernel',
        machine,
        definition,
        ALPHABET,
      ),
    ],
    domains: domains(config),
    invariants: [
      {
        id: 'third-gets-nothing',
        claim: 'The third partition never gets a message.',
        holds: state => state.partitions[2]!.inbox === 0,
      },
    ],
    witnesses: [
      { id: 'delivered', description: 'A message arrives.', seen: state => state.partitions[1]!.inbox > 0 },
      { id: 'channel-full', description: 'The channel is full.', seen: state => state.queued === 1 },
    ],
  };
}

const channels = [{ from: 0, to: 1 }];

const fault = (flaw: KernelFlaw, title: string): ModelFault => ({
  id: flaw,
  title,
  precedent:
    'one of six leaks through the calls of a separation kernel; Zhao et al. (arXiv 1702.05997) report six in ARINC 653 and its kernels, the division into classes is ours',
  violates: [],
  create: () => eraseInstance(createPartitions({ flaw, channels })),
});

const FAULTS: readonly ModelFault[] = [
  fault(
    'full-queue-reported',
    'Sending tells the sender that the channel is full: the receiver signals by not receiving.',
  ),
  fault('shared-identifiers', 'Port numbers come from one counter: opening a port tells how many others have opened.'),
  fault('foreign-port-status', 'The status of a port is given to partitions that do not own it.'),
  fault('idle-partitions-skipped', 'The time slot of an idle partition is skipped: others see when it works.'),
  fault('occupancy-reported', 'The status of a sending port tells how many messages wait.'),
  fault('buffer-not-cleared', 'The call buffer keeps the data of the partition that ran before.'),
];

/** The kernel whose information flow is decided by unwinding. */
export const partitionKernelModel: Model = {
  id: 'partition-kernel',
  title: 'Small separation kernel: fixed time slots, one channel, ports; its flow policy is decided by unwinding',
  sources: ['partition-kernel.ts'],
  faults: FAULTS,
  configurations: [
    {
      name: '3 partitions, channel from first to second',
      exhaustive: true,
      states: 26_113,
      create: () => eraseInstance(createPartitions({ flaw: 'none', channels })),
    },
  ],
};
