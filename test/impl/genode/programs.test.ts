import { expect, test } from 'vitest';
import { device, deviceMemory, type InstanceRun, runInstance } from './instance/instance-run.ts';

const FRAMES = 120;

/** An init that starts servers and clients, each client routed to whoever provides. */
const init = (nodes: string): string => `<config>
  <parent-provides>${['LOG', 'ROM', 'IRQ', 'IO_MEM', 'IO_PORT', 'PD', 'CPU', 'RM'].map(name => `<service name="${name}"/>`).join('')}</parent-provides>
  <default-route><any-service><parent/><any-child/></any-service></default-route>
  <default caps="200" ram="1M"/>
  <start name="timer"><provides><service name="Timer"/></provides></start>
  ${nodes}</config>`;

const said = ({ lines }: InstanceRun, who: string): string[] =>
  lines.filter(line => line.startsWith(`[init -> ${who}] `)).map(line => line.slice(`[init -> ${who}] `.length));

test('block_tester writes and reads the blocks of ram_block', () => {
  const run = runInstance(
    init(`<start name="ram_block"><provides><service name="Block"/></provides><config size="16K"/></start>
      <start name="block_tester"><config count="3"/></start>`),
    FRAMES,
  );
  expect(said(run, 'block_tester')).toEqual([
    'block 0 read as written',
    'block 1 read as written',
    'block 2 read as written',
    '3 blocks written and read',
  ]);
});

test('ram_block has the image that a ROM module holds; without the module it does not start', () => {
  const disk = (rom: string): string =>
    init(`<start name="dynamic_rom"><provides><service name="ROM"/></provides><config><rom name="disk.img">
        <inline>an image of a disk</inline><sleep milliseconds="1000"/></rom></config></start>
      <start name="ram_block"><provides><service name="Block"/></provides><config size="16K"><image rom="${rom}"/></config>
        <route><service name="ROM"><child name="dynamic_rom"/></service><any-service><parent/></any-service></route></start>
      <start name="block_reader"/>`);
  expect(said(runInstance(disk('disk.img'), FRAMES), 'block_reader')).toEqual(['disk says "an image of a disk"']);
  const without = runInstance(disk('other.img'), FRAMES);
  expect(without.lines).toContain('[init] child "ram_block" is not started: ROM "other.img" denied: DENIED');
  expect(said(without, 'block_reader')).toEqual(['Block denied: child "ram_block" does not run']);
});

test('file_tester writes and reads a file of ram_fs', () => {
  const run = runInstance(
    init(`<start name="ram_fs"><provides><service name="File_system"/></provides>
        <config><content><dir name="data"><inline name="test">old</inline></dir></content>
        <default-policy root="/data" writeable="yes"/></config></start>
      <start name="file_tester"><config text="round" count="2"/></start>`),
    FRAMES,
  );
  expect(said(run, 'file_tester')).toEqual(['file says "round 1"', 'file says "round 2"', 'directory has 1 entries']);
});

test('rom_reader shows what report_writer reports through report_rom', () => {
  const run = runInstance(
    init(`<start name="report_rom"><provides><service name="Report"/><service name="ROM"/></provides>
        <config><policy label="rom_reader -> state" report="report_writer -> state"/></config></start>
      <start name="report_writer"><config count="3" period_ms="10"/></start>
      <start name="rom_reader"><route><service name="ROM" label="state"><child name="report_rom"/></service>
        <any-service><parent/><any-child/></any-service></route></start>`),
    FRAMES,
  );
  expect(said(run, 'rom_reader').at(-1)).toBe('module says <state count="3"/>');
});

test('two terminal_testers talk through terminal_crosslink', () => {
  const run = runInstance(
    init(`<start name="terminal_crosslink"><provides><service name="Terminal"/></provides></start>
      <start name="echo"><binary name="terminal_tester"/><config echo="yes"/></start>
      <start name="asker"><binary name="terminal_tester"/><config text="hi" count="2"/></start>`),
    FRAMES,
  );
  expect(said(run, 'asker')).toEqual(['terminal says "hi"', 'terminal says "hi"']);
});

test('nic_ping asks and is answered through nic_bridge', () => {
  const run = runInstance(
    init(`<start name="nic_bridge"><provides><service name="Nic"/></provides>
        <config needs_uplink="no"><default-policy/></config></start>
      <start name="asker"><binary name="nic_ping"/><config count="2"/></start>
      <start name="answerer"><binary name="nic_ping"/><config ask="no"/></start>`),
    FRAMES,
  );
  expect(said(run, 'asker')).toEqual(['answer 1 from 02:02:02:02:02:02', 'answer 2 from 02:02:02:02:02:02']);
});

test('a driver with an Uplink session reaches the clients of nic_bridge, and they reach it', () => {
  const run = runInstance(
    init(`<start name="nic_bridge"><provides><service name="Nic"/><service name="Uplink"/></provides>
        <config><default-policy/></config></start>
      <start name="driver"><binary name="nic_ping"/><config uplink="52:54:00:00:00:01" count="2"/></start>
      <start name="host"><binary name="nic_ping"/><config count="2"/></start>`),
    FRAMES,
  );
  expect(said(run, 'driver')).toEqual(['answer 1 from 02:02:02:02:02:01', 'answer 2 from 02:02:02:02:02:01']);
  expect(said(run, 'host')).toEqual(['answer 1 from 52:54:00:00:00:01', 'answer 2 from 52:54:00:00:00:01']);
});

