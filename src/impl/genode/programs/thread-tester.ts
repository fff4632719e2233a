import type { Environment, Handle } from '../instance/component.ts';
import { clientRow } from './program-config.ts';

/** Places in the address space of the new protection domain. */
const CODE = 0x1000;
const DATA = 0x5000;
const [PD, CPU] = [0, 1];

/** mov rax, DATA; mov rbx, [rax]; inc rbx; mov [rax], rbx; int3. */
const PROGRAM = [
  0x48,
  0xb8,
  DATA & 0xff,
  DATA >> 8,
  0,
  0,
  0,
  0,
  0,
  0,
  0x48,
  0x8b,
  0x18,
  0x48,
  0xff,
  0xc3,
  0x48,
  0x89,
  0x18,
  0xcc,
];

interface ThreadTesterState {
  readonly space: Handle;
  readonly thread: Handle;
  /** Memory for code, and for data. */
  readonly memory: readonly number[];
}

/** All is there: code is attached, and the thread starts. */
function start({ space, thread, memory }: ThreadTesterState, env: Environment): void {
  env.write(memory[0]!, 0, Uint8Array.from(PROGRAM));
  env.write(memory[1]!, 0, Uint8Array.of(41));
  env.call(space, 'fault_handler', 1);
  env.call(space, 'attach', memory[0]!, 0n, 0n, 1, BigInt(CODE), 1, 0);
  env.call(thread, 'exception_sigh', 1);
  env.call(thread, 'start', BigInt(CODE), 0n);
}

/** Lets a thread run in an address space of its own, resolves its fault and looks at it when it stops. */
export const threadTester = clientRow<never, ThreadTesterState>(
  'thread_tester',
  'Lets a thread of a CPU session run in the address space of a PD session',
  {},
  () => ({
    sessions: [
      { service: 'PD', label: '' },
      { service: 'CPU', label: '', args: { priority: '0x10' } },
    ],
    initial: { space: -1, thread: -1, memory: [] },
    begin(state, env, handles) {
      const pd = handles[PD!]!;
      env.call(pd, 'alloc_ram', 0x1000n, 0);
      env.call(pd, 'alloc_ram', 0x1000n, 0);
      env.call(pd, 'address_space');
      env.call(handles[CPU!]!, 'create_thread', env.capabilityOf(pd), 'worker', [], 0n);
      return state;
    },
    reply(state, { name, values, error }, env) {
      const first = Number(values?.[0] ?? 0);
      if (values === undefined) env.log(`${name} fails: ${error}`);
      else if (name === 'alloc_ram') return { ...state, memory: [...state.memory, first] };
      else if (name === 'address_space') return { ...state, space: env.bind(first) };
      else if (name === 'create_thread') {
        const made = { ...state, thread: env.bind(first) };
        start(made, env);
        return made;
      }
      return state;
    },
    otherSignal(state, handle, env) {
      env.call(handle, handle === state.space ? 'fault' : 'get_state');
      return state;
    },
    other(state, { handle, name, values }, env) {
      if (values === undefined) return state;
      if (name === 'fault') {
        const [kind, address] = values;
        env.log(`fault ${Number(kind)} at 0x${BigInt(address as bigint).toString(16)}`);
        env.call(handle, 'attach', state.memory[1]!, 0n, 0n, 1, BigInt(DATA), 0, 1);
      }
      if (name === 'get_state') {
        const registers = values[1] as readonly number[];
        env.log(
          `condition ${Number(values[0])}, rbx ${registers[3 * 8]}, memory ${env.read(state.memory[1]!, 0, 1)[0]}`,
        );
      }
      return state;
    },
  }),
);
