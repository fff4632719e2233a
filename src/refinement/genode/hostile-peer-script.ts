import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { MESSAGE_HEADER_BYTES } from '../../impl/genode/proxy/vhw.ts';
import { ELEMENTS } from '../../impl/genode/proxy/vhw-muchannel.ts';
import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import { HEADER_BYTES } from '../../impl/native/muchannel.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { defined, InvariantError } from '../../units/invariant.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import type { BenchSubject } from './bench-subject.ts';
import { forgedByClient, forgedByServer, HostilePeer, LENGTH_OFFSET } from './hostile-peer.ts';
import { instanceOf, PEER, SECRET, VICTIMS, type Victim } from './hostile-victims.ts';
import { createBench, type InstanceBench } from './instance-bench.ts';
import { clientState } from './proxied-service-script.ts';

export const HOSTILE_WITNESSES = ['attack', 'opened', 'written', 'answered', 'packet', 'failed'] as const;

const LINK_VECTOR = 48;
const BOOT_FRAMES = 80;
/** Operations of a victim during which a message changes: it is taken by then. */
const RACE_OPERATIONS = 60;
/** Frames after the attack, in which the local component must get on. */
const QUIET_FRAMES = 1200;
/** Frames of a flood, in which it must get on as well. */
const FLOOD_FRAMES = 400;
/** Frames that a victim may take for what it was asked: opening a session with two streams is the longest. */
const SETTLE_FRAMES = 200;

/** An attack under way. */
class Attack {
  readonly bench: InstanceBench;
  readonly subject: BenchSubject;
  readonly peer: HostilePeer;
  readonly victim: Victim;
  /** Local lines that a flood kept from being written. */
  wrong = '';

  constructor(victim: Victim, ops: ProgramOps) {
    this.victim = victim;
    this.bench = createBench([instanceOf(victim)], [{ name: 'link', ends: ['victim', 'peer'] }], ops);
    this.subject = defined(this.bench.find('victim'), 'victim');
    const { links } = this.bench;
    this.peer = new HostilePeer(
      defined(links.get('link_peer'), 'region of the peer').bytes,
      defined(links.get('link_victim'), 'region of the victim').bytes,
    );
  }

