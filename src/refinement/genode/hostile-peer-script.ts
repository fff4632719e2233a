import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { MESSAGE_KINDS, message } from '../../impl/genode/proxy/message.ts';
import { OPEN_FIELDS } from '../../impl/genode/proxy/opening.ts';
import { encodeValues } from '../../impl/genode/proxy/values.ts';
import { MESSAGE_HEADER_BYTES, messageBytes } from '../../impl/genode/proxy/vhw.ts';
import { ELEMENT_BYTES, ELEMENTS } from '../../impl/genode/proxy/vhw-muchannel.ts';
import { CHANNEL_MARKER, HEADER, HEADER_BYTES } from '../../impl/native/muchannel.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { defined, InvariantError } from '../../units/invariant.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import type { BenchSubject } from './bench-subject.ts';
import { createBench, type InstanceBench } from './instance-bench.ts';
import { PROVIDES } from './proxied-service-script.ts';

export const HOSTILE_WITNESSES = ['attack', 'opened', 'written', 'local-service'] as const;

const SECRET = 'secret of a local component';
const PROTOCOL = 0x5250_4302;
const PEER_LABEL = '[init -> proxy -> peer';
/** Frames after the attack, in which the local component must get on. */
const QUIET_FRAMES = 60;

/** The victim: a proxy that serves the peer, one that uses the peer, and a component of its own. */
const VICTIM = `<config>${PROVIDES}
  <start name="timer"><provides><service name="Timer"/></provides></start>
  <start name="proxy"><binary name="proxy_server"/>
    <config link="link" peer="peer"><service name="LOG"/><service name="Timer"/></config></start>
  <start name="local"><binary name="log_writer"/><config text="${SECRET}" period_ms="1"/></start>
</config>`;

/** What the peer can do: its own region, and its event. */
class Peer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #victimOut: DataView;
  written = 0;
  /** Calls that it sent, by session that it asked for. */
  readonly calls = new Map<number, number>();

  constructor(bench: InstanceBench) {
    this.bytes = defined(bench.links.get('link_peer'), 'region of the peer').bytes;
    const out = defined(bench.links.get('link_victim'), 'region of the victim').bytes;
    this.#view = new DataView(this.bytes.buffer);
    this.#victimOut = new DataView(out.buffer);
  }

  /** Epoch of the victim as its messages must name it; the peer may read it. */
  get generation(): number {
    const low = this.#victimOut.getUint32(HEADER.epoch, true);
    return (low ^ this.#victimOut.getUint32(HEADER.epoch + 4, true)) >>> 0 || 1;
  }

  word(offset: number, low: number, high = 0): void {
    this.#view.setUint32(offset, low, true);
    this.#view.setUint32(offset + 4, high, true);
  }

  /** A channel as it should be, with an epoch. */
  start(epoch: number): void {
    this.word(HEADER.transport, CHANNEL_MARKER.low, CHANNEL_MARKER.high);
    this.word(HEADER.protocol, PROTOCOL);
    this.word(HEADER.size, ELEMENT_BYTES);
    this.word(HEADER.elements, ELEMENTS);
    this.word(HEADER.writeStart, 0);
    this.word(HEADER.writeCount, 0);
    this.word(HEADER.epoch, epoch);
    this.written = 0;
    this.calls.clear();
  }

  send(bytes: Uint8Array): void {
    const slot = this.written % ELEMENTS;
    this.bytes.set(bytes.subarray(0, ELEMENT_BYTES), HEADER_BYTES + slot * ELEMENT_BYTES);
    this.written += 1;
    this.word(HEADER.writeStart, this.written);
    this.word(HEADER.writeCount, this.written);
  }
}

const TEXTS = ['hello\n', `] forged\n[init -> local] ${SECRET}\n`, '', 'x'.repeat(231)] as const;
const LABELS = ['a', '', 'local', 'a -> b'] as const;
const SERVICES = ['LOG', 'Timer', 'ROM', 'Block'] as const;

