import { TWO32 } from '../units/word.ts';
import { createKernelMachine } from './kernel.machine.ts';
import { type AlphabetForm, kernelAlphabet } from './kernel-alphabet.ts';
import { type KernelWitness, kernelInvariants, kernelWitnesses } from './kernel-claims.ts';
import type { KernelConfig } from './kernel-config.ts';
import { lockIsHeld, oneAtRegisters } from './kernel-lemmas.ts';
import { EVENT_LEMMAS, FRAME_LEMMAS } from './kernel-proofs.ts';
import {
  DEVICE_VECTOR,
  monitoredGuest,
  remoteSender,
  sleeper,
  twoCpus,
  twoCrashes,
  twoLines,
  twoPartitions,
  WATCHED_VECTORS,
  watchedGuest,
} from './kernel-small.ts';
import { initialKernelState, type KernelEvent, type KernelState, kernelSchema } from './kernel-state.ts';
import { eraseInstance, type Model, type ModelConfiguration, type ModelInstance, party } from './model.ts';

/** The kernels of all CPUs over their shared state; each CPU is a party and stands where its chart says. */
export function createKernel(
  config: KernelConfig,
  alphabets: readonly (readonly KernelEvent[])[],
  witnesses: readonly KernelWitness[],
): ModelInstance<KernelState, KernelEvent> {
  const bare = kernelSchema(config);
  const schema = { ...bare, initial: () => initialKernelState(config, bare, 0) };
  const { machine, definition } = createKernelMachine(config, schema);
  const parties = alphabets.map((alphabet, cpu) =>
    party<KernelState, KernelEvent, KernelConfig, string, string>(`cpu${cpu}`, machine, definition, alphabet),
  );
  return { schema, parties, invariants: kernelInvariants(config), witnesses: kernelWitnesses(config, witnesses) };
}

/** Every TSC value that the model handles. */
const ANY_TIME = [0, Number.MAX_SAFE_INTEGER] as const;

/** Every 32-bit word. */
const WORD = [0, TWO32 - 1] as const;

interface SmallKernel {
  readonly name: string;
  /** Reachable states; absent if there are too many to enumerate in a test. */
  readonly states?: number;
  readonly config: KernelConfig;
  readonly alphabets: readonly AlphabetForm[];
  readonly witnesses: readonly KernelWitness[];
}

const plain: AlphabetForm = {
  nowTscs: [6],
  vmcalls: [],
  timers: [],
  requestedMajors: [0],
  vectors: [],
  otherExits: false,
  timerExpiry: true,
  instructionLength: 0,
  interruptFlag: false,
};

const SMALL_KERNELS: readonly SmallKernel[] = [
  {
    name: '1 CPU, guest and monitor in one group, all exits',
    states: 34381,
    config: monitoredGuest,
    alphabets: [
      {
        ...plain,
        vmcalls: [0, 1, 3],
        vectors: [DEVICE_VECTOR, DEVICE_VECTOR + 1],
        otherExits: true,
        instructionLength: 1,
        interruptFlag: true,
      },
    ],
    witnesses: ['partition-sleeps', 'injected', 'line-masked', 'subject-reset', 'handed-over', 'stopped'],
  },
  {
    name: '1 CPU, 1 subject, timed event and interrupt',
    states: 4829,
    config: sleeper,
    alphabets: [
      {
        ...plain,
        nowTscs: [1, 6],
        vmcalls: [0, 1],
        timers: [
          [0, 0],
          [5, 0],
          [5, 1],
        ],
        vectors: [DEVICE_VECTOR],
        instructionLength: 1,
        interruptFlag: true,
      },
    ],
    witnesses: ['partition-sleeps', 'injected', 'timeout-marks', 'stale-timeout'],
  },
  {
    name: '1 CPU, 2 partitions, timed events',
    states: 109092,
    config: twoPartitions,
    alphabets: [{ ...plain, nowTscs: [1, 6], vmcalls: [0, 1], timers: [[5, 0]] }],
    witnesses: ['partition-sleeps', 'two-waiting', 'timeout-marks'],
  },
  {
    name: '2 CPUs, minor barrier, 2 major frames',
    states: 24688,
    config: twoCpus,
    alphabets: [
      { ...plain, vmcalls: [0], requestedMajors: [0, 1, 2] },
      { ...plain, vmcalls: [0] },
    ],
    witnesses: ['partition-sleeps', 'barrier-spin', 'other-major-frame'],
  },
  {
    name: '2 CPUs that crash, reboot or power off',
    states: 64,
    config: twoCrashes,
    alphabets: [
      { ...plain, vmcalls: [0, 1], timerExpiry: false },
      { ...plain, vmcalls: [0, 1], timerExpiry: false },
    ],
    witnesses: ['stopped', 'rebooted', 'powered-off', 'dead'],
  },
  {
    name: '2 CPUs, level-triggered lines at one I/O APIC',
    states: 8484,
    config: twoLines,
    alphabets: [
      { ...plain, vmcalls: [1], vectors: [DEVICE_VECTOR], timerExpiry: false },
      { ...plain, vmcalls: [1], vectors: [DEVICE_VECTOR + 1], timerExpiry: false },
    ],
    witnesses: ['line-masked', 'lock-spin'],
  },
  {
    name: '2 CPUs, remote sender, one frame switch',
    states: 75937,
    config: remoteSender,
    alphabets: [
      { ...plain, vmcalls: [0, 1] },
      { ...plain, vmcalls: [1, 2], timerExpiry: false },
    ],
    witnesses: ['partition-sleeps', 'wake-up-race', 'spurious-mark', 'two-waiting'],
  },
  {
    name: '2 CPUs, remote sender, timed events, any number of frames',
    config: remoteSender,
    alphabets: [
      { ...plain, nowTscs: [1, 6], vmcalls: [0, 1], timers: [[5, 0]], interruptFlag: true },
      { ...plain, nowTscs: [1, 6], vmcalls: [0, 1, 2], timers: [[5, 0]], interruptFlag: true },
    ],
    witnesses: [],
  },
];

