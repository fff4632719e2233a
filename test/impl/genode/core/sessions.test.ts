import { describe, expect, test } from 'vitest';
import { accountOps, totalLimit, transferQuota, withdraw } from '../../../../src/impl/genode/core/accounts.ts';
import {
  createParent,
  type ParentState,
  SESSION_COST_BYTES,
  sessionOps,
  startChild,
} from '../../../../src/impl/genode/core/parent.ts';
import {
  closeSession,
  exitChild,
  fetchSessionCap,
  requestSession,
  respond,
  upgradeSession,
} from '../../../../src/impl/genode/core/sessions.ts';

const ops = sessionOps(accountOps);
const QUOTA = { ramBytes: 0x1_0000, caps: 50 };
const DONATED = { ramBytes: 0x4000, caps: 3 };

function twoChildren(): ParentState {
  const parent = createParent({ ramBytes: 0x10_0000, caps: 500 });
  return startChild(ops, startChild(ops, parent, QUOTA)!, QUOTA)!;
}
const request = (parent: ParentState, donated = DONATED) =>
  requestSession(ops, parent, { client: 0, clientId: 9, server: 1, donated });
const ramOf = (parent: ParentState, child: number): number => parent.ram[parent.children[child]!.ram]!.limit;

describe('the life of a session', () => {
  test('donates to the server without the parent cost, and returns all when it is closed', () => {
    const start = twoChildren();
    const { parent: asked, result } = request(start);
    expect(result).toBe('PENDING');
    expect(ramOf(asked, 0)).toBe(ramOf(start, 0) - 0x4000);
    expect(ramOf(asked, 1)).toBe(ramOf(start, 1) + 0x4000 - SESSION_COST_BYTES);
    expect(fetchSessionCap(ops, asked, 0, 9).result).toBe('PENDING');
    const served = fetchSessionCap(ops, respond(ops, asked, 1, 0, 'DELIVER'), 0, 9);
    expect(served.result).toBe('CAP');
    const more = upgradeSession(ops, served.parent, 0, 9, { ramBytes: 0x1000, caps: 1 });
    expect(more.result).toBe('PENDING');
    expect(upgradeSession(ops, more.parent, 0, 9, DONATED).result).toBe('IGNORED');
    const closing = closeSession(ops, respond(ops, more.parent, 1, 0, 'CONFIRM'), 0, 9);
    expect(closing.result).toBe('PENDING');
    const closed = respond(ops, closing.parent, 1, 0, 'CLOSED');
    expect([ramOf(closed, 0), ramOf(closed, 1)]).toEqual([ramOf(start, 0), ramOf(start, 1)]);
    expect(closeSession(ops, closed, 0, 9).result).toBe('DONE');
  });
  test.each([
    ['DENIED', 'DENIED'],
    ['INSUFFICIENT_RAM', 'INSUFFICIENT_RAM'],
    ['INSUFFICIENT_CAPS', 'INSUFFICIENT_CAPS'],
  ] as const)('a server that answers %s: the client gets its quota back when it asks', (response, result) => {
    const start = twoChildren();
    const denied = fetchSessionCap(ops, respond(ops, request(start).parent, 1, 0, response), 0, 9);
    expect(denied.result).toBe(result);
    expect(ramOf(denied.parent, 0)).toBe(ramOf(start, 0));
  });
  test.each([
    [{ ramBytes: SESSION_COST_BYTES - 1, caps: 1 }, 'INSUFFICIENT_RAM'],
    [{ ramBytes: 0x20_0000, caps: 1 }, 'OUT_OF_RAM'],
    [{ ramBytes: 0x4000, caps: 100 }, 'OUT_OF_CAPS'],
  ] as const)('a donation of %o is refused: %s', (donated, result) => {
    const start = twoChildren();
    const refused = request(start, donated);
    expect(refused).toEqual({ parent: start, result });
  });
  test('a client id is used once at a time', () => {
    expect(request(request(twoChildren()).parent).result).toBe('DENIED');
  });
  test('an answer out of phase, or of another server, changes nothing', () => {
    const { parent } = request(twoChildren());
    expect(respond(ops, parent, 1, 0, 'CLOSED')).toBe(parent);
    expect(respond(ops, parent, 0, 0, 'DELIVER')).toBe(parent);
  });
});

describe('the end of a child', () => {
  test('a server takes its sessions along, and its clients get their quota back', () => {
    const start = twoChildren();
    const ended = exitChild(ops, respond(ops, request(start).parent, 1, 0, 'DELIVER'), 1);
    expect(ramOf(ended, 0)).toBe(ramOf(start, 0));
    expect(ended.sessions).toEqual([undefined]);
  });
  test("a client's session is closed at the server, and its quota goes to the parent", () => {
    const open = fetchSessionCap(ops, respond(ops, request(twoChildren()).parent, 1, 0, 'DELIVER'), 0, 9).parent;
    const ended = exitChild(ops, open, 0);
    expect(ended.sessions[0]).toMatchObject({ phase: 'CLOSE_REQUESTED', isClientGone: true });
    const all = exitChild(ops, respond(ops, ended, 1, 0, 'CLOSED'), 1);
    expect(all.ram[0]).toMatchObject({ limit: 0x10_0000, used: 0 });
  });
});

describe('accounts', () => {
  const accounts = twoChildren().ram;
  test('quota moves only to and from the reference account', () => {
    expect(transferQuota(accountOps, accounts, 1, 2, 1).result).toBe('INVALID');
    expect(transferQuota(accountOps, accounts, 1, 1, 1).result).toBe('INVALID');
    expect(transferQuota(accountOps, accounts, 1, 0, 1).result).toBe('OK');
  });
  test('what a donation paid, and what is used, stays', () => {
    const { limit, initialLimit } = accounts[1]!;
    expect(transferQuota(accountOps, accounts, 1, 0, limit - initialLimit + 1).result).toBe('EXCEEDED');
    const used = withdraw(accountOps, accounts, 1, limit - 1).accounts;
    expect(transferQuota(accountOps, used, 1, 0, 2).result).toBe('EXCEEDED');
    expect(withdraw(accountOps, used, 1, 2).isDone).toBe(false);
    expect(totalLimit(used)).toBe(totalLimit(accounts));
  });
});
