import { defined } from '../../../units/invariant.ts';
import type { Service } from '../services/service.ts';
import {
  type HostedService,
  hostCall,
  hostClose,
  hostInterrupt,
  hostOpen,
  hostPackets,
  hostStart,
  hostUpgrade,
  hostWake,
} from '../services/service-host.ts';
import type { ComponentEvent } from './component.ts';
import { hostEnvOf, wakeClient } from './component-env.ts';
import type { Library } from './library.ts';
import { reply } from './rpc-flow.ts';
import { acceptSession, denySession } from './session-flow.ts';
import { CORE, type Workspace } from './workspace.ts';

/** Services of a component: core's, or those of its binary. */
function servicesOf(ws: Workspace, id: number, library: Library): readonly Service<never>[] {
  const { body, source } = ws.component(id);
  if (id === CORE) return library.core(ws.state.info!);
  if (body.kind === 'init') return library.initServices;
  const made = body.kind === 'services' ? library.make(source) : undefined;
  return made?.ok === true && made.value.kind === 'services' ? made.value.services : [];
}

function setHosted(ws: Workspace, id: number, index: number, hosted: HostedService<never>): void {
  const { body } = ws.component(id);
  if (body.kind !== 'services' && body.kind !== 'init') return;
  const services = body.services.map((old, place) => (place === index ? hosted : old));
  ws.changeComponent(id, { body: { ...body, services } });
}

/** Hands an event to the services of a component that only serves. */
export function serve(ws: Workspace, id: number, event: ComponentEvent, library: Library): void {
  const env = hostEnvOf(ws, id, session => wakeClient(ws, session));
  const services = servicesOf(ws, id, library);
  const { stream } = ws.ops;
  const hostedAt = (index: number): HostedService<never> => {
    const { body } = ws.component(id);
    return defined(body.kind === 'services' || body.kind === 'init' ? body.services[index] : undefined, 'service');
  };
  if (event.kind === 'start' || event.kind === 'wake') {
    const run = event.kind === 'start' ? hostStart : hostWake;
    for (const [index, service] of services.entries())
      setHosted(ws, id, index, run(stream, service, hostedAt(index), env));
    return;
  }
  if (event.kind === 'interrupt') {
    for (const [index, service] of services.entries())
      setHosted(ws, id, index, hostInterrupt(stream, service, hostedAt(index), event.vector, env));
    return;
  }
  if (!('session' in event)) return;
  const { session } = event;
  const index = ws.state.sessions[session]!.service;
  const service = services[index]!;
  const hosted = hostedAt(index);
  switch (event.kind) {
    case 'session': {
      const opened = hostOpen(stream, service, hosted, session, event.request, env);
      if (opened.ok) {
        setHosted(ws, id, index, opened.value);
        acceptSession(ws, session);
      } else denySession(ws, session, opened.error);
      return;
    }
    case 'rpc': {
      const called = hostCall(stream, service, hosted, session, event.opcode, event.values, env);
      setHosted(ws, id, index, called.state);
      if ('error' in called) reply(ws, session, undefined, called.error);
      else reply(ws, session, called.values, '');
      return;
    }
    case 'closed':
      setHosted(ws, id, index, hostClose(stream, service, hosted, session, env));
      return;
    case 'upgraded':
      setHosted(ws, id, index, hostUpgrade(stream, service, hosted, session, event.more, env));
      return;
    case 'clientPackets':
      setHosted(ws, id, index, hostPackets(stream, service, hosted, session, env));
  }
}
