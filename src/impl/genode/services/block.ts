import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { PacketDescriptor } from '../core/packet-stream.ts';
import { isNo, isYes, readCount } from '../init/values.ts';
import { type BlockRequest, decodeBlockRequest, encodeBlockRequest } from './block-packet.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
import { numbersOf, policyFor } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Packets lie at multiples of 2^11 bytes. */
const ALIGN_LOG2 = 11;
const MAX_DISK_BYTES = 0x100_0000;

/** Part of the disk that a session sees. */
interface BlockView {
  readonly first: number;
  readonly count: number;
  readonly isWriteable: boolean;
}

export interface BlockState {
  /** Undefined if there was not enough RAM for it. */
  readonly disk: DataspaceId | undefined;
  readonly views: ReadonlyMap<SessionNumber, BlockView>;
}

interface Disk {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Bytes that it holds at the start, by place. */
  readonly image: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, character => character.charCodeAt(0) & 0xff);

/** ROM modules that hold parts of a disk, by the configuration of ram_block. */
export const blockImages = (config: XmlElement | undefined): readonly string[] =>
  (config?.children ?? []).flatMap(({ name, attributes: { rom } }) =>
    name === 'image' && rom !== undefined && rom !== '' ? [rom] : [],
  );

function readImage(
  node: XmlElement,
  sizeBytes: number,
  roms: ReadonlyMap<string, string>,
): Result<Disk['image'][number], string> {
  const { at = '0', hex, rom } = node.attributes;
  const text = rom === undefined ? node.attributes.text : roms.get(rom);
  if (rom !== undefined && text === undefined) return err(`there is no ROM module "${rom}" for <image>`);
  const place = readCount(at);
  if (hex !== undefined && !/^([0-9a-fA-F]{2})*$/.test(hex)) return err('hex of <image> is not pairs of digits');
  const bytes =
    hex === undefined ? latin1(text ?? '') : Uint8Array.from(hex.match(/../g) ?? [], pair => Number.parseInt(pair, 16));
  if (place === undefined || place + bytes.length > sizeBytes)
    return err(`<image at="${at}"> of ${bytes.length} bytes is not inside of the disk`);
  return ok({ at: place, bytes });
}

function readDisk(config: XmlElement | undefined, roms: ReadonlyMap<string, string>): Result<Disk, string> {
  const read = numbersOf(config, {
    size: { fallback: 0x1_0000, min: 512, max: MAX_DISK_BYTES },
    block_size: { fallback: 512, min: 512, max: 0x1_0000 },
  });
  if (!read.ok) return read;
  const { size, block_size } = read.value;
  if ((block_size & (block_size - 1)) !== 0) return err(`block_size="${block_size}" is no power of two`);
  if (size % block_size !== 0) return err(`size="${size}" is no multiple of the block size ${block_size}`);
  const image: Disk['image'][number][] = [];
  for (const node of config?.children.filter(({ name }) => name === 'image') ?? []) {
    const part = readImage(node, size, roms);
    if (!part.ok) return part;
    image.push(part.value);
  }
  return ok({ sizeBytes: size, blockBytes: block_size, image });
}

/** The part of the disk that the session arguments ask for, within what the policy allows; undefined if it is none. */
function viewOf(disk: Disk, args: Readonly<Record<string, string>>, isWriteable: boolean): BlockView | undefined {
  const blocks = disk.sizeBytes / disk.blockBytes;
  const first = readCount(args.offset ?? '0');
  if (first === undefined || first >= blocks) return undefined;
  const count = readCount(args.num_blocks ?? '0');
  if (count === undefined || count > blocks - first) return undefined;
  return { first, count: count === 0 ? blocks - first : count, isWriteable: isWriteable && !isNo(args.writeable) };
}

/** Performs a request; true if it was done. */
function perform(
  ops: ServiceOps,
  disk: Disk,
  state: BlockState,
  session: SessionNumber,
  packet: PacketDescriptor,
  request: BlockRequest,
  env: ServiceEnv,
): boolean {
  const { operation, block, count } = request;
  const view = state.views.get(session)!;
  if (operation === 'sync') return true;
  if (operation === 'end' || state.disk === undefined) return false;
  if (!ops.isBlockRange(block, count, view.count)) return false;
  const sizeBytes = count * disk.blockBytes;
  const at = ops.diskBlock(view.first, Number(block)) * disk.blockBytes;
  if (operation === 'read') {
    if (!ops.fitsPacket(sizeBytes, packet.sizeBytes)) return false;
    env.writePacket(session, 'tx', packet, env.read(state.disk, at, sizeBytes));
    return true;
  }
  if (!ops.mayWriteBlocks(view.isWriteable)) return false;
  // A trimmed block may hold anything afterwards; this disk keeps what it held.
  if (operation === 'trim') return true;
  if (!ops.fitsPacket(sizeBytes, packet.sizeBytes)) return false;
  env.write(state.disk, at, env.readPacket(session, 'tx', { ...packet, sizeBytes }));
  return true;
}

/**
 * ram_block: a disk in RAM, with the contents that its configuration or the ROM modules named there give. A session sees all of it, or the blocks that
 * its arguments `offset` and `num_blocks` name; it may write unless its argument or the policy says no.
 */
export function blockService(
  config: XmlElement | undefined,
  ops: ServiceOps,
  roms: ReadonlyMap<string, string> = new Map(),
): Result<Service<BlockState>, string> {
  const read = readDisk(config, roms);
  if (!read.ok) return read;
  const disk = read.value;
  const hasPolicies = config?.children.some(({ name }) => name.endsWith('policy')) === true;
  return ok({
    faces: [interfaceNamed('Block')],
    initial: { disk: undefined, views: new Map() },
    start(state, env) {
      const dataspace = env.allocate(disk.sizeBytes);
      if (dataspace !== undefined) for (const { at, bytes } of disk.image) env.write(dataspace, at, bytes);
      return { ...state, disk: dataspace };
    },
    open(state, session, { label, args }) {
      const policy = policyFor(config, label);
      if (hasPolicies && policy === undefined) return err('DENIED');
      if (state.disk === undefined) return err('INSUFFICIENT_RAM');
      const view = viewOf(disk, args, policy === undefined || isYes(policy.attributes.writeable));
      return view === undefined ? err('DENIED') : ok({ ...state, views: withEntry(state.views, session, view) });
    },
    close: (state, session) => ({ ...state, views: withEntry(state.views, session, undefined) }),
    call(state, session) {
      const { count, isWriteable } = state.views.get(session)!;
      return returns(state, BigInt(disk.blockBytes), BigInt(count), ALIGN_LOG2, isWriteable ? 1 : 0);
    },
    packets(state, session, env) {
      for (;;) {
        const packet = env.takePacket(session, 'tx');
        if (packet === undefined) return state;
        const request = decodeBlockRequest(packet.more);
        const isDone = perform(ops, disk, state, session, packet, request, env);
        // The words as they came: an unknown operation goes back as it is, too.
        const done = encodeBlockRequest({ ...request, isDone });
        env.acknowledge(session, 'tx', packet, [packet.more[0] ?? 0, ...done.slice(1)]);
      }
    },
  });
}
