/** A proxyable service with the program that provides it. */
export interface ProxiedCase {
  readonly service: string;
  /** Empty for a service of core. */
  readonly binary: string;
  /** Its `<config>`, empty for none. */
  readonly config: string;
  /** Functions whose results are times: they differ with the delay of the proxies. */
  readonly timed: readonly string[];
}

/** Services that can be proxied, in the order of the interface table. */
export const PROXIED_CASES: readonly ProxiedCase[] = [
  { service: 'LOG', binary: '', config: '', timed: [] },
  { service: 'ROM', binary: '', config: '', timed: [] },
  { service: 'Report', binary: 'report_rom', config: '<config/>', timed: [] },
  {
    service: 'ROM',
    binary: 'report_rom',
    config: '<config><policy label_suffix="a" report="b"/><policy label_suffix="label 1" report="c"/></config>',
    timed: [],
  },
  {
    service: 'Rtc',
    binary: 'system_rtc',
    config: '<config year="2026" month="11" day="26" hour="11" minute="30" second="0"/>',
    timed: ['current_time'],
  },
  {
    service: 'Block',
    binary: 'ram_block',
    config: '<config size="16384"><image at="512" text="image"/></config>',
    timed: [],
  },
  {
    service: 'File_system',
    binary: 'ram_fs',
    config:
      '<config><content><dir name="dir"/><inline name="file">text</inline></content><default-policy root="/" writeable="yes"/></config>',
    timed: ['status'],
  },
  { service: 'Framebuffer', binary: 'ram_fb', config: '<config width="16" height="8"/>', timed: [] },
  {
    service: 'Nic',
    binary: 'nic_bridge',
    config: '<config needs_uplink="no"><default-policy/></config>',
    timed: [],
  },
  {
    service: 'Uplink',
    binary: 'nic_bridge',
    config: '<config><default-policy/></config>',
    timed: [],
  },
  { service: 'Terminal', binary: 'terminal_crosslink', config: '', timed: [] },
  {
    service: 'Input',
    binary: 'input_script',
    config: '<config period_us="1000" repeat="yes"><press code="30" char="97"/><release code="30"/></config>',
    timed: ['pending', 'flush'],
  },
  { service: 'Timer', binary: 'timer', config: '', timed: ['elapsed_ms', 'elapsed_us'] },
  // Its sub-sessions besides: `test/impl/genode/proxy/gui-proxy.test.ts`.
  { service: 'Gui', binary: 'nitpicker', config: '<config width="16" height="8"/>', timed: [] },
];
