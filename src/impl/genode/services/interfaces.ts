import { defined } from '../../../units/invariant.ts';
import { fileSystemErrors } from './file-system-errors.ts';
import {
  BOOL,
  bytes,
  CAPABILITY,
  copying,
  counted,
  DATASPACE,
  I32,
  object,
  rpc,
  type SessionInterface,
  SIGNAL,
  string,
  U8,
  U32,
  U64,
} from './interface.ts';
import { LOCAL_INTERFACES } from './local-interfaces.ts';
import { objectInterface } from './object-interfaces.ts';

const KIB = 1024;
/** Bytes of an event in the dataspace of an Input session. */
export const INPUT_EVENT_BYTES = 24;
const RECT = { x: I32, y: I32, width: U32, height: U32 };
const POINT = { x: I32, y: I32 };

const NODE_NAME = string(128);
const NODE_PATH = string(1024);

/** Session interfaces of Genode 26.02: functions in opcode order, limits, quota of the stock connection. */
export const SESSION_INTERFACES: readonly SessionInterface[] = [
  {
    service: 'LOG',
    title: 'Text output, line by line',
    caps: 2,
    ramBytes: 8 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [rpc('write', { string: string(232) })],
  },
  {
    service: 'ROM',
    title: 'Read-only memory that its server may update',
    caps: 3,
    ramBytes: 6 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [
      copying(rpc('dataspace', {}, { ds: DATASPACE }), 'out'),
      copying(rpc('update', {}, { isRefreshed: BOOL }), 'out'),
      rpc('sigh', { sigh: SIGNAL }),
    ],
  },
  {
    service: 'Report',
    title: 'Structured state that a client publishes',
    caps: 3,
    ramBytes: 10 * KIB,
    sessionArguments: ['buffer_size'],
    proxy: 'message',
    streams: [],
    functions: [
      rpc('dataspace', {}, { ds: DATASPACE }),
      copying(rpc('submit', { length: U64 }), 'in', counted('length')),
      rpc('response_sigh', { sigh: SIGNAL }),
      copying(rpc('obtain_response', {}, { length: U64 }), 'out', counted('length')),
    ],
  },
  {
    service: 'Timer',
    title: 'Timeouts and elapsed time',
    caps: 2,
    ramBytes: 10 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [
      rpc('trigger_once', { us: U64 }),
      rpc('trigger_periodic', { us: U64 }),
      rpc('sigh', { sigh: SIGNAL }),
      rpc('elapsed_ms', {}, { ms: U64 }),
      rpc('elapsed_us', {}, { us: U64 }),
    ],
  },
  {
    service: 'Rtc',
    title: 'Date and time of day',
    caps: 2,
    ramBytes: 8 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [
      rpc('set_sigh', { sigh: SIGNAL }),
      rpc(
        'current_time',
        {},
        { microsecond: U32, second: U32, minute: U32, hour: U32, day: U32, month: U32, year: U32 },
      ),
    ],
  },
  {
    service: 'Terminal',
    title: 'Byte streams in both directions, with a size',
    caps: 3,
    ramBytes: 10 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [
      rpc('size', {}, { columns: U32, lines: U32 }),
      rpc('avail', {}, { isAvailable: BOOL }),
      copying(rpc('read', { max: U64 }, { count: U64 }), 'out', counted('count')),
      copying(rpc('write', { count: U64 }, { accepted: U64 }), 'in', counted('count')),
      rpc('connected_sigh', { sigh: SIGNAL }),
      rpc('read_avail_sigh', { sigh: SIGNAL }),
      rpc('size_changed_sigh', { sigh: SIGNAL }),
      rpc('dataspace', {}, { ds: DATASPACE }),
    ],
  },
  {
    service: 'Input',
    title: 'Events of keyboards, pointers and touch screens',
    caps: 3,
    ramBytes: 18 * KIB,
    sessionArguments: [],
    proxy: 'message',
    streams: [],
    functions: [
      rpc('dataspace', {}, { ds: DATASPACE }),
      rpc('pending', {}, { isPending: BOOL }),
      copying(rpc('flush', {}, { events: I32 }), 'out', counted('events', INPUT_EVENT_BYTES)),
      rpc('sigh', { sigh: SIGNAL }),
      rpc('exclusive', { enabled: BOOL }),
    ],
  },
  {
    service: 'Framebuffer',
    title: 'Pixels in shared memory',
    caps: 3,
    ramBytes: 8 * KIB,
    sessionArguments: ['fb_width', 'fb_height'],
    proxy: 'bulk',
    streams: [],
    functions: [
      rpc('dataspace', {}, { ds: DATASPACE }),
      rpc('mode', {}, { width: U32, height: U32, alpha: BOOL }),
      rpc('mode_sigh', { sigh: SIGNAL }),
      copying(rpc('refresh', RECT), 'in'),
      rpc('blit', { batch: bytes(4 * 24) }, {}, ['OVERLOADED']),
      rpc('panning', POINT),
      rpc('sync_sigh', { sigh: SIGNAL }),
      rpc('sync_source', { label: string(160) }),
    ],
  },
  {
    service: 'Gui',
    title: 'Views on a screen with pixels and input',
    caps: 18,
    ramBytes: 96 * KIB,
    sessionArguments: [],
    proxy: 'bulk',
    streams: [],
    functions: [
      rpc('framebuffer', {}, { session: object('Framebuffer') }),
      rpc('input', {}, { session: object('Input') }),
      rpc('info', {}, { rom: object('ROM') }, ['OUT_OF_RAM', 'OUT_OF_CAPS']),
      rpc('view', { id: U32, title: string(64), ...RECT, front: BOOL }, {}, ['OUT_OF_RAM', 'OUT_OF_CAPS']),
      rpc('child_view', { id: U32, parent: U32, title: string(64), ...RECT, front: BOOL }, {}, [
        'OUT_OF_RAM',
        'OUT_OF_CAPS',
        'INVALID',
      ]),
      rpc('destroy_view', { id: U32 }),
      rpc('associate', { id: U32, view: CAPABILITY }, {}, ['OUT_OF_RAM', 'OUT_OF_CAPS', 'INVALID']),
      rpc('view_capability', { id: U32 }, { view: object('View') }, ['OUT_OF_RAM', 'OUT_OF_CAPS']),
      rpc('release_view_id', { id: U32 }),
      rpc('command_dataspace', {}, { ds: DATASPACE }),
      copying(rpc('execute'), 'in'),
      rpc('buffer', { width: U32, height: U32, alpha: BOOL }, {}, ['OUT_OF_RAM', 'OUT_OF_CAPS']),
      rpc('focus', { session: CAPABILITY }),
    ],
  },
  {
    service: 'Block',
    title: 'Block device by packet stream',
    caps: 5,
    ramBytes: 14 * KIB,
    sessionArguments: ['tx_buf_size'],
    proxy: 'bulk',
    streams: [{ name: 'tx', source: 'client', slots: 256, words: 6, payload: 'both', success: 5 }],
    functions: [
      rpc('info', {}, { blockSize: U64, blockCount: U64, alignLog2: U8, writeable: BOOL }),
      rpc('tx_cap', {}, { channel: CAPABILITY }),
    ],
  },
  {
    service: 'Nic',
    title: 'Network interface by packet streams',
    caps: 8,
    ramBytes: 256 * KIB,
    sessionArguments: ['tx_buf_size', 'rx_buf_size'],
    proxy: 'bulk',
    streams: [
      { name: 'tx', source: 'client', slots: 1024, words: 0, payload: 'submit' },
      { name: 'rx', source: 'server', slots: 1024, words: 0, payload: 'submit' },
    ],
    functions: [
      rpc('mac_address', {}, { address: bytes(6) }),
      rpc('link_state', {}, { isUp: BOOL }),
      rpc('link_state_sigh', { sigh: SIGNAL }),
      rpc('tx_cap', {}, { channel: CAPABILITY }),
      rpc('rx_cap', {}, { channel: CAPABILITY }),
    ],
  },
  {
    service: 'Uplink',
    title: 'Network interface whose driver is the client; the session is the link',
    caps: 8,
    ramBytes: 256 * KIB,
    sessionArguments: ['mac_address', 'tx_buf_size', 'rx_buf_size'],
    proxy: 'bulk',
    streams: [
      { name: 'tx', source: 'client', slots: 1024, words: 0, payload: 'submit' },
      { name: 'rx', source: 'server', slots: 1024, words: 0, payload: 'submit' },
    ],
    functions: [rpc('tx_cap', {}, { channel: CAPABILITY }), rpc('rx_cap', {}, { channel: CAPABILITY })],
  },
  {
    service: 'File_system',
    title: 'Files and directories, contents by packet stream',
    caps: 12,
    ramBytes: 64 * KIB,
    sessionArguments: ['writeable', 'tx_buf_size'],
    proxy: 'bulk',
    streams: [{ name: 'tx', source: 'client', slots: 32, words: 6, payload: 'both', success: 5 }],
    functions: [
      rpc('tx_cap', {}, { channel: CAPABILITY }),
      rpc(
        'file',
        { dir: U32, name: NODE_NAME, mode: U32, create: BOOL },
        { handle: U32 },
        fileSystemErrors('HNLESRCPU'),
      ),
      rpc('symlink', { dir: U32, name: NODE_NAME, create: BOOL }, { handle: U32 }, fileSystemErrors('HNLESRCPU')),
      rpc('dir', { path: NODE_PATH, create: BOOL }, { handle: U32 }, fileSystemErrors('LTESRCP')),
      rpc('node', { path: NODE_PATH }, { handle: U32 }, fileSystemErrors('LRC')),
      rpc('watch', { path: NODE_PATH }, { handle: U32 }, fileSystemErrors('LRCU')),
      rpc('close', { handle: U32 }, {}, fileSystemErrors('H')),
      rpc(
        'status',
        { handle: U32 },
        { sizeBytes: U64, type: U32, rights: U8, inode: U64, mtimeMs: U64 },
        fileSystemErrors('HU'),
      ),
      rpc('control', { handle: U32 }, {}, fileSystemErrors('HU')),
      rpc('unlink', { dir: U32, name: NODE_NAME }, {}, fileSystemErrors('HNLMPU')),
      rpc('truncate', { handle: U32, sizeBytes: U64 }, {}, fileSystemErrors('HSPU')),
      rpc('move', { from: U32, fromName: NODE_NAME, to: U32, toName: NODE_NAME }, {}, fileSystemErrors('HNLPU')),
      rpc('num_entries', { dir: U32 }, { entries: U32 }, fileSystemErrors('H')),
    ],
  },
  ...LOCAL_INTERFACES,
];

/** Interface of a service that the table has. */
export const interfaceNamed = (service: string): SessionInterface => defined(interfaceOf(service), service);

/** Interface of a service, or of an object that sessions hand out. */
export const anyInterface = (name: string): SessionInterface | undefined => interfaceOf(name) ?? objectInterface(name);

/** Interface of a service, undefined for one that is not in the table. */
export const interfaceOf = (service: string): SessionInterface | undefined =>
  SESSION_INTERFACES.find(candidate => candidate.service === service);
