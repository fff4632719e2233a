import { interfaceNamed } from '../../impl/genode/services/interfaces.ts';
import type { BenchInstance } from './instance-bench.ts';
import { PROVIDES } from './proxied-service-script.ts';
import { type ClientAction, scriptClient } from './script-client.ts';
import { argumentOf } from './service-arguments.ts';

/** What the peer must never see. */
export const SECRET = 'secret of a local component';
/** Label that all of the peer's sessions begin with. */
export const PEER = 'proxy -> peer';

interface AttackedService {
  readonly service: string;
  readonly binary: string;
  readonly config: string;
}

const FILES = `<config><content><dir name="pub"><inline name="file">text</inline></dir><inline name="private">${SECRET}</inline></content>
  <policy label_prefix="${PEER}" root="/pub" writeable="yes"/></config>`;

/** Services that cross the link: by messages, by copies of memory, and by packets in bulk. */
const ATTACKED: readonly AttackedService[] = [
  { service: 'LOG', binary: '', config: '' },
  { service: 'ROM', binary: '', config: '' },
  { service: 'Terminal', binary: 'terminal_crosslink', config: '' },
  { service: 'Block', binary: 'ram_block', config: '<config size="4096"/>' },
  { service: 'Nic', binary: 'nic_bridge', config: '<config needs_uplink="no"><default-policy/></config>' },
  { service: 'File_system', binary: 'ram_fs', config: FILES },
  { service: 'Framebuffer', binary: 'ram_fb', config: '<config width="16" height="8"/>' },
  { service: 'Gui', binary: 'nitpicker', config: '<config width="16" height="8"/>' },
];

/** An instance that is attacked: its proxy serves the peer, or uses the peer. */
export interface Victim extends AttackedService {
  readonly side: 'server' | 'client';
}

export const VICTIMS: readonly Victim[] = (['server', 'client'] as const).flatMap(side =>
  ATTACKED.map(row => ({ ...row, side })),
);

const start = (name: string, binary: string, inner: string): string =>
  `<start name="${name}"><binary name="${binary}"/>${inner}</start>`;

const provides = (service: string): string => `<provides><service name="${service}"/></provides>`;

const routed = (service: string, to: string): string =>
  `<route><service name="${service}"><child name="${to}"/></service><any-service><parent/><any-child/></any-service></route>`;

const LOCAL = `${start('timer', 'timer', provides('Timer'))}
  ${start('local', 'log_writer', `<config text="${SECRET}" period_ms="1"/>`)}`;

/** What a client of the peer does, again and again: every function, and packets. */
function actionsOf(service: string): ClientAction[] {
  const face = interfaceNamed(service);
  const round = (turn: number): ClientAction[] => [
    { kind: 'open', label: 'a', args: { tx_buf_size: '24576', rx_buf_size: '24576' } },
    ...(face.streams[0]?.source === 'client'
      ? [{ kind: 'packet', bytes: new Uint8Array(64).fill(turn), more: [1, turn, 0, 0, 1, 0] } as const]
      : []),
    ...face.functions.flatMap((row, opcode): ClientAction[] => {
      const values = row.arguments.map(({ type }, index) => argumentOf(type, turn + index));
      // A client gets its stream of packets when the session is open.
      return row.name === 'tx_cap' ? [] : [{ kind: 'call', opcode, values, fill: turn }];
    }),
    { kind: 'close' },
  ];
  return Array.from({ length: 12 }, (_, turn) => round(turn)).flat();
}

/** The instance of a victim, with a local component that has nothing to do with the peer. */
export function instanceOf({ side, service, binary, config }: Victim): BenchInstance {
  const link = `<config link="link" peer="peer"><service name="${service}"/></config>`;
  if (side === 'client') {
    const client = start('client', 'script_client', routed(service, 'proxy'));
    const proxy = start('proxy', 'proxy_client', `${provides(service)}${link}`);
    const programs = [scriptClient(interfaceNamed(service), actionsOf(service), [], true)];
    return { name: 'victim', config: `<config>${PROVIDES}${LOCAL}${proxy}${client}</config>`, programs };
  }
  const real = binary === '' ? '' : start('service', binary, `${provides(service)}${config}`);
  const proxy = start('proxy', 'proxy_server', `${binary === '' ? '' : routed(service, 'service')}${link}`);
  return { name: 'victim', config: `<config>${PROVIDES}${LOCAL}${real}${proxy}</config>` };
}
