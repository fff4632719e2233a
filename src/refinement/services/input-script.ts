import { INPUT_QUEUE_EVENTS, INPUT_SIGH, inputService } from '../../impl/genode/services/input.ts';
import { decodeInputEvent, type InputEvent } from '../../impl/genode/services/input-event.ts';
import { INPUT_EVENT_BYTES } from '../../impl/genode/services/interfaces.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import { ServiceBench } from './service-bench.ts';

const PERIOD_US = 100;
const EVENTS: readonly InputEvent[] = [
  { kind: 'press', values: [30, 97] },
  { kind: 'release', values: [30] },
  { kind: 'rel-motion', values: [-3, 4] },
];
const CONFIG = `<config period_us="${PERIOD_US}" repeat="yes">
  <press code="30" char="97"/><release code="30"/><rel-motion rx="-3" ry="4"/></config>`;
const CLIENTS = 2;

export const INPUT_WITNESSES = ['fetched', 'overflow', 'joined-later'] as const;

const sameEvent = (a: InputEvent, b: InputEvent): boolean =>
  a.kind === b.kind && b.values.every((value, index) => a.values[index] === value);

/** Runs input_script beside the list of what each client must have waiting: one event for each period since it fetched. */
export const runInputScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const log = new ScriptLog(INPUT_WITNESSES);
  const bench = new ServiceBench(made(inputService(configElement(CONFIG), ops)));
  const waiting: (number[] | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  let nextUs: number | undefined;
  let played = 0;

  const open = (client: number): void => {
    if (waiting[client] !== undefined) {
      bench.close(client);
      waiting[client] = undefined;
      return;
    }
    const isFirst = waiting.every(queue => queue === undefined);
    log.see('joined-later', !isFirst);
    bench.open(client, `client ${client}`);
    waiting[client] = [];
    if (isFirst) nextUs = bench.timeUs + PERIOD_US;
  };

  /** Events by their place in the script; a queue that is full when one comes starts anew without it. */
  const pass = (us: number): void => {
    const end = bench.timeUs + us;
    bench.advanceUs(us);
    while (nextUs !== undefined && nextUs <= end && waiting.some(queue => queue !== undefined)) {
      for (const [client, queue] of waiting.entries()) {
        if (queue === undefined) continue;
        const isFull = queue.length === INPUT_QUEUE_EVENTS;
        log.see('overflow', isFull);
        if (isFull) waiting[client] = [];
        else queue.push(played % EVENTS.length);
      }
      played += 1;
      nextUs += PERIOD_US;
    }
  };

  const flush = (client: number): string => {
    const expected = waiting[client];
    if (expected === undefined) return '';
    const isTold = bench.signals.some(({ session, opcode }) => session === client && opcode === INPUT_SIGH);
    if (expected.length > 0 && !isTold) return 'a client is not told of events';
    bench.signals = bench.signals.filter(({ session }) => session !== client);
    const [dataspace] = bench.call(client, 'dataspace') as number[];
    const [count] = bench.call(client, 'flush') as number[];
    waiting[client] = [];
    log.see('fetched', expected.length > 0);
    if (count !== expected.length) return `${count} events are fetched, ${expected.length} happened`;
    for (const [index, place] of expected.entries()) {
      const event = decodeInputEvent(bench.read(dataspace!, index * INPUT_EVENT_BYTES, INPUT_EVENT_BYTES));
      if (!sameEvent(event, EVENTS[place]!)) return `event ${index} is another one than happened`;
    }
    return '';
  };

  for (const [index, step] of steps.entries()) {
    const client = operand(step, 0, CLIENTS);
    log.effective();
    if (step.operation === 'open') open(client);
    else if (step.operation === 'pass') pass(PERIOD_US * operand(step, 1, operand(step, 2, 4) === 0 ? 700 : 20));
    else log.fail(index, flush(client));
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
