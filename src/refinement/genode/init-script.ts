import type { ProgramOps } from '../../impl/genode/instance/component.ts';
import type { InstanceState } from '../../impl/genode/instance/state.ts';
import type { DynamicRomState } from '../../impl/genode/services/dynamic-rom.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { CLIENT, SERVER, type SpecConfig, SpecInit, type SpecNode } from './init-spec.ts';
import { createBench } from './instance-bench.ts';

/** Time for which each configuration holds. */
const PERIOD_MS = 25;
const MAX_FRAMES = 12_000;
/** Configurations of one run, the empty ones at both ends left out. */
const CONFIGS = 6;

export const INIT_WITNESSES = ['started', 'ended', 'version', 'server-restarted', 'stuck', 'released', 'kept'] as const;

/** Children in the order of their nodes: two with a Timer session, a server, and its client. */
const CHILDREN = [
  { name: 'a', binary: 'log_writer', service: 'Timer', inside: '<config period_ms="3" count="2"/>' },
  { name: 'b', binary: 'log_writer', service: 'Timer', inside: '<config period_ms="3" count="2"/>' },
  {
    name: SERVER,
    binary: 'terminal_crosslink',
    service: '',
    inside: '<provides><service name="Terminal"/></provides>',
  },
  { name: CLIENT, binary: 'terminal_tester', service: 'Terminal', inside: '<config echo="yes"/>' },
] as const;

/** Everybody is there, and every session leads somewhere. */
const ALL: SpecConfig = new Map(CHILDREN.map(({ name }) => [name, { version: 1, isRouted: true }]));

/** Changes one thing about one child: its route in half of the cases, else whether it is there, or its version. */
function changed(config: SpecConfig, what: number, which: number): SpecConfig {
  const { name, service } = CHILDREN[which]!;
  const known = config.get(name);
  const next = new Map<string, SpecNode>();
  for (const child of CHILDREN) {
    const node = child.name === name ? (known ?? { version: 1, isRouted: true }) : config.get(child.name);
    if (node !== undefined) next.set(child.name, node);
  }
  if (known === undefined) return next;
  if (what === 0) next.delete(name);
  else if (what === 1 || service === '') next.set(name, { ...known, version: 3 - known.version });
  else next.set(name, { ...known, isRouted: !known.isRouted });
  return next;
}

/** The configuration after another one. */
function configAfter(config: SpecConfig, step: ScriptStep): SpecConfig {
  const once = changed(config, operand(step, 0, 4), operand(step, 1, 4));
  return operand(step, 4, 2) === 0 ? once : changed(once, operand(step, 2, 4), operand(step, 3, 4));
}

function nodeText(name: string, { version, isRouted }: SpecNode): string {
  const { binary, service, inside } = CHILDREN.find(child => child.name === name)!;
  const target = isRouted
    ? service === 'Terminal'
      ? `<child name="${SERVER}"/>`
      : '<parent/>'
    : '<child name="nobody"/>';
  const route =
    service === ''
      ? ''
      : `<route><service name="${service}">${target}</service><any-service><parent/></any-service></route>`;
  return `<start name="${name}" version="${version}"><binary name="${binary}"/>${route}${inside}</start>`;
}

const textOf = (config: SpecConfig): string =>
  `<config><parent-provides><service name="LOG"/><service name="ROM"/><service name="Timer"/></parent-provides>
    <default-route><any-service><parent/></any-service></default-route><default caps="60" ram="192K"/>
    ${[...config].map(([name, node]) => nodeText(name, node)).join('')}</config>`;

const systemOf = (configs: readonly SpecConfig[]): string => {
  const steps = configs.map(config => `<inline>${textOf(config)}</inline><sleep milliseconds="${PERIOD_MS}"/>`);
  return `<config><parent-provides><service name="LOG"/><service name="ROM"/></parent-provides>
    <default-route><any-service><parent/><any-child/></any-service></default-route><default caps="60" ram="192K"/>
    <start name="timer"><provides><service name="Timer"/></provides></start>
    <start name="dynamic_rom"><provides><service name="ROM"/></provides><config><rom name="config">${steps.join('')}</rom></config></start>
    <start name="inner" ram="1M" caps="500"><binary name="init"/><route><service name="ROM" label="config">
      <child name="dynamic_rom"/></service><any-service><parent/><any-child/></any-service></route></start></config>`;
};

