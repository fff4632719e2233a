import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import { notProxyable } from '../../impl/genode/proxy/message.ts';
import type { SessionInterface } from '../../impl/genode/services/interface.ts';
import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { defined } from '../../units/invariant.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import type { BenchSubject } from './bench-subject.ts';
import { createBench, type InstanceBench } from './instance-bench.ts';
import { PROXIED_CASES, type ProxiedCase } from './proxied-cases.ts';
import { type ClientAction, fillBytes, type ScriptClientState, scriptClient } from './script-client.ts';
import { argumentOf } from './service-arguments.ts';

export const PROXIED_WITNESSES = ['opened', 'replied', 'failed', 'data', 'packet', 'denied', 'signal'] as const;

export const PROVIDES = `<parent-provides><service name="LOG"/><service name="ROM"/></parent-provides>
  <default-route><any-service><parent/><any-child/></any-service></default-route><default caps="200" ram="512K"/>`;

const provides = (service: string): string => `<provides><service name="${service}"/></provides>`;

/** Start node of the real service; core's own services need none. */
const realService = ({ binary, service, config }: ProxiedCase): string =>
  binary === '' ? '' : `<start name="service"><binary name="${binary}"/>${provides(service)}${config}</start>`;

const CLIENT = '<start name="client"><binary name="script_client"/>ROUTE</start>';

const clientNode = (service: string, server: string): string =>
  CLIENT.replace(
    'ROUTE',
    server === ''
      ? ''
      : `<route><service name="${service}" unscoped_label="client"><parent/></service>
         <service name="${service}"><child name="${server}"/></service><any-service><parent/><any-child/></any-service></route>`,
  );

/** The client beside the service in one instance. */
export const localConfig = (row: ProxiedCase): string =>
  `<config>${PROVIDES}${realService(row)}${clientNode(row.service, row.binary === '' ? '' : 'service')}</config>`;

/** The client beside a proxy, the service in another instance. */
export const remoteConfigs = (row: ProxiedCase): readonly [string, string] => {
  const config = `<config link="link" peer="apps"><service name="${row.service}"/></config>`;
  const client = `<start name="proxy"><binary name="proxy_client"/>${provides(row.service)}${config}</start>`;
  const route =
    row.binary === ''
      ? ''
      : `<route><service name="${row.service}"><child name="service"/></service><any-service><parent/></any-service></route>`;
  const server = `<start name="proxy"><binary name="proxy_server"/>${route}${config}</start>`;
  return [
    `<config>${PROVIDES}${client}${clientNode(row.service, 'proxy')}</config>`,
    `<config>${PROVIDES}${realService(row)}${server}</config>`,
  ];
};

/** Actions of the client that a script means. */
export function actionsOf(face: SessionInterface, steps: readonly ScriptStep[]): ClientAction[] {
  const actions: ClientAction[] = [{ kind: 'open', label: 'a' }];
  // Most calls make sense only with the dataspace and the channel of the session.
  const first = ['dataspace', 'tx_cap'].map(name => face.functions.findIndex(row => row.name === name));
  for (const opcode of first) if (opcode >= 0) actions.push({ kind: 'call', opcode, values: [], fill: 0 });
  // Capabilities of other objects do not leave their instance.
  const callable = face.functions.flatMap((_, opcode) =>
    notProxyable(face, opcode).includes(' passes a ') ? [] : [opcode],
  );
  for (const [opcode, called] of face.functions.entries()) {
    const isRegistration = called.arguments.length === 1 && called.arguments[0]!.type.kind === 'signal';
    if (isRegistration) actions.push({ kind: 'call', opcode, values: [1], fill: 0 });
  }
  for (const step of steps) {
    if (step.operation === 'case') continue;
    const choice = operand(step, 1, 0x4_0000);
    if (step.operation === 'close') actions.push({ kind: 'close' }, { kind: 'open', label: `label ${choice % 4}` });
    else if (step.operation === 'packet' && face.streams[0]?.source === 'client') actions.push(packetOf(face, step));
    else {
      const opcode = callable[operand(step, 0, callable.length)]!;
      const called = face.functions[opcode]!;
      const values = called.arguments.map(({ type }, index) =>
        argumentOf(type, operand(step, 1 + (index % 3), 0x4_0000)),
      );
      actions.push({ kind: 'call', opcode, values, fill: choice & 0xff });
    }
  }
  return actions;
}

function packetOf(face: SessionInterface, step: ScriptStep): ClientAction {
  const words = face.streams[0]!.words;
  const more = Array.from({ length: words }, (_, index) => operand(step, index % 4, 5));
  return { kind: 'packet', bytes: fillBytes([512, 1, 4096, 1024][operand(step, 2, 4)]!, operand(step, 3, 256)), more };
}

/** Most frames that a run takes. */
const MAX_FRAMES = 4000;

/** What the client of an instance saw so far; undefined before it started. */
export function clientState(subject: BenchSubject): ScriptClientState | undefined {
  const body = subject.state.inner.components.find(({ name }) => name === 'client')?.body;
  return body?.kind === 'program' ? (body.state as ScriptClientState) : undefined;
}

/** True when a client did all of its actions and has every answer. */
export function isAtEnd(subject: BenchSubject, actions: number): boolean {
  const component = subject.state.inner.components.find(({ name }) => name === 'client');
  const state = clientState(subject);
  if (component === undefined || state === undefined) return false;
  const hasAll = state.next >= actions && !state.isWaiting && state.lent === 0;
  return hasAll && !component.isCalling && component.calls.length === 0 && component.events.length === 0;
}

