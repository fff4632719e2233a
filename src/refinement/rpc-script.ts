import {
  awaitRequest,
  cancelRequest,
  destroyNode,
  type IpcNodes,
  type IpcOps,
  type IpcStep,
  idleNode,
  MAX_CAPS_PER_MESSAGE,
  sendReply,
  sendRequest,
} from '../impl/genode/core/ipc.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from './script.ts';

const THREADS = 4;

export const RPC_WITNESSES = ['replied', 'queued', 'failed', 'lost-client', 'caps-cut'] as const;

/** What a call must do, kept independently of the implementation: who waits for whom, in order, and who is served. */
class RpcSpecification {
  /** Callers of each thread that got no reply yet, first come first. */
  readonly callers: number[][] = Array.from({ length: THREADS }, () => []);
  /** Call number that each thread serves, -1 for none. */
  readonly serving: number[] = Array.from({ length: THREADS }, () => -1);
  /** Number of the outstanding call of each thread, -1 for none. */
  readonly call: number[] = Array.from({ length: THREADS }, () => -1);
  readonly isWaiting: boolean[] = Array.from({ length: THREADS }, () => false);
  /** A server whose client is gone still has to reply into the void. */
  readonly owesNobody: boolean[] = Array.from({ length: THREADS }, () => false);
  readonly isDead: boolean[] = Array.from({ length: THREADS }, () => false);
  calls = 0;
}

/** Notices that a step must cause, as `thread what number`; the number is the call's, which its message carries. */
type Expected = readonly string[];

function expectServe(specification: RpcSpecification, server: number): Expected {
  const [client] = specification.callers[server]!;
  if (client === undefined) {
    specification.isWaiting[server] = true;
    return [];
  }
  specification.isWaiting[server] = false;
  specification.serving[server] = specification.call[client]!;
  return [`${server} request ${specification.call[client]}`];
}

function expectCall(specification: RpcSpecification, caller: number, callee: number, number: number): Expected {
  if (specification.isDead[callee] || caller === callee) return [`${caller} failed 0`];
  specification.call[caller] = number;
  specification.callers[callee]!.push(caller);
  return specification.isWaiting[callee] ? expectServe(specification, callee) : [];
}

function expectReply(specification: RpcSpecification, server: number): Expected {
  if (specification.owesNobody[server]) {
    specification.owesNobody[server] = false;
    return [];
  }
  const client = specification.callers[server]!.shift()!;
  const number = specification.call[client]!;
  specification.call[client] = -1;
  specification.serving[server] = -1;
  return [`${client} reply ${number}`];
}

function forgetCall(specification: RpcSpecification, caller: number): void {
  const number = specification.call[caller]!;
  specification.call[caller] = -1;
  specification.callers.forEach((callers, server) => {
    if (!callers.includes(caller)) return;
    specification.callers[server] = callers.filter(other => other !== caller);
    if (specification.serving[server] !== number) return;
    specification.serving[server] = -1;
    specification.owesNobody[server] = true;
  });
}

function expectDestroy(specification: RpcSpecification, thread: number): Expected {
  if (specification.call[thread]! >= 0) forgetCall(specification, thread);
  const failed = specification.callers[thread]!;
  for (const caller of failed) specification.call[caller] = -1;
  specification.callers[thread] = [];
  specification.isDead[thread] = true;
  specification.isWaiting[thread] = false;
  specification.owesNobody[thread] = false;
  specification.serving[thread] = -1;
  return failed.map(caller => `${caller} failed 0`);
}