/** Number of the configuration that holds, -1 before the first. */
function currentConfig({ components }: InstanceState): number {
  const body = components.find(({ name }) => name === 'dynamic_rom')?.body;
  const state = body?.kind === 'services' ? (body.services[0]!.state as DynamicRomState) : undefined;
  const [place] = state?.places.values() ?? [];
  // A step is content, the next a sleep; after the last comes the first again.
  return place === undefined ? -1 : place.step === 0 ? CONFIGS + 1 : place.step / 2 - 1;
}

/** What the inner init has left, of both resources. */
function leftOf(state: InstanceState): string {
  const inner = state.components.findIndex(({ name }) => name === 'inner');
  const own = state.books.get(inner)?.own;
  if (own === undefined) return '';
  const [ram, caps] = [state.ram[own.ram]!, state.caps[own.caps]!];
  return `${ram.limit - ram.used} bytes and ${caps.limit - caps.used} caps`;
}

/** Compares an instance with the specification while a configuration holds, after all has come to rest. */
function judge(state: InstanceState, spec: SpecInit): string {
  const inner = state.components.findIndex(({ name }) => name === 'inner');
  const own = state.components.filter(({ init }) => init === inner);
  const living = own.flatMap(({ name, isAlive }) => (isAlive ? [name] : [])).sort();
  if (living.join() !== spec.living.join())
    return `the children ${living.join()} live, it should be ${spec.living.join()}`;
  for (const { name } of CHILDREN) {
    const started = own.filter(child => child.name === name).length;
    const expected = spec.starts.get(name) ?? 0;
    if (started !== expected) return `child ${name} was started ${started} times, not ${expected}`;
  }
  return '';
}

/** Lets an init follow a row of configurations, the first and the last of which start nothing. */
export const runInitScript: ScriptRunner<ProgramOps> = (ops, steps) => {
  const log = new ScriptLog(INIT_WITNESSES);
  const empty: SpecConfig = new Map();
  const wanted = [ALL];
  for (const step of steps.slice(0, CONFIGS - 1)) wanted.push(configAfter(wanted.at(-1)!, step));
  while (wanted.length < CONFIGS) wanted.push(wanted.at(-1)!);
  const configs = [empty, ...wanted, empty];
  const bench = createBench([{ name: 'apps', config: systemOf(configs) }], [], ops);
  const [subject] = bench.subjects;
  const spec = new SpecInit();
  let current = -1;
  let leftAtFirst = '';
  for (let frame = 0; frame < MAX_FRAMES && current <= CONFIGS + 1 && !log.hasFailed; frame++) {
    const before = subject!.state.inner;
    bench.frame(subject!);
    const next = currentConfig(subject!.state.inner);
    if (next === current || bench.wrong !== '') continue;
    if (current >= 0) log.fail(Math.max(0, current - 2), judge(before, spec));
    if (current === 0) leftAtFirst = leftOf(before);
    if (current === CONFIGS + 1) {
      const left = leftOf(before);
      log.fail(
        CONFIGS,
        left === leftAtFirst ? '' : `an init without children has ${left}, before it had ${leftAtFirst}`,
      );
      break;
    }
    const living = spec.living.length;
    const started = [...spec.starts.values()].reduce((sum, count) => sum + count, 0);
    spec.apply(configs[next]!);
    log.effective();
    const nowStarted = [...spec.starts.values()].reduce((sum, count) => sum + count, 0);
    log.see('started', nowStarted > started);
    log.see('ended', spec.living.length < living);
    log.see('kept', living > 0 && nowStarted - started < spec.living.length);
    const versions = (config: SpecConfig | undefined): string =>
      [...(config ?? empty)].map(([name, { version }]) => `${name}${version}`).join();
    log.see('version', next > 0 && versions(configs[next]) !== versions(configs[next - 1]));
    current = next;
  }
  log.see('server-restarted', spec.restarted > 0);
  log.see('stuck', spec.stuck > 0);
  log.see('released', spec.released > 0);
  log.fail(CONFIGS, bench.wrong);
  log.fail(CONFIGS, current === CONFIGS + 1 ? '' : 'the instance does not get to the last configuration');
  return log.judgement();
};