/** Runs until the client has an answer to everything that it asked; the text says what went wrong. */
function runToEnd(bench: InstanceBench, client: BenchSubject, actions: number): string {
  for (let frame = 0; frame < MAX_FRAMES; frame++) {
    if (isAtEnd(client, actions)) return '';
    for (const subject of bench.subjects) bench.frame(subject);
    if (bench.wrong !== '') return bench.wrong;
    const failure = bench.subjects.find(({ state }) => state.inner.phase === 'failed');
    if (failure !== undefined) return `${failure.name}: ${failure.state.inner.failure}`;
  }
  const state = clientState(client);
  return `a client gets no answer to action ${state?.next ?? 0} of ${actions}`;
}

/** Frames in which signals may still come to a local client; one behind proxies gets many times as much. */
const SIGNAL_FRAMES = 40;
const MORE_TIME = 12;

/**
 * Functions whose signal handler stays registered until the end. One that the client takes back, closes its session of or
 * turns off may have been signalled before that or not, as the delay of the proxies has it.
 */
function keptSignals(face: SessionInterface, actions: readonly ClientAction[]): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const action of actions) {
    if (action.kind === 'close') kept.clear();
    if (action.kind !== 'call') continue;
    const { name, arguments: given } = face.functions[action.opcode]!;
    if (name === 'trigger_periodic' && Number(action.values[0]) === 0) kept.clear();
    if (given[0]?.type.kind !== 'signal') continue;
    if (Number(action.values[0]) === 0) kept.delete(name);
    else kept.add(name);
  }
  return kept;
}

/** Signals that a local client gets and one behind the proxies does not, in much more time; empty for none. */
function missingSignal(local: InstanceBench, remote: InstanceBench, kept: ReadonlySet<string>): string {
  const [here, there] = [local, remote].map(bench => defined(bench.find('apps'), 'apps'));
  const signalsOf = (subject: BenchSubject | undefined): readonly string[] =>
    subject === undefined ? [] : (clientState(subject)?.signals ?? []);
  for (let frame = 0; frame < SIGNAL_FRAMES; frame++) for (const subject of local.subjects) local.frame(subject);
  const isComplete = (): boolean => signalsOf(here).every(name => !kept.has(name) || signalsOf(there).includes(name));
  for (let frame = 0; frame < MORE_TIME * SIGNAL_FRAMES && !isComplete(); frame++)
    for (const subject of remote.subjects) remote.frame(subject);
  return signalsOf(here).find(name => kept.has(name) && !signalsOf(there).includes(name)) ?? '';
}

const seenBy = (subject: BenchSubject): readonly string[] => clientState(subject)?.seen ?? [];

/**
 * Runs a client with its service in its own instance, and the same client with the service behind proxies in another
 * instance: it must see the same.
 */
export const runProxiedServiceScript: ScriptRunner<ProgramOps> = (ops, steps) => {
  const log = new ScriptLog(PROXIED_WITNESSES);
  const choice = steps.find(({ operation }) => operation === 'case') ?? { operation: 'case', operands: [0] };
  const row = PROXIED_CASES[operand(choice, 0, PROXIED_CASES.length)]!;
  const face = interfaceNamed(row.service);
  const actions = actionsOf(face, steps);
  const programs = [scriptClient(face, actions, row.timed)];
  const local = createBench([{ name: 'apps', config: localConfig(row), programs }], [], ops);
  const [clientConfig, serverConfig] = remoteConfigs(row);
  const remote = createBench(
    [
      { name: 'apps', config: clientConfig, programs },
      { name: 'server', config: serverConfig },
    ],
    [{ name: 'link', ends: ['apps', 'server'] }],
    ops,
  );
  const [localApps, remoteApps] = [defined(local.find('apps'), 'apps'), defined(remote.find('apps'), 'apps')];
  log.fail(0, runToEnd(local, localApps, actions.length));
  log.fail(0, runToEnd(remote, remoteApps, actions.length));
  const [expected, found] = [seenBy(localApps), seenBy(remoteApps)];
  for (const text of expected) {
    log.effective();
    log.see('opened', text === 'opened');
    log.see('denied', text === 'denied');
    log.see('replied', text.includes(' = '));
    log.see('failed', text.includes(' ! '));
    log.see('data', / = .* \d+:/.test(text));
    log.see('packet', text.startsWith('packet'));
  }
  const at = expected.findIndex((text, index) => found[index] !== text);
  if (at >= 0)
    log.fail(
      at,
      `${row.service}: a local client sees "${expected[at]}", one behind the proxies "${found[at] ?? 'nothing'}"`,
    );
  if (found.length > expected.length)
    log.fail(at, `${row.service}: "${found[expected.length]}" is seen behind the proxies only`);
  // A timeout that comes before its signal is registered is for nobody: with other delays others are.
  if (!log.hasFailed && row.service !== 'Timer') {
    const missing = missingSignal(local, remote, keptSignals(face, actions));
    log.fail(steps.length, missing === '' ? '' : `${row.service}: the signal of ${missing} does not cross the proxies`);
  }
  log.see('signal', (clientState(remoteApps)?.signals ?? []).length > 0);
  return log.judgement();
};
