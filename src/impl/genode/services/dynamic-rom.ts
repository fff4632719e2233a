import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import { elementText } from '../init/element-text.ts';
import { lastElement } from '../init/label.ts';
import { readCount } from '../init/values.ts';
import { interfaceNamed } from './interfaces.ts';
import { type Service, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';
import { callTextRom, changeTextModule, closeTextRom, NO_TEXT_ROMS, openTextRom, type TextRoms } from './text-rom.ts';

/** One step of a module's life. */
type Step =
  /** The module has this content from now on; empty for none. */
  { readonly kind: 'content'; readonly text: string } | { readonly kind: 'sleep'; readonly us: number };

export interface DynamicRomState {
  readonly roms: TextRoms;
  /** Next step of each session, and when it is due. */
  readonly places: ReadonlyMap<SessionNumber, Place>;
}

/** Where a session is in the steps of the module that it reads. */
interface Place {
  readonly module: string;
  readonly step: number;
  readonly dueUs: number;
}

function readStep(node: XmlElement): Result<Step, string> {
  if (node.name === 'empty') return ok({ kind: 'content', text: '' });
  if (node.name === 'inline') {
    const [content, second] = node.children;
    if (second !== undefined) return err('<inline> has more than one node');
    return ok({ kind: 'content', text: content === undefined ? node.text.trim() : elementText(content) });
  }
  const ms = readCount(node.attributes.milliseconds ?? '');
  if (node.name !== 'sleep' || ms === undefined || ms > 2 ** 31)
    return err(`<${node.name}> is no step of a ROM module`);
  return ok({ kind: 'sleep', us: 1000 * ms });
}

function readModules(config: XmlElement | undefined): Result<ReadonlyMap<string, readonly Step[]>, string> {
  const modules = new Map<string, readonly Step[]>();
  for (const { name, attributes, children } of config?.children ?? []) {
    if (name !== 'rom') continue;
    const steps: Step[] = [];
    for (const child of children) {
      const step = readStep(child);
      if (!step.ok) return step;
      steps.push(step.value);
    }
    const isEndless = !steps.some(step => step.kind === 'sleep' && step.us > 0);
    if (isEndless) return err(`<rom name="${attributes.name ?? ''}"> never sleeps`);
    modules.set(attributes.name ?? '', steps);
  }
  return ok(modules);
}

/** Name of a session's own module: every session goes through the steps from the first. */
const moduleOf = (session: SessionNumber): string => `${session}`;

/** Goes through the steps of a session up to the next sleep; after the last comes the first again. */
function advance(
  state: DynamicRomState,
  session: SessionNumber,
  steps: readonly Step[],
  startUs: number,
  env: ServiceEnv,
): DynamicRomState {
  let { roms } = state;
  const { module, step: first } = state.places.get(session)!;
  let place = first;
  for (;;) {
    const step = steps[place]!;
    place = (place + 1) % steps.length;
    if (step.kind === 'content') roms = changeTextModule(roms, moduleOf(session), step.text, env);
    else {
      const dueUs = startUs + step.us;
      env.wakeAtUs(dueUs);
      return { roms, places: new Map(state.places).set(session, { module, step: place, dueUs }) };
    }
  }
}

/** dynamic_rom: modules whose content changes with time, as the configuration says, for each session anew. */
export function dynamicRomService(
  config: XmlElement | undefined,
  ops: ServiceOps,
): Result<Service<DynamicRomState>, string> {
  const read = readModules(config);
  if (!read.ok) return read;
  const modules = read.value;
  return ok({
    faces: [interfaceNamed('ROM')],
    initial: { roms: NO_TEXT_ROMS, places: new Map() },
    open(state, session, { label }, env) {
      const module = lastElement(label);
      const steps = modules.get(module);
      if (steps === undefined) return err('DENIED');
      const opened = {
        ...state,
        roms: openTextRom(state.roms, session, moduleOf(session)),
        places: new Map(state.places).set(session, { module, step: 0, dueUs: 0 }),
      };
      return ok(advance(opened, session, steps, env.nowUs(), env));
    },
    close(state, session, env) {
      const places = new Map(state.places);
      places.delete(session);
      const roms = closeTextRom(state.roms, session, env);
      return { roms: { ...roms, modules: withEntry(roms.modules, moduleOf(session), undefined) }, places };
    },
    call(state, session, name, _values, env) {
      const called = callTextRom(ops, state.roms, session, name, env);
      return { ...called, state: { ...state, roms: called.state } };
    },
    wake(state, env) {
      const now = env.nowUs();
      let next = state;
      for (const [session, { module, dueUs }] of state.places) {
        if (dueUs > now) env.wakeAtUs(dueUs);
        else next = advance(next, session, modules.get(module)!, dueUs, env);
      }
      return next;
    },
  });
}
