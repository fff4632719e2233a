import { expect, test } from 'vitest';
import { inner, lines, living, runInit } from './init-run.ts';
import { runInstance } from './instance-run.ts';

test('a child that exits returns what it has; the others go on', () => {
  const mortal = '<start name="mortal" ram="1M"><config after_ms="20" code="3"/></start>';
  const run = runInit(`${mortal}<start name="log_writer"><config period_ms="5"/></start>`, 80);
  expect(lines(run, ' -> mortal')).toEqual(['lives']);
  expect(lines(run, '')).toEqual(['child "mortal" exited with exit value 3']);
  expect(living(run)).toEqual(['core', 'init', 'timer', 'log_writer']);
  expect(lines(run, ' -> log_writer').length).toBeGreaterThan(10);
  const without = runInit('<start name="log_writer"><config period_ms="5"/></start>', 80);
  const left = ({ state }: typeof run, which: 'ram' | 'caps'): number => {
    const { own } = state.books.get(1)!;
    const { limit, used } = state[which][own[which]]!;
    return limit - used;
  };
  for (const which of ['ram', 'caps'] as const) expect(left(run, which)).toBe(left(without, which));
});

test('an exit that is propagated ends the init, too', () => {
  const node = '<start name="mortal"><exit propagate="yes"/><config after_ms="10" code="1"/></start>';
  const run = runInit(`<start name="inner" ram="2M" caps="300"><binary name="init"/>${inner(node)}</start>`, 60);
  expect(lines(run, '')).toEqual(['child "inner" exited with exit value 1']);
  expect(living(run)).toEqual(['core', 'init', 'timer']);
});

test('a server that exits: calls of its clients fail, and they go on', () => {
  const offer = '<service name="Report"><default-policy><child name="report_rom"/></default-policy></service>';
  const server = '<start name="report_rom"><provides><service name="Report"/><service name="ROM"/></provides></start>';
  const end = '<start name="mortal"><exit propagate="yes"/><config after_ms="30"/></start>';
  const run = runInit(
    `<start name="inner" ram="2M" caps="300"><binary name="init"/>${inner(server + end, offer)}
       <provides><service name="Report"/></provides></start>
     <start name="report_writer"><config period_ms="5" count="100"/></start>`,
    80,
  );
  expect(lines(run, ' -> report_writer')[0]).toBe('Report session is gone');
  expect(living(run)).toEqual(['core', 'init', 'timer', 'report_writer']);
});

test('a child that gives no sign of life after a fault starts anew', () => {
  const node = `<start name="mortal"><heartbeat restart_after_skipped="2"/><config after_ms="10" end="fault"/></start>
    <start name="log_writer"><heartbeat restart_after_skipped="1"/><config count="1"/></start>`;
  const init = inner(node, '<heartbeat rate_ms="10"/>');
  const run = runInit(`<start name="inner" ram="3M" caps="400"><binary name="init"/>${init}</start>`, 120);
  expect(lines(run, ' -> inner').slice(0, 2)).toEqual([
    'no RM attachment for child "mortal" (WRITE at 0x0): it stays stopped',
    'child "mortal" gave no sign of life, it starts anew',
  ]);
  expect(lines(run, ' -> inner -> mortal').length).toBeGreaterThan(1);
  expect(lines(run, ' -> inner -> log_writer')).toEqual(['line 1']);
});

test('without a heartbeat a child that faulted keeps what it has', () => {
  const run = runInit('<start name="mortal"><config after_ms="10" end="fault"/></start>', 60);
  expect(living(run)).toContain('mortal');
  expect(lines(run, ' -> mortal')).toEqual(['lives']);
});

/** What an init reports with this detail, up to the length of a line. */
function reported(detail: string): string[] {
  const node = '<start name="mortal"><config after_ms="30" code="7"/></start><start name="log_writer" version="2"/>';
  const run = runInit(
    `<start name="report_rom"><provides><service name="Report"/><service name="ROM"/></provides>
      <config><policy label="rom_reader -> state" report="inner -> state"/></config></start>
     <start name="inner" ram="3M" caps="500"><binary name="init"/>${inner(node, `<report delay_ms="5" ${detail}/>`)}</start>
     <start name="rom_reader"><route><service name="ROM" label="state"><child name="report_rom"/></service>
       <any-service><parent/><any-child/></any-service></route></start>`,
    90,
  );
  return lines(run, ' -> rom_reader').map(line => line.replace('module says ', ''));
}