/** Performs one step on both sides: what the implementation did, and what it had to do. */
function perform(
  ops: IpcOps,
  nodes: IpcNodes,
  specification: RpcSpecification,
  step: ScriptStep,
): { readonly did: IpcStep; readonly expected: Expected } {
  const thread = operand(step, 0, THREADS);
  const other = operand(step, 1, THREADS);
  const caps = Array.from({ length: operand(step, 2, 7) }, (_, index) => index + 1);
  const isIdle = specification.call[thread]! < 0 && !specification.isDead[thread];
  const isServing = specification.serving[thread]! >= 0 || specification.owesNobody[thread]!;
  switch (step.operation) {
    case 'call': {
      const number = specification.calls + 1;
      const did = sendRequest(ops, nodes, thread, other, { data: [number], caps });
      if (!isIdle || specification.isWaiting[thread]) return { did, expected: NOT_ALLOWED };
      specification.calls = number;
      return { did, expected: expectCall(specification, thread, other, number) };
    }
    case 'wait': {
      const did = awaitRequest(ops, nodes, thread);
      if (!isIdle || isServing || specification.isWaiting[thread]) return { did, expected: NOT_ALLOWED };
      return { did, expected: expectServe(specification, thread) };
    }
    case 'reply': {
      const did = sendReply(ops, nodes, thread, { data: [Math.max(0, specification.serving[thread]!)], caps });
      return { did, expected: isServing ? expectReply(specification, thread) : NOT_ALLOWED };
    }
    case 'cancel': {
      const did = cancelRequest(ops, nodes, thread);
      if (specification.call[thread]! < 0) return { did, expected: NOT_ALLOWED };
      forgetCall(specification, thread);
      return { did, expected: [] };
    }
    default: {
      const did = destroyNode(ops, nodes, thread);
      return { did, expected: specification.isDead[thread] ? NOT_ALLOWED : expectDestroy(specification, thread) };
    }
  }
}

const NOT_ALLOWED: Expected = ['not allowed'];

/** Who gets what, of notices in the form "thread what number". */
function noticeWords(notices: readonly string[]): string {
  const words = notices.map(notice => {
    const [thread = '', what = '', number = ''] = notice.split(' ');
    const who = thread === 'undefined' ? 'a thread that is gone' : `thread ${thread}`;
    return `${who} gets ${what === 'failed' ? 'a failure' : `${what} ${number}`}`;
  });
  return words.length === 0 ? 'nobody gets anything' : words.join(' and ');
}

function compare(did: IpcStep, expected: Expected): string {
  if (did.isAllowed !== (expected !== NOT_ALLOWED))
    return `the operation is ${did.isAllowed ? 'allowed' : 'refused'} wrongly`;
  if (!did.isAllowed) return did.notices.length === 0 ? '' : 'a refused operation has an effect';
  const found = did.notices.map(({ thread, what, message }) => `${thread} ${what} ${message.data[0] ?? 0}`);
  const isEqual = found.length === expected.length && found.every((notice, index) => notice === expected[index]);
  if (!isEqual) return `${noticeWords(found)}, due is that ${noticeWords(expected)}`;
  const tooMany = did.notices.some(({ message }) => message.caps.length > MAX_CAPS_PER_MESSAGE);
  return tooMany ? `a message arrives with more than ${MAX_CAPS_PER_MESSAGE} capabilities` : '';
}

/** Runs calls between threads beside a specification: first come first served, one reply per call, none to who is gone. */
export const runRpcScript: ScriptRunner<IpcOps> = (ops, steps) => {
  const log = new ScriptLog(RPC_WITNESSES);
  const specification = new RpcSpecification();
  let nodes: IpcNodes = Array.from({ length: THREADS }, () => idleNode);
  for (const [index, step] of steps.entries()) {
    const { did, expected } = perform(ops, nodes, specification, step);
    if (did.isAllowed) log.effective();
    nodes = did.nodes;
    log.fail(index, compare(did, expected));
    if (log.hasFailed) break;
    log.see(
      'replied',
      did.notices.some(({ what }) => what === 'reply'),
    );
    log.see(
      'failed',
      did.notices.some(({ what }) => what === 'failed'),
    );
    log.see(
      'queued',
      specification.callers.some(callers => callers.length > 1),
    );
    log.see('lost-client', specification.owesNobody.some(Boolean));
    log.see(
      'caps-cut',
      did.notices.some(({ message }) => message.caps.length === MAX_CAPS_PER_MESSAGE),
    );
  }
  return log.judgement();
};
