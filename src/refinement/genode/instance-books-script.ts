import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { exitComponent } from '../../impl/genode/instance/exit-child.ts';
import type { Guest } from '../../impl/genode/instance/guest.ts';
import { CORE, Workspace } from '../../impl/genode/instance/workspace.ts';
import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { defined, InvariantError } from '../../units/invariant.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import type { BenchSubject } from './bench-subject.ts';
import { createBench, type InstanceBench } from './instance-bench.ts';
import { type Totals, totalsOf, wrongBooks } from './instance-books.ts';
import { PROXIED_CASES } from './proxied-cases.ts';
import { actionsOf, clientState, isAtEnd, remoteConfigs } from './proxied-service-script.ts';
import { scriptClient } from './script-client.ts';

export const BOOKS_WITNESSES = ['session', 'closed', 'exit', 'restart', 'freed', 'all-ended'] as const;

const MAX_FRAMES = 1500;
/** Frames in which a client gets to the next event of the script. */
const MAX_FRAMES_APART = 300;
/** Frames in which what an exit set off comes to its end. */
const QUIET_FRAMES = 200;

/** Ending a component needs no memory of the subject. */
const NO_GUEST: Guest = {
  read: () => unreachable(),
  write: () => unreachable(),
  raise: () => unreachable(),
  armTimer: () => unreachable(),
  portIn: () => unreachable(),
  portOut: () => unreachable(),
};

function unreachable(): never {
  throw new InvariantError('the end of a component touches the memory of its subject');
}

/** Two instances whose books are looked at after every handler. */
class Books {
  readonly bench: InstanceBench;
  readonly #ops: ProgramOps;
  readonly #log: ScriptLog;
  readonly #totals = new Map<BenchSubject, Totals>();
  step = 0;

  constructor(bench: InstanceBench, ops: ProgramOps, log: ScriptLog) {
    this.bench = bench;
    this.#ops = ops;
    this.#log = log;
  }

  look(subject: BenchSubject): void {
    const { inner } = subject.state;
    const totals = this.#totals.get(subject) ?? totalsOf(inner);
    if (totals === undefined) return;
    this.#totals.set(subject, totals);
    const wrong = wrongBooks(inner, totals);
    this.#log.fail(this.step, wrong === '' ? '' : `${subject.name}: ${wrong}`);
  }

  frames(count: number, isDone: () => boolean): void {
    for (let frame = 0; frame < count && !this.#log.hasFailed && !isDone(); frame++) {
      for (const subject of this.bench.subjects) {
        let known = subject.state.inner;
        this.bench.frame(subject, undefined, () => {
          if (subject.state.inner === known) return;
          known = subject.state.inner;
          this.look(subject);
        });
      }
    }
    this.#log.fail(this.step, this.bench.wrong);
  }

  /** Ends a component between two handlers; nothing happens while one runs. */
  exit(subject: BenchSubject, id: number): void {
    const { state } = subject;
    if (state.running !== undefined || state.inner.components[id]?.isAlive !== true) return;
    const ws = new Workspace(this.#ops.genode, state.inner, NO_GUEST);
    exitComponent(ws, id, 1);
    subject.state = { ...state, inner: ws.state };
    this.#log.see('exit');
    this.look(subject);
  }

  /** Ends all components but core and the first init, which must have everything back then. */
  endAll(subject: BenchSubject): void {
    const isQuiet = ({ state }: BenchSubject): boolean => state.inner.phase === 'run' && state.running === undefined;
    this.frames(QUIET_FRAMES, () => isQuiet(subject));
    if (!isQuiet(subject) || this.#log.hasFailed) return;
    const init = subject.state.inner.components.findIndex(({ init: outer }) => outer === CORE);
    for (let id = subject.state.inner.components.length - 1; id > init; id--) this.exit(subject, id);
    const { components, sessions, ram, caps, books } = subject.state.inner;
    if (components.slice(init + 1).some(({ isAlive }) => isAlive)) return;
    const own = defined(books.get(init), 'books of init').own;
    const accounts = [ram[own.ram]!, caps[own.caps]!];
    // Its own sessions, to LOG and its configuration, stay open: what they cost is at core.
    const donated = sessions.flatMap(row => (row.client === init && row.status !== 'closed' ? [row.donated] : []));
    const { assigned } = components[init]!;
    const ramBytes = donated.reduce((rest, quota) => rest - quota.ramBytes, assigned.ramBytes);
    const count = donated.reduce((rest, quota) => rest - quota.caps, assigned.caps);
    const isWhole = accounts[0]!.limit === ramBytes && accounts[1]!.limit === count;
    this.#log.see('all-ended');
    this.#log.fail(
      this.step,
      isWhole
        ? ''
        : `${subject.name}: after all children ended init has ${accounts.map(({ limit }) => limit).join(' and ')} of ${ramBytes} bytes and ${count} caps`,
    );
  }
}

/** Lets one instance end a component, or start anew. */
function perform(books: Books, step: ScriptStep): void {
  const { subjects } = books.bench;
  const subject = subjects[operand(step, 0, subjects.length)]!;
  const { components } = subject.state.inner;
  if (step.operation === 'restart') subject.reset();
  // Core and the first init are the instance itself.
  else books.exit(subject, 2 + operand(step, 1, Math.max(1, components.length - 2)));
}

/**
 * Runs a client, its proxies and the service behind them, lets components of both instances end and instances start anew
 * meanwhile, and looks after every handler whether RAM, caps, pages, capabilities, address spaces and labels are in order.
 */
export const runInstanceBooksScript: ScriptRunner<ProgramOps> = (ops, steps) => {
  const log = new ScriptLog(BOOKS_WITNESSES);
  const choice = steps.find(({ operation }) => operation === 'case') ?? { operation: 'case', operands: [0] };
  const row = PROXIED_CASES[operand(choice, 0, PROXIED_CASES.length)]!;
  const face = interfaceNamed(row.service);
  const isEvent = ({ operation }: ScriptStep): boolean => operation === 'exit' || operation === 'restart';
  const actions = actionsOf(
    face,
    steps.filter(step => !isEvent(step)),
  );
  const [client, server] = remoteConfigs(row);
  const bench = createBench(
    [
      { name: 'apps', config: client, programs: [scriptClient(face, actions, row.timed, true)] },
      { name: 'server', config: server },
    ],
    [{ name: 'link', ends: ['apps', 'server'] }],
    ops,
  );
  const books = new Books(bench, ops, log);
  const apps = defined(bench.find('apps'), 'apps');
  for (const [index, step] of steps.entries()) {
    books.step = index;
    if (isEvent(step)) {
      // It happens when the client has come as far as the script.
      const before = actionsOf(
        face,
        steps.slice(0, index).filter(other => !isEvent(other)),
      ).length;
      books.frames(MAX_FRAMES_APART, () => (clientState(apps)?.next ?? 0) >= before);
      books.frames(operand(step, 2, 8), () => false);
      perform(books, step);
      log.see('restart', step.operation === 'restart');
      log.effective();
    }
    if (log.hasFailed) return log.judgement();
  }
  books.step = steps.length;
  books.frames(MAX_FRAMES, () => isAtEnd(apps, actions.length));
  for (const subject of bench.subjects) if (!log.hasFailed) books.endAll(subject);
  log.see('session', (clientState(apps)?.seen ?? []).includes('opened'));
  for (const { state } of bench.subjects) {
    log.see(
      'closed',
      state.inner.sessions.some(({ status }) => status === 'closed'),
    );
    log.see(
      'freed',
      state.inner.dataspaces.some(({ isAlive }) => !isAlive),
    );
  }
  return log.judgement();
};
