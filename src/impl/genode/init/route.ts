import type { SourcePosition } from '../../../policy/document.ts';
import type { InitConfig, RouteRule, RouteTarget, StartNode } from './config.ts';
import { LABEL_SEPARATOR, lastElement, matchesRoute, prefixedLabel, scopedLabel } from './label.ts';

/** A session that a component wants to open. */
export interface SessionRequest {
  readonly service: string;
  /** As the component gives it; empty for none. */
  readonly label: string;
}

/** Where init sends a session. */
export type RouteDecision =
  | {
      readonly kind: 'parent' | 'child' | 'own-config' | 'session-requests' | 'binary';
      /** Name of the serving child; empty unless `kind` is 'child'. */
      readonly child: string;
      /** Label that the server gets, or the ROM module that is taken. */
      readonly label: string;
      /** Rule that decided; undefined for routes that need none. */
      readonly at: SourcePosition | undefined;
    }
  | {
      readonly kind: 'denied';
      readonly reason: string;
      readonly at: SourcePosition | undefined;
      /** No later target or rule is tried. */
      readonly isFinal: boolean;
    };

/** Decides the route of one session of `start` (Genode `Sandbox::Child::resolve_session_request`). */
export function routeSession(config: InitConfig, start: StartNode, request: SessionRequest): RouteDecision {
  const label = prefixedLabel(start.name, request.label);
  const implicit = request.service === 'ROM' ? implicitRomRoute(config, start, label) : undefined;
  if (implicit !== undefined) return implicit;
  const rules = start.route ?? config.defaultRoute;
  let failure: RouteDecision | undefined;
  for (const rule of rules) {
    if (rule.service !== undefined && rule.service !== request.service) continue;
    if (!matchesRoute(rule.pattern, start.name, label)) continue;
    const outcome = tryTargets(config, start, rule, request.service, label);
    if (outcome.kind !== 'denied') return outcome;
    failure = outcome;
    // The targets of a rule for one service are final; a rule for any service leaves the rest to the next.
    if (outcome.isFinal || rule.service !== undefined) return outcome;
  }
  return (
    failure ?? { kind: 'denied', reason: `no route to service "${request.service}"`, at: undefined, isFinal: true }
  );
}

/** ROM sessions that need no rule: the own configuration (old init makes an empty one up) and the own program. */
function implicitRomRoute(config: InitConfig, start: StartNode, label: string): RouteDecision | undefined {
  const last = lastElement(label);
  if (last === 'config' && (start.config !== undefined || config.era === '2016') && start.configRom === undefined)
    return { kind: 'own-config', child: '', label: 'config', at: start.config?.at ?? start.at };
  if (config.era === '2016') return undefined;
  if (start.binary !== start.name && scopedLabel(start.name, label) === start.name)
    return { kind: 'binary', child: '', label: start.binary, at: start.at };
  if (last === 'session_requests' && start.provides.length > 0)
    return { kind: 'session-requests', child: '', label: last, at: start.at };
  if (!start.isDynamic && last === 'ld.lib.so') return { kind: 'binary', child: '', label: start.binary, at: start.at };
  return undefined;
}

function tryTargets(
  config: InitConfig,
  start: StartNode,
  rule: RouteRule,
  service: string,
  label: string,
): RouteDecision {
  const reasons: string[] = [];
  for (const target of rule.targets) {
    const outcome = tryTarget(config, start, target, service, label);
    if (outcome.kind !== 'denied') return outcome;
    if (outcome.isFinal) return outcome;
    reasons.push(outcome.reason);
    // Old init looks at the first target of a rule for one service only.
    if (config.era === '2016' && rule.service !== undefined) break;
  }
  return { kind: 'denied', reason: reasons.join('; ') || 'the rule has no target', at: rule.at, isFinal: false };
}

function tryTarget(
  config: InitConfig,
  start: StartNode,
  target: RouteTarget,
  service: string,
  label: string,
): RouteDecision {
  const denied = (reason: string, isFinal = false): RouteDecision => ({
    kind: 'denied',
    reason,
    at: target.at,
    isFinal,
  });
  const routed = (kind: 'parent' | 'child', child: string): RouteDecision => ({
    kind,
    child,
    label: targetLabel(target, start, label),
    at: target.at,
  });
  if (target.kind === 'parent')
    return config.parentProvides.includes(service)
      ? routed('parent', '')
      : denied(`the parent does not provide "${service}"`);
  if (target.kind === 'any-child') return anyChild(config, service, routed, denied);
  const name = config.aliases.get(target.child) ?? target.child;
  const child = config.starts.find(candidate => candidate.name === name);
  if (child === undefined) return denied(`there is no child "${name}"`);
  return child.provides.includes(service)
    ? routed('child', name)
    : denied(`child "${name}" does not provide "${service}"`);
}

function anyChild(
  config: InitConfig,
  service: string,
  routed: (kind: 'child', child: string) => RouteDecision,
  denied: (reason: string, isFinal?: boolean) => RouteDecision,
): RouteDecision {
  const providers = config.starts.filter(candidate => candidate.provides.includes(service));
  if (providers.length === 0) return denied(`no child provides "${service}"`);
  if (providers.length === 1) return routed('child', providers[0]!.name);
  const names = providers.map(provider => provider.name).join(', ');
  return denied(`ambiguous routes to service "${service}": ${names}`, config.era === '2016');
}

/** Label at the server: the target may replace all of it, the identity in front, or the resource at its end. */
function targetLabel(target: RouteTarget, start: StartNode, label: string): string {
  if (target.label !== undefined) return target.label;
  const { identity, resource, prependResource } = target;
  if (identity === undefined && resource === undefined && prependResource === undefined) return label;
  const elements = label.split(LABEL_SEPARATOR);
  const last = elements.length > 1 ? elements.pop()! : '';
  const front = identity === undefined ? elements : identity === '' ? [] : [identity];
  const end = [prependResource, resource ?? last].filter((part): part is string => part !== undefined && part !== '');
  return [...front, ...end].join(LABEL_SEPARATOR) || start.name;
}
