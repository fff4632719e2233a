import type { Finding } from '../../../policy/finding.ts';
import type { XmlElement } from '../../../policy/xml.ts';
import type { InitConfig, StartNode } from './config.ts';
import { type InitReading, readInitConfig } from './read-config.ts';
import { type RouteDecision, routeSession, type SessionRequest } from './route.ts';
import { selectPolicy } from './session-policy.ts';
import { sessionsOf } from './stand-ins.ts';

/** Nested init instances are followed to this depth. */
const MAX_DEPTH = 16;
/** Routes that one configuration yields at most, so that nested inits cannot multiply without bound. */
const MAX_ROUTES = 100_000;

/** The route of one session of one component. */
export interface ResolvedRoute {
  /** Names of the nested inits from the outermost, then the component. */
  readonly path: readonly string[];
  readonly request: SessionRequest;
  /** What each init on the way decided: outwards from the component's own init, then inwards to the server's. */
  readonly decisions: readonly RouteDecision[];
}

export interface ResolvedInit {
  readonly routes: readonly ResolvedRoute[];
  readonly findings: readonly Finding[];
  /** Inits, nested ones included. */
  readonly inits: number;
  readonly components: number;
}

/** An init and the place where the outer one starts it. */
interface Instance {
  readonly config: InitConfig;
  readonly outer: { readonly instance: Instance; readonly start: StartNode } | undefined;
  readonly depth: number;
}

/** The element that configures init in a document: its root, or the `config` of a package's `runtime`. */
export function initElement(root: XmlElement): XmlElement | undefined {
  if (root.name === 'config') return root;
  if (root.name !== 'runtime') return undefined;
  return root.children.find(child => child.name === 'config');
}

/** True if a component is an init of its own with a configuration to route by. */
const isNestedInit = (start: StartNode): boolean =>
  start.config?.children.some(child => child.name === 'start' || child.name === 'parent-provides') === true &&
  /(^|[-_])init$/.test(start.binary);

/** A nested init runs the same program as the outer one, so it reads its configuration in the same way. */
function nestedReading(instance: Instance, start: StartNode): InitReading | undefined {
  if (!isNestedInit(start) || instance.depth >= MAX_DEPTH) return undefined;
  return readInitConfig(start.config!, instance.config.era);
}

/** Routes every session that the components of a configuration would request, through nested inits too. */
export function resolveInit(reading: InitReading): ResolvedInit {
  const routes: ResolvedRoute[] = [];
  const findings: Finding[] = [];
  let inits = 0;
  let components = 0;
  const visit = (instance: Instance, own: readonly Finding[], path: readonly string[]): void => {
    inits += 1;
    findings.push(...own);
    for (const start of instance.config.starts) {
      components += 1;
      for (const request of sessionsOf(start, instance.config.era)) {
        if (routes.length >= MAX_ROUTES) return;
        routes.push({ path: [...path, start.name], request, decisions: decide(instance, start, request) });
      }
      const nested = nestedReading(instance, start);
      if (nested !== undefined)
        visit({ config: nested.config, outer: { instance, start }, depth: instance.depth + 1 }, nested.findings, [
          ...path,
          start.name,
        ]);
    }
  };
  visit({ config: reading.config, outer: undefined, depth: 0 }, reading.findings, []);
  return { routes, findings, inits, components };
}

/** Follows a session outwards while an init passes it to its parent, then inwards while a child is an init. */
function decide(instance: Instance, start: StartNode, request: SessionRequest): RouteDecision[] {
  const decision = routeSession(instance.config, start, request);
  if (decision.kind === 'parent' && instance.outer !== undefined) {
    const { instance: outer, start: asChild } = instance.outer;
    return [decision, ...decide(outer, asChild, { service: request.service, label: decision.label })];
  }
  if (decision.kind !== 'child') return [decision];
  return [decision, ...within(instance, decision.child, request.service, decision.label)];
}

/** Who serves inside a child that is an init: the child that its `service` node names for the label. */
function within(instance: Instance, name: string, service: string, label: string): RouteDecision[] {
  const start = instance.config.starts.find(child => child.name === name);
  const nested = start === undefined ? undefined : nestedReading(instance, start);
  if (start === undefined || nested === undefined) return [];
  const offer = nested.config.offers.find(candidate => candidate.service === service);
  const denied = (reason: string): RouteDecision[] => [{ kind: 'denied', reason, at: start.at, isFinal: true }];
  if (offer === undefined) return denied(`init "${name}" offers no service "${service}"`);
  const index = selectPolicy(
    offer.policies.map(policy => policy.pattern),
    label,
  );
  const child = index < 0 ? offer.defaultChild : offer.policies[index]!.child;
  if (child === undefined) return denied(`no policy of init "${name}" for "${label}"`);
  const inner: Instance = { config: nested.config, outer: { instance, start }, depth: instance.depth + 1 };
  const at = index < 0 ? offer.at : offer.policies[index]!.at;
  return [{ kind: 'child', child, label, at }, ...within(inner, child, service, label)];
}