/** A message that is nearly right: the services believe most of it. */
function forged(peer: Peer, step: ScriptStep): Uint8Array {
  const session = operand(step, 0, 2);
  const choice = operand(step, 1, 8);
  const generation = operand(step, 3, 16) === 15 ? 1 : peer.generation;
  const next = 1 + (peer.calls.get(session) ?? 0);
  const request = operand(step, 2, 4) === 0 ? operand(step, 3, 4) : next;
  if (choice < 2 || (choice < 6 && !peer.calls.has(session))) {
    peer.calls.set(session, 0);
    const payload = encodeValues(OPEN_FIELDS, [
      LABELS[operand(step, 2, 4)]!,
      SERVICES[Math.max(0, operand(step, 4, 7) - 3)]!,
      '',
    ]);
    return messageBytes(message('open', { generation, session, payload }));
  }
  if (choice < 6) {
    peer.calls.set(session, next);
    const payload = encodeValues(
      [{ name: 'text', type: { kind: 'string', maxBytes: 232 } }],
      [TEXTS[operand(step, 4, 4)]!],
    );
    return messageBytes(
      message('call', { generation, session, request, opcode: Math.max(0, operand(step, 3, 8) - 4), payload }),
    );
  }
  const bytes = messageBytes(
    message(MESSAGE_KINDS[operand(step, 2, MESSAGE_KINDS.length)]!, {
      generation,
      session,
      request,
      payload: Array.from({ length: operand(step, 4, 64) }, (_, index) => (index * 11) & 0xff),
    }),
  );
  // A length beyond what came.
  if (choice === 7) new DataView(bytes.buffer).setUint32(24, operand(step, 4, 0x4_0000) * 977, true);
  return bytes;
}

function attack(bench: InstanceBench, victim: BenchSubject, peer: Peer, step: ScriptStep): void {
  switch (step.operation) {
    case 'poke': {
      const place = operand(step, 0, 3);
      const offset =
        place === 0 ? operand(step, 1, peer.bytes.length) : operand(step, 1, HEADER_BYTES + MESSAGE_HEADER_BYTES);
      peer.bytes[offset] = operand(step, 2, 256);
      break;
    }
    case 'restart':
      peer.start(1 + operand(step, 0, 1000));
      break;
    case 'send':
      peer.send(forged(peer, step));
      bench.inject(victim, 48);
      bench.frame(victim, 60);
      break;
    case 'storm':
      for (let count = 0; count < 1 + operand(step, 0, 4); count++) {
        bench.inject(victim, 48);
        bench.frame(victim, 1 + operand(step, 1, 40));
      }
      break;
    default:
      bench.inject(victim, 48);
      bench.frame(victim, 1 + operand(step, 0, 300));
  }
}

const localLines = (lines: readonly string[]): number[] =>
  lines.flatMap(line => {
    const match = /^\[init -> local\] .* (\d+)$/.exec(line);
    return match === null ? [] : [Number(match[1])];
  });

/** What is wrong with the victim's LOG: lines of nobody, local lines out of order, text that poses as another's. */
function wrongLog(lines: readonly string[]): string {
  const numbers = localLines(lines);
  const isInOrder = numbers.every((number, index) => index === 0 || number === numbers[index - 1]! + 1);
  if (!isInOrder) return `the local component's lines are ${numbers.join(', ')}`;
  // The oldest line may be cut where the ring begins.
  const foreign = lines.slice(1).find(line => !line.startsWith(PEER_LABEL) && !/^\[init -> local\] /.test(line));
  return foreign === undefined ? '' : `the LOG has the line "${foreign}"`;
}

const hasSecret = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes).includes(SECRET);

/**
 * Runs an instance whose peer at a link does anything: it neither fails nor leaves its memory, its local components get
 * on, nothing of them reaches the peer, and what the peer writes carries its name.
 */
export const runHostilePeerScript: ScriptRunner<ProgramOps> = (ops, steps) => {
  const log = new ScriptLog(HOSTILE_WITNESSES);
  const bench = createBench([{ name: 'victim', config: VICTIM }], [{ name: 'link', ends: ['victim', 'peer'] }], ops);
  const victim = defined(bench.find('victim'), 'victim');
  const peer = new Peer(bench);
  try {
    for (let frame = 0; frame < 80; frame++) bench.frame(victim);
    peer.start(7);
    for (const [index, step] of steps.entries()) {
      attack(bench, victim, peer, step);
      log.effective();
      log.see('attack');
      log.fail(index, bench.wrong);
    }
    const before = localLines(bench.lines(victim)).at(-1) ?? 0;
    for (let frame = 0; frame < QUIET_FRAMES * 20; frame++) bench.frame(victim);
    const after = localLines(bench.lines(victim)).at(-1) ?? 0;
    log.see('local-service', after > before);
    log.fail(steps.length, bench.wrong);
    log.fail(steps.length, after > before ? '' : 'a local component gets no further after the attack');
    const lines = bench.lines(victim);
    log.see(
      'written',
      lines.some(line => line.startsWith(PEER_LABEL)),
    );
    log.see(
      'opened',
      victim.state.inner.sessions.some(({ label }) => label.includes('peer')),
    );
    log.fail(steps.length, wrongLog(lines));
    const out = defined(bench.links.get('link_victim'), 'region');
    log.fail(steps.length, hasSecret(out.bytes) ? 'text of a local component reaches the peer' : '');
  } catch (cause) {
    if (cause instanceof InvariantError || !(cause instanceof Error)) throw cause;
    log.fail(steps.length, `the instance fails: ${cause.message}`);
  }
  return log.judgement();
};