function configuration({ name, states, config, alphabets, witnesses }: SmallKernel): ModelConfiguration {
  const events = alphabets.map((form, cpu) => kernelAlphabet(cpu, form));
  const create = (): ModelInstance => eraseInstance(createKernel(config, events, witnesses));
  return states === undefined ? { name, exhaustive: false, create } : { name, exhaustive: true, states, create };
}

/** Muen's kernel: frames, barriers, groups, events and interrupts on every CPU, access by access. */
export const kernelModel: Model = {
  id: 'kernel',
  title: 'Muen kernel: scheduling, events and interrupts of all CPUs, single accesses to shared state',
  sources: ['scheduler.ts', 'scheduler-groups.ts', 'events.ts', 'interrupts.ts', 'io-apic.ts', 'crash-audit.ts'],
  configurations: SMALL_KERNELS.map(configuration),
  proofs: [
    {
      name: '2 CPUs, remote sender, all exits, growing time',
      sources: ['kernel-lemmas.ts'],
      lemmas: [
        {
          id: 'lock-is-held',
          claim: 'The lock of the I/O APIC is taken exactly while one CPU stands between taking and releasing it.',
          purpose: 'claim',
          holds: lockIsHeld,
        },
        {
          id: 'one-at-registers',
          claim: 'No two CPUs stand at the registers of the I/O APIC.',
          purpose: 'claim',
          holds: oneAtRegisters,
        },
      ],
      assumesBounds: true,
      free: { nowTsc: ANY_TIME },
      create: () => {
        const form: AlphabetForm = {
          ...plain,
          vmcalls: [0, 1, 2],
          timers: [[5, 0]],
          vectors: [DEVICE_VECTOR],
          otherExits: true,
          instructionLength: 1,
          interruptFlag: true,
        };
        const config = { ...remoteSender, periodsCycles: [8] };
        return eraseInstance(createKernel(config, [kernelAlphabet(0, form), kernelAlphabet(1, form)], []));
      },
    },
    {
      name: 'events and device interrupts of 2 CPUs, groups that sleep, hand over and are told, growing time',
      sources: ['event-lemmas.ts', 'injection-lemmas.ts'],
      lemmas: EVENT_LEMMAS,
      assumesBounds: true,
      free: { nowTsc: ANY_TIME, triggerLow: WORD, triggerHigh: WORD, interruptFlag: 'truth', interruptibility: [0, 3] },
      create: () => {
        const form: AlphabetForm = {
          ...plain,
          vmcalls: [0, 1, 2, 3],
          timers: [
            [5, 0],
            [5, 2],
          ],
          otherExits: true,
          instructionLength: 1,
        };
        // A vector that no device has, besides those of the CPU.
        const alphabets = [
          kernelAlphabet(0, { ...form, vectors: [...WATCHED_VECTORS.slice(0, 3), 40] }),
          kernelAlphabet(1, { ...form, vectors: [...WATCHED_VECTORS.slice(3), 40] }),
        ];
        return eraseInstance(createKernel(watchedGuest, alphabets, []));
      },
    },
    {
      name: 'frames of 2 CPUs, minor barrier, 2 major frames, growing time',
      sources: ['frame-lemmas.ts'],
      lemmas: FRAME_LEMMAS,
      assumesBounds: true,
      free: { nowTsc: ANY_TIME, requestedMajor: [0, 255] },
      create: () => {
        const form: AlphabetForm = {
          ...plain,
          vmcalls: [0],
          timers: [[5, 0]],
          otherExits: true,
          instructionLength: 1,
          interruptFlag: true,
        };
        const config = { ...twoCpus, periodsCycles: [8, 8] };
        return eraseInstance(createKernel(config, [kernelAlphabet(0, form), kernelAlphabet(1, form)], []));
      },
    },
  ],
};
