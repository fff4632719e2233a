import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import {
  TERMINAL_QUEUE_BYTES,
  TERMINAL_READ_AVAIL_SIGH,
  terminalService,
} from '../../impl/genode/services/terminal.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { ServiceBench } from './service-bench.ts';

const BUFFER_BYTES = 0x1000;
/** Counts that a client names, at and around the bounds. */
const COUNTS: readonly bigint[] = [0n, 1n, 7n, 1500n, 4096n, 4097n, 2n ** 32n, 2n ** 64n - 1n];

export const TERMINAL_WITNESSES = ['carried', 'full', 'cut', 'reopened', 'denied'] as const;

/** Runs a cross link beside two plain queues of bytes; both clients name counts at will. */
export const runTerminalScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const log = new ScriptLog(TERMINAL_WITNESSES);
  const bench = new ServiceBench(terminalService(ops));
  const sessions = [0, 1];
  const queues: number[][] = [[], []];
  let next = 2;
  let filled = 0;
  for (const session of sessions) bench.open(session, `end ${session}`);
  log.see('denied', bench.open(99, 'third') === 'DENIED');

  const write = (end: number, count: bigint): string => {
    const bytes = Uint8Array.from({ length: BUFFER_BYTES }, () => ++filled & 0xff);
    const [dataspace] = bench.call(sessions[end]!, 'dataspace') as number[];
    bench.write(dataspace!, 0, bytes);
    bench.signals = [];
    const [accepted] = bench.call(sessions[end]!, 'write', count) as bigint[];
    const queue = queues[1 - end]!;
    const wanted = count > BigInt(BUFFER_BYTES) ? BUFFER_BYTES : Number(count);
    const room = Math.min(wanted, TERMINAL_QUEUE_BYTES - queue.length);
    log.see('full', room < wanted);
    log.see('cut', BigInt(wanted) < count);
    if (accepted !== BigInt(room)) return `${accepted} of ${wanted} bytes are accepted, there is room for ${room}`;
    queue.push(...bytes.subarray(0, room));
    const isTold = bench.signals.some(
      ({ session, opcode }) => session === sessions[1 - end] && opcode === TERMINAL_READ_AVAIL_SIGH,
    );
    return room === 0 || isTold ? '' : 'a reader is not told of new bytes';
  };

  const read = (end: number, max: bigint): string => {
    const [count] = bench.call(sessions[end]!, 'read', max) as bigint[];
    const wanted = max > BigInt(BUFFER_BYTES) ? BUFFER_BYTES : Number(max);
    const expected = queues[end]!.splice(0, wanted);
    if (count !== BigInt(expected.length)) return `${count} bytes are read, ${expected.length} were to be`;
    const [dataspace] = bench.call(sessions[end]!, 'dataspace') as number[];
    const bytes = bench.memory.get(dataspace!)!.subarray(0, expected.length);
    log.see('carried', expected.length > 0);
    return expected.every((byte, index) => bytes[index] === byte) ? '' : 'other bytes are read than were written';
  };

  const reopen = (end: number): string => {
    bench.close(sessions[end]!);
    queues[end] = [];
    sessions[end] = next++;
    const failed = bench.open(sessions[end]!, 'again');
    log.see('reopened');
    return failed === undefined ? '' : `a free end is not given out: ${failed}`;
  };

  for (const [index, step] of steps.entries()) {
    const end = operand(step, 0, 2);
    const count = COUNTS[operand(step, 1, COUNTS.length)]!;
    log.effective();
    if (step.operation === 'write') log.fail(index, write(end, count));
    else if (step.operation === 'read') log.fail(index, read(end, count));
    else log.fail(index, reopen(end));
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