test('fb_painter paints into ram_fb, whose screen then shows it', () => {
  const run = runInstance(
    init(`<start name="ram_fb"><provides><service name="Framebuffer"/></provides><config width="16" height="4"/></start>
      <start name="fb_painter"/>`),
    FRAMES,
  );
  expect(said(run, 'fb_painter')).toEqual(['frame 1 of 16x4 pixels painted']);
  const isPainted = run.state.dataspaces.filter(({ address, sizeBytes }) => {
    const bytes = address === undefined || sizeBytes !== 0x1000 ? [] : run.memory(address, 16 * 4 * 4);
    return bytes[4 * 35] === 3 && bytes[4 * 35 + 1] === 2;
  });
  expect(isPainted).toHaveLength(2);
});

test('gui_testers have views on the screen of nitpicker, and each gets the input that is for it', () => {
  const run = runInstance(
    init(`<start name="nitpicker" ram="2M" caps="300"><provides><service name="Gui"/></provides>
        <config width="16" height="8" period_us="10000"><abs-motion x="2" y="2"/><press code="272"/><release code="272"/>
          <press code="30"/><release code="30"/><abs-motion x="9" y="5"/></config></start>
      <start name="left" ram="2M" caps="300"><binary name="gui_tester"/><config colour="7"/></start>
      <start name="right" ram="2M" caps="300"><binary name="gui_tester"/>
        <config x="6" y="3" width="8" height="4" colour="9"/></start>`),
    FRAMES,
  );
  expect(said(run, 'left')).toEqual([
    'view of 8x4 pixels shown',
    'input abs-motion 2 2, pixel 7',
    'input focus-enter 0 0, pixel 7',
    'input press 272 0, pixel 7',
    'input release 272 0, pixel 7',
    'input press 30 0, pixel 7',
    'input release 30 0, pixel 7',
    'input hover-leave 0 0, pixel 7',
  ]);
  expect(said(run, 'right')).toEqual(['view of 8x4 pixels shown', 'input abs-motion 9 5, pixel 9']);
  const screens = run.state.dataspaces.map(({ address }) =>
    address === undefined ? [] : [2 * 16 + 7, 3 * 16 + 7, 7 * 16].map(pixel => run.memory(address + 4 * pixel, 1)[0]),
  );
  expect(screens).toContainEqual([7, 9, 0]);
});

test('input_printer and rtc_reader show what their servers have', () => {
  const run = runInstance(
    init(`<start name="input_script"><provides><service name="Input"/></provides>
        <config period_us="5000"><press code="30" char="97"/><release code="30"/></config></start>
      <start name="system_rtc"><provides><service name="Rtc"/></provides><config year="2026" month="3"/></start>
      <start name="input_printer"/><start name="rtc_reader"/>`),
    FRAMES,
  );
  expect(said(run, 'input_printer')).toEqual(['input press 30 97', 'input release 30 0']);
  expect(said(run, 'rtc_reader')[0]).toMatch(/^it is 2026-03-01 00:00:00\.\d{6}$/);
});

test('device_driver handles interrupts of a device by core', () => {
  const run = runInstance(
    init('<start name="device_driver"><config irq="1" base="0xa0000000" port="0x60"/></start>'),
    FRAMES,
    [deviceMemory('keyboard', 0xa000_0000, 0x1000), device('keyboard', 7, 49)],
    { 60: 49, 61: 50, 80: 49 },
  );
  expect(said(run, 'device_driver')).toEqual([
    'interrupt 1: port says 96, register says 0',
    'interrupt 2: port says 96, register says 0',
  ]);
  expect(run.memory(0xa000_0004, 1)).toEqual(Uint8Array.of(2));
  expect(run.ports).toEqual(['in1 96', 'in1 96']);
});

test('a driver without its device is denied by name', () => {
  const run = runInstance(init('<start name="device_driver"/>'), FRAMES);
  expect(said(run, 'device_driver').sort()).toEqual(['IO_MEM denied: DENIED', 'IRQ denied: DENIED']);
});

test('pd_tester uses RAM, accounts and signals of PD sessions', () => {
  const run = runInstance(init('<start name="pd_tester"/>'), FRAMES);
  const lines = said(run, 'pd_tester').map(line =>
    line.replace(/(alloc_ram|signal_source|alloc_context) yields \d+/, '$1'),
  );
  expect(lines).toEqual([
    'alloc_ram',
    'used_ram yields 8192',
    'alloc_ram fails: OUT_OF_RAM',
    'ref_account yields ',
    'transfer_ram_quota fails: EXCEEDED',
    'attach_dma fails: DENIED',
    'signal_source',
    'free_ram yields ',
    'used_ram yields 0',
    'alloc_context',
    'submit yields ',
    'context signalled',
    'free_signal_source yields ',
    'used_caps yields 0',
  ]);
});

test('thread_tester lets a thread run: its fault is resolved by an attachment, its breakpoint seen', () => {
  const run = runInstance(init('<start name="thread_tester"/>'), FRAMES);
  expect(said(run, 'thread_tester')).toEqual(['fault 1 at 0x5000', 'condition 3, rbx 42, memory 42']);
});
