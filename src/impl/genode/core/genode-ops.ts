import { type InstanceOps, instanceOps } from '../instance/instance-ops.ts';
import { type ProxyClientOps, proxyClientOps } from '../proxy/client-state.ts';
import { type ProxyServerOps, proxyServerOps } from '../proxy/server-state.ts';
import { type VhwOps, vhwOps } from '../proxy/vhw-muchannel.ts';
import { type ServiceOps, serviceOps } from '../services/service-ops.ts';
import { type AccountOps, accountOps } from './accounts.ts';
import { type CapabilityOps, capabilityOps } from './capabilities.ts';
import { type IpcOps, ipcOps } from './ipc.ts';
import { type StreamOps, streamOps } from './packet-stream.ts';
import { type SessionOps, sessionOps } from './parent.ts';
import { type RegionMapOps, regionMapOps } from './region-map-table.ts';
import { type SignalOps, signalOps } from './signals.ts';

/** Decisions of Genode's core and base library that a seeded fault can replace, by concern. */
export interface GenodeOps {
  readonly signal: SignalOps;
  readonly ipc: IpcOps;
  readonly stream: StreamOps;
  readonly account: AccountOps;
  readonly capability: CapabilityOps;
  readonly session: Omit<SessionOps, 'account'>;
  readonly regionMap: RegionMapOps;
  readonly proxyClient: ProxyClientOps;
  readonly proxyServer: ProxyServerOps;
  readonly vhw: VhwOps;
  readonly service: ServiceOps;
  readonly instance: InstanceOps;
}

const { account: _, ...session } = sessionOps(accountOps);

export const genodeOps: GenodeOps = {
  signal: signalOps,
  ipc: ipcOps,
  stream: streamOps,
  account: accountOps,
  capability: capabilityOps,
  session,
  regionMap: regionMapOps,
  proxyClient: proxyClientOps,
  proxyServer: proxyServerOps,
  vhw: vhwOps,
  service: serviceOps,
  instance: instanceOps,
};

/** What the session protocol needs, with the accounting that it uses. */
export const sessionOpsOf = ({ account, session }: GenodeOps): SessionOps => ({ ...session, account });
