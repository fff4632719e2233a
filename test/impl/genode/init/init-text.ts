import type { InitEra, StartNode } from '../../../../src/impl/genode/init/config.ts';
import { type InitReading, readInitConfig } from '../../../../src/impl/genode/init/read-config.ts';
import { type RouteDecision, routeSession } from '../../../../src/impl/genode/init/route.ts';
import { parseXmlText, type XmlElement } from '../../../../src/policy/xml.ts';

export function rootOf(text: string): XmlElement {
  const document = parseXmlText(text);
  if (!document.ok) throw new Error(document.error.message);
  return document.value.root;
}

/** Reads the children of a `config` element. */
export const reading = (inner: string, era?: InitEra): InitReading =>
  readInitConfig(rootOf(`<config>${inner}</config>`), era);

export const startOf = ({ config }: InitReading, name: string): StartNode =>
  config.starts.find(start => start.name === name)!;

/** Route of a session of the child `client`, as one line. */
export function routeOf(read: InitReading, service: string, label = ''): string {
  const decision: RouteDecision = routeSession(read.config, startOf(read, 'client'), { service, label });
  if (decision.kind === 'denied') return `denied: ${decision.reason}`;
  return `${decision.kind}${decision.child === '' ? '' : ` ${decision.child}`}: ${decision.label}`;
}
