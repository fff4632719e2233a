import type { InitConfig, StartNode } from '../init/config.ts';
import { prefixedLabel } from '../init/label.ts';
import { routeSession } from '../init/route.ts';
import { selectPolicy } from '../init/session-policy.ts';
import type { SessionHop } from './state.ts';
import { CORE, type Workspace } from './workspace.ts';

/** Number of an init itself among its children: what it does not route to a child stays with it. */
export const OWN_CHILD = 0;

export interface Route {
  readonly server: number;
  /** Label that the server sees. */
  readonly label: string;
  /** Inits on the way: at each, who asks and who is asked. */
  readonly hops: readonly SessionHop[];
}

/** A route, or why there is none; `isEarly` if whoever serves has been named but is not ready yet. */
export type Routed = Route | { readonly denied: string; readonly isEarly?: boolean };

const early = (denied: string): Routed => ({ denied, isEarly: true });

const findChild = (ws: Workspace, init: number, name: string): number =>
  ws.state.components.findIndex(component => component.isAlive && component.init === init && component.name === name);

/** Where an init sends a session that goes outwards, as text: kind of target, and the child. */
const targetOf = ({ kind, child }: { readonly kind: string; readonly child: string }): string => `${kind} ${child}`;

/** Follows a session of a component outwards to core or a child on the way, then inwards through inits that offer it. */
export function route(ws: Workspace, client: number, service: string, label: string): Routed {
  const component = ws.component(client);
  const { init, child } = component;
  if (init === CORE) {
    const scoped = prefixedLabel(component.name, label);
    const hop = { init: CORE, child, server: OWN_CHILD, request: label, target: '', label: scoped };
    return { server: CORE, label: scoped, hops: [hop] };
  }
  const outer = ws.component(init).body;
  if (outer.kind !== 'init' || outer.config === undefined || component.node === undefined)
    return { denied: 'no parent' };
  const decision = routeSession(outer.config, component.node, { service, label });
  if (decision.kind === 'denied') return { denied: decision.reason };
  if (decision.kind === 'session-requests')
    return { denied: `ROM "${decision.label}" is part of the component itself here` };
  const target = targetOf(decision);
  if (decision.kind === 'own-config') {
    const scoped = prefixedLabel(component.name, label);
    const hop = { init, child, server: OWN_CHILD, request: label, target, label: scoped };
    return { server: init, label: scoped, hops: [hop] };
  }
  const hop = { init, child, request: label, target, label: decision.label };
  if (decision.kind === 'child') {
    const server = findChild(ws, init, decision.child);
    if (server < 0) return absent(ws, init, decision.child);
    return inwards(ws, server, service, decision.label, [{ ...hop, server: ws.component(server).child }]);
  }
  const further = route(ws, init, service, decision.label);
  if ('denied' in further) return further;
  return { ...further, hops: [{ ...hop, server: OWN_CHILD }, ...further.hops] };
}

/** A child that is not there: it waits for its start, or ended. */
function absent(ws: Workspace, init: number, name: string): Routed {
  const { body } = ws.component(init);
  const isWaiting = body.kind === 'init' && body.waiting.some(node => node.name === name);
  return { denied: `child "${name}" does not run`, isEarly: isWaiting };
}

/** Child that an init's own `service` node names for a session from outside; undefined if it offers no such service. */
export function offeredChild({ offers }: InitConfig, service: string, label: string): string | undefined {
  const offer = offers.find(candidate => candidate.service === service);
  if (offer === undefined) return undefined;
  const patterns = offer.policies.map(({ pattern }) => pattern);
  const index = selectPolicy(patterns, label);
  return index < 0 ? offer.defaultChild : offer.policies[index]!.child;
}

/** A server that is an init passes the session on to the child that its own `service` node names. */
function inwards(ws: Workspace, server: number, service: string, label: string, hops: Route['hops']): Routed {
  const { body } = ws.component(server);
  if (body.kind !== 'init') {
    const isAnnounced = body.kind === 'services' || serviceIndex(ws, server, service) >= 0;
    return isAnnounced
      ? { server, label, hops }
      : early(`"${ws.component(server).name}" has not announced "${service}"`);
  }
  if (body.config === undefined) return early(`init "${ws.component(server).name}" has no configuration yet`);
  const name = offeredChild(body.config, service, label);
  if (name === undefined)
    return { denied: `init "${ws.component(server).name}" offers no "${service}" for "${label}"` };
  const child = findChild(ws, server, name);
  if (child < 0) return absent(ws, server, name);
  const asked = ws.component(child).child;
  const hop = { init: server, child: OWN_CHILD, server: asked, request: label, target: `offer ${name}`, label };
  return inwards(ws, child, service, label, [...hops, hop]);
}

/** True if an init would send a session elsewhere than it did, and true if it would not send it anywhere. */
export function rerouted(
  config: InitConfig,
  node: StartNode,
  service: string,
  { request, target, label }: SessionHop,
): 'same' | 'elsewhere' | 'nowhere' {
  const decision = routeSession(config, node, { service, label: request });
  if (decision.kind === 'denied') return 'nowhere';
  const isSame = targetOf(decision) === target && (decision.kind === 'own-config' || decision.label === label);
  return isSame ? 'same' : 'elsewhere';
}

/** Which of a component's services has this name; -1 for none. */
export function serviceIndex(ws: Workspace, server: number, service: string): number {
  return ws.component(server).faces.findIndex(faces => faces.some(face => face.service === service));
}
