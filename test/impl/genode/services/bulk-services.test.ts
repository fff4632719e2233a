import { describe, expect, test } from 'vitest';
import { blockService } from '../../../../src/impl/genode/services/block.ts';
import { decodeBlockRequest, encodeBlockRequest } from '../../../../src/impl/genode/services/block-packet.ts';
import { fileSystemService } from '../../../../src/impl/genode/services/file-system.ts';
import {
  decodeFileRequest,
  encodeFileRequest,
  SEEK_TAIL,
} from '../../../../src/impl/genode/services/file-system-packet.ts';
import { serviceOps } from '../../../../src/impl/genode/services/service-ops.ts';
import { configElement, made } from '../../../../src/refinement/services/config-element.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

const block = (text: string) => blockService(configElement(text), serviceOps);
const fileSystem = (text: string) => fileSystemService(configElement(text), serviceOps);

describe('Block', () => {
  test('serves the image of its configuration, and a part of the disk by the session arguments', () => {
    const bench = new ServiceBench(
      made(block('<config size="4K"><image at="0x400" text="boot"/><image at="0" hex="0aff"/></config>')),
    );
    expect(bench.open(1, 'fs', { offset: '2', num_blocks: '1', writeable: 'no' })).toBeUndefined();
    expect(bench.call(1, 'info')).toEqual([512n, 1n, 11, 0]);
    const use = bench.client(1);
    const more = encodeBlockRequest({ operation: 'read', tag: 7, block: 0n, count: 1, isDone: false });
    expect(use.submit(1, 'tx', new Uint8Array(512), more)).toBeDefined();
    bench.packets(1);
    const packet = use.takeAcknowledged(1, 'tx')!;
    expect(decodeBlockRequest(packet.more)).toMatchObject({ tag: 7, isDone: true });
    expect(new TextDecoder().decode(use.readPacket(1, 'tx', packet).subarray(0, 4))).toBe('boot');
  });
  test('an unknown operation goes back as it came, not done', () => {
    const bench = new ServiceBench(made(block('<config/>')));
    bench.open(1, 'fs');
    bench.client(1).submit(1, 'tx', new Uint8Array(0), [77, 1, 0, 0, 1, 1]);
    bench.packets(1);
    expect(bench.client(1).takeAcknowledged(1, 'tx')!.more).toEqual([77, 1, 0, 0, 1, 0]);
  });
  test.each([
    [{ offset: '128' }, 'DENIED'],
    [{ num_blocks: '129' }, 'DENIED'],
    [{ offset: '-1' }, 'DENIED'],
    [{ tx_buf_size: '99999999999' }, 'INSUFFICIENT_RAM'],
  ])('a session with %j is refused', (args, error) => {
    expect(new ServiceBench(made(block('<config/>'))).open(1, 'fs', args as Record<string, string>)).toBe(error);
  });
  test('without RAM for the disk there is none', () => {
    const service = made(block('<config size="1M"/>'));
    const small = new ServiceBench({ ...service, start: state => state });
    expect(small.open(1, 'fs')).toBe('INSUFFICIENT_RAM');
  });
  test.each([
    ['<config block_size="1000"/>', 'block_size="1000" is no power of two'],
    ['<config size="1000"/>', 'size="1000" is no multiple of the block size 512'],
    [
      '<config size="1K"><image at="1020" text="12345"/></config>',
      '<image at="1020"> of 5 bytes is not inside of the disk',
    ],
    ['<config><image hex="0"/></config>', 'hex of <image> is not pairs of digits'],
  ])('refuses %s', (text, error) => {
    expect(block(text)).toEqual({ ok: false, error });
  });
});

describe('File_system', () => {
  const config = `<config><content><dir name="etc"><inline name="motd">welcome</inline></dir>
    <symlink name="greeting" target="/etc/motd"/></content>
    <policy label_prefix="app" root="/etc"/><default-policy root="/" writeable="yes"/></config>`;

  test('a session sees the tree below its root, and may write only by policy and argument', () => {
    const bench = new ServiceBench(made(fileSystem(config)));
    expect(bench.open(1, 'app', { writeable: 'yes' })).toBeUndefined();
    expect(bench.open(2, 'shell', { writeable: 'yes' })).toBeUndefined();
    expect(bench.open(3, 'app -> /nowhere')).toBe('DENIED');
    const [root] = bench.call(1, 'dir', '/', 0) as number[];
    expect(bench.call(1, 'num_entries', root!)).toEqual([1]);
    expect(bench.call(1, 'file', root!, 'motd', 3, 0)).toBe('Permission_denied');
    const [handle] = bench.call(1, 'file', root!, 'motd', 1, 0) as number[];
    expect(bench.call(1, 'status', handle!)).toEqual([7n, 2, 1, 3n, 0n]);
    expect(bench.call(2, 'node', '/../etc')).toBe('Lookup_failed');
  });

  test('what is appended is read from the other session', () => {
    const bench = new ServiceBench(made(fileSystem(config)));
    bench.open(1, 'app');
    bench.open(2, 'shell', { writeable: 'yes' });
    const [etc] = bench.call(2, 'dir', '/etc', 0) as number[];
    const [written] = bench.call(2, 'file', etc!, 'motd', 2, 0) as number[];
    const append = {
      handle: written!,
      operation: 'write',
      position: SEEK_TAIL,
      lengthBytes: 2,
      isDone: false,
    } as const;
    bench.client(2).submit(2, 'tx', new Uint8Array([33, 33]), encodeFileRequest(append));
    bench.packets(2);
    expect(decodeFileRequest(bench.client(2).takeAcknowledged(2, 'tx')!.more)).toMatchObject({
      lengthBytes: 2,
      isDone: true,
    });
    const [root] = bench.call(1, 'dir', '/', 0) as number[];
    const [handle] = bench.call(1, 'file', root!, 'motd', 1, 0) as number[];
    const read = { handle: handle!, operation: 'read', position: 4n, lengthBytes: 100, isDone: false } as const;
    bench.client(1).submit(1, 'tx', new Uint8Array(100), encodeFileRequest(read));
    bench.packets(1);
    const packet = bench.client(1).takeAcknowledged(1, 'tx')!;
    expect(new TextDecoder().decode(bench.client(1).readPacket(1, 'tx', packet).subarray(0, 5))).toBe('ome!!');
  });

  test('handles are bounded', () => {
    const bench = new ServiceBench(made(fileSystem(config)));
    bench.open(1, 'shell');
    const opened = Array.from({ length: 130 }, () => bench.call(1, 'dir', '/', 0));
    expect(opened.filter(result => result === 'Out_of_ram')).toHaveLength(2);
  });

  test.each([
    [
      '<config><content><rom name="x"/></content></config>',
      '<rom> in <content> is not supported, dir, inline, symlink are',
    ],
    ['<config><content><dir name=".."/></content></config>', '<dir> in <content> has no valid name'],
    [
      '<config><content><dir name="a"/><inline name="a"/></content></config>',
      '"a" is twice in one directory of <content>',
    ],
  ])('refuses %s', (text, error) => {
    expect(fileSystem(text)).toEqual({ ok: false, error });
  });
});