test('an init reports its state and that of its children', () => {
  const reports = reported('ids="yes"');
  expect(reports[0]).toMatch(
    /^<state><child name="mortal" binary="mortal" id="\d+"\/><child name="log_writer" binary="log_writer" version="2" id="\d+"\/><\/state>$/,
  );
  expect(reports.at(-1)).toMatch(/^<state><child name="log_writer".*\/><child name="mortal" exited="7"\/><\/state>$/);
});

test('the details of a report are those that its node asks for', () => {
  expect(reported('init_caps="yes" child_ram="yes"')[0]).toMatch(
    /^<state><caps quota="\d+" used="\d+" avail="\d+"\/><child name="mortal" binary="mortal"><ram assigned="524288"/,
  );
  expect(reported('requested="yes"')[0]).toContain('<session service="LOG" label="" state="CAP_HANDED_OUT"/>');
});

test('configfile: the configuration of a child is a ROM module that is routed like any other', () => {
  const run = runInstance(
    `<config><parent-provides><service name="LOG"/></parent-provides>
      <default-route><any-service><parent/><any-child/></any-service></default-route>
      <start name="timer"><resource name="RAM" quantum="1M"/><provides><service name="Timer"/></provides></start>
      <start name="dynamic_rom"><resource name="RAM" quantum="1M"/><provides><service name="ROM"/></provides>
        <config><rom name="writer.config"><inline><config text="from a file" count="1"/></inline>
          <sleep milliseconds="500"/></rom></config></start>
      <start name="log_writer"><resource name="RAM" quantum="1M"/><configfile name="writer.config"/></start>
      <start name="other"><resource name="RAM" quantum="1M"/><binary name="log_writer"/>
        <configfile name="no.config"/></start></config>`,
    60,
  );
  expect(lines(run, ' -> log_writer')).toEqual(['from a file 1']);
  expect(lines(run, '')).toEqual(['child "other" is not started: ROM "no.config" denied: DENIED']);
});

test('a client may ask before its server has started', () => {
  const run = runInit(
    `<start name="rtc_reader"><config count="1"/></start>
     <start name="system_rtc"><provides><service name="Rtc"/></provides></start>`,
    60,
  );
  expect(lines(run, ' -> rtc_reader')[0]).toMatch(/^it is /);
});

test('of two that can run the one of the higher priority does, also across nested inits', () => {
  const writer = (name: string, priority: number): string =>
    `<start name="${name}" priority="${priority}"><binary name="log_writer"/><config count="1" text="${name}" period_ms="20"/></start>`;
  const nested = (name: string, priority: number): string =>
    `<start name="${name}" priority="${priority}" ram="2M" caps="300"><binary name="init"/>
      ${inner(writer('slow', -1) + writer('fast', 0)).replace('<config>', '<config prio_levels="2">')}</start>`;
  const run = runInit(`${nested('low', -1)}${nested('high', 0)}`, 60, 'prio_levels="4"');
  const range = (name: string): number => run.state.components.find(row => row.name === name)!.priority.first;
  expect([range('init'), range('high'), range('low')]).toEqual([0, 0, 0x4000]);
  const fromLow = run.state.components.filter(({ path }) => path.includes('low')).map(({ priority }) => priority);
  expect(fromLow).toEqual([
    { first: 0x4000, count: 0x4000 },
    { first: 0x6000, count: 0x2000 },
    { first: 0x4000, count: 0x2000 },
  ]);
  const who = run.lines
    .filter(line => line.endsWith(' 1'))
    .map(line => line.replace(/^.*-> (\w+) -> (\w+)\].*$/, '$1 $2'));
  expect(who.indexOf('high fast')).toBeLessThan(who.indexOf('low fast'));
  expect(who.indexOf('low fast')).toBeLessThan(who.indexOf('low slow'));
});
