import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { htmlReporter } from '../../src/report/html.ts';
import { plainPaint } from '../../src/units/paint.ts';
import { HOSTILE } from '../trace/fake-trace.ts';
import { fullReport, hostileReport, inputOf } from './fake-report.ts';
import { fakeSystem } from './picture/fake-system.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];

describe.skipIf(!existsSync(CHROMIUM))('report.html in a browser (needs Debian package chromium)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-page-'));
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    page = await browser.newPage();
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    page.on('dialog', dialog => complaints.push(dialog.message()));
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (markup: string): Promise<void> => {
    const path = join(folder, 'report.html');
    writeFileSync(path, markup);
    await page.goto(pathToFileURL(path).href);
  };

  test('shows plan, flows, timeline and steps, and a mark leads to its step', async () => {
    await open(htmlReporter.render({ ...inputOf(fullReport), system: fakeSystem() }, plainPaint));
    for (const name of ['major frame 0: 100 ticks, 100.000 ms', 'flow graph', 'timeline per CPU']) {
      const box = await page.getByRole('img', { name, exact: true }).first().boundingBox();
      expect(box?.width, name).toBeGreaterThan(100);
      expect(box?.height, name).toBeGreaterThan(20);
    }
    expect(await page.locator('table.steps tbody tr').count()).toBeGreaterThan(0);
    expect(await page.locator('table.matrix td.data').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test('runs nothing that a policy or a trace contains', async () => {
    const system = fakeSystem(text => `${text}${HOSTILE}`);
    await open(htmlReporter.render({ ...inputOf(hostileReport), system }, plainPaint));
    expect(await page.locator('script').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