  #forged(step: ScriptStep): Uint8Array {
    const face = interfaceNamed(this.victim.service);
    return this.victim.side === 'server'
      ? forgedByClient(this.peer, face, step)
      : forgedByServer(this.peer, face, step);
  }

  /** Raises the peer's event and lets the victim run. */
  run(operations: number): void {
    this.bench.inject(this.subject, LINK_VECTOR);
    this.bench.frame(this.subject, operations);
  }

  /** A byte of the message changes again and again while the victim takes it. */
  #race(at: number, right: number, step: ScriptStep): void {
    const period = 2 ** operand(step, 0, 4);
    for (let done = 0; done < RACE_OPERATIONS; done++) {
      this.peer.bytes[at] = (done & period) === 0 ? right : operand(step, 2, 256);
      this.run(1);
    }
    this.#settle();
  }

  /** Lets the victim do what it has to do. */
  #settle(): void {
    for (let frame = 0; frame < SETTLE_FRAMES && !this.subject.isAsleep; frame++) this.bench.frame(this.subject);
  }

  #flood(step: ScriptStep): void {
    const before = this.localCount();
    for (let frame = 0; frame < FLOOD_FRAMES; frame++) {
      if (frame % 8 === 0) this.peer.send(this.#forged({ ...step, operands: [...step.operands.slice(1), frame] }));
      this.peer.take();
      this.run(50);
    }
    if (this.localCount() <= before) this.wrong = 'a local component gets no further during a flood of messages';
  }

  perform(step: ScriptStep): void {
    const { peer } = this;
    switch (step.operation) {
      case 'poke': {
        const places = operand(step, 0, 3) === 0 ? peer.bytes.length : HEADER_BYTES + MESSAGE_HEADER_BYTES;
        peer.bytes[operand(step, 1, places)] = operand(step, 2, 256);
        break;
      }
      case 'restart':
        peer.start(1 + operand(step, 0, 1000));
        break;
      case 'send':
        peer.take();
        peer.send(this.#forged(step));
        this.run(60);
        if (operand(step, 4, 3) > 0) this.#settle();
        break;
      case 'race': {
        peer.take();
        const at = peer.slot + [LENGTH_OFFSET + 1, operand(step, 1, MESSAGE_HEADER_BYTES)][operand(step, 3, 2)]!;
        peer.send(this.#forged(step));
        this.#race(at, peer.bytes[at]!, step);
        break;
      }
      case 'storm':
        for (let count = 0; count < 1 + operand(step, 0, ELEMENTS); count++) this.run(1 + operand(step, 1, 40));
        break;
      case 'flood':
        this.#flood(step);
        break;
      default:
        this.run(1 + operand(step, 0, 300));
        this.#settle();
    }
  }

  /** Number of the latest line of the local component. */
  localCount(): number {
    return localLines(this.bench.lines(this.subject)).at(-1) ?? 0;
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
  const foreign = lines
    .slice(1)
    .find(line => !line.startsWith(`[init -> ${PEER}`) && !/^\[init -> local\] /.test(line));
  return foreign === undefined ? '' : `the LOG has the line "${foreign}"`;
}

const hasSecret = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes).includes(SECRET);

/** What is wrong with a client of a peer that started anew and is silent: whatever it waited for must have ended. */
function wrongClient({ subject, victim }: Attack): string {
  const client = subject.state.inner.components.find(({ name }) => name === 'client');
  if (victim.side === 'server' || client === undefined) return '';
  if (client.isCalling) return 'a call goes on although the server that it was sent to is gone';
  return (clientState(subject)?.lent ?? 0) > 0 ? 'packets stay at a server that is gone' : '';
}

/** True if a line of the peer is in the LOG, whose ring forgets. */
const hasWritten = ({ bench, subject, victim }: Attack): boolean =>
  victim.service === 'LOG' && bench.lines(subject).some(line => line.startsWith(`[init -> ${PEER}`));

function noteWitnesses(log: ScriptLog, attack: Attack): void {
  const { subject } = attack;
  const seen = clientState(subject)?.seen ?? [];
  log.see(
    'opened',
    subject.state.inner.sessions.some(({ label, status }) => label.includes(PEER) && status !== 'requested'),
  );
  log.see('written', hasWritten(attack));
  log.see(
    'answered',
    seen.some(text => text.includes(' = ')),
  );
  log.see(
    'packet',
    seen.some(text => text.startsWith('packet')),
  );
  log.see(
    'failed',
    seen.some(text => text.endsWith('session-dead')),
  );
}

/** What is wrong after an attack: looked for while the peer is silent again. */
function wrongAfter(attack: Attack): string {
  const { bench, subject, peer } = attack;
  peer.start(0x7fff_ffff);
  attack.run(50);
  const before = attack.localCount();
  for (let frame = 0; frame < QUIET_FRAMES; frame++) bench.frame(subject);
  if (bench.wrong !== '') return bench.wrong;
  const { phase, failure } = subject.state.inner;
  if (phase !== 'run') return `the instance fails: ${failure}`;
  if (attack.localCount() <= before) return 'a local component gets no further after the attack';
  const out = defined(bench.links.get('link_victim'), 'region of the victim');
  if (hasSecret(out.bytes)) return 'text of a local component reaches the peer';
  return wrongLog(bench.lines(subject)) || wrongClient(attack);
}

/**
 * Runs an instance whose peer at a link does anything: it neither fails nor leaves its memory, its local components get
 * on, nothing of them reaches the peer, what the peer writes carries its name, and no client waits for a peer that is gone.
 */
export const runHostilePeerScript: ScriptRunner<ProgramOps> = (ops, steps) => {
  const log = new ScriptLog(HOSTILE_WITNESSES);
  const choice = steps.find(({ operation }) => operation === 'case') ?? { operation: 'case', operands: [0] };
  const attack = new Attack(VICTIMS[operand(choice, 0, VICTIMS.length)]!, ops);
  const { bench, subject, peer } = attack;
  try {
    for (let frame = 0; frame < BOOT_FRAMES; frame++) bench.frame(subject);
    peer.start(7);
    for (const [index, step] of steps.entries()) {
      if (step.operation === 'case') continue;
      attack.perform(step);
      log.effective();
      log.see('attack');
      log.see('written', hasWritten(attack));
      log.fail(index, bench.wrong || attack.wrong);
      if (log.hasFailed) return log.judgement();
    }
    log.fail(steps.length, wrongAfter(attack));
    noteWitnesses(log, attack);
  } catch (cause) {
    if (cause instanceof InvariantError || !(cause instanceof Error)) throw cause;
    log.fail(steps.length, `the instance fails: ${cause.message}`);
  }
  return log.judgement();
};
