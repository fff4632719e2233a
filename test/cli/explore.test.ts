import { describe, expect, it } from 'vitest';
import { runHere } from './spawn.ts';

describe('explore', () => {
  it('enumerates the abstract system of a scenario', async () => {
    const { code, stdout } = await runHere(['explore', 'two-subjects', '--json', '--quiet']);
    expect(code).toBe(0);
    const [row] = JSON.parse(stdout).explorations;
    expect(row).toMatchObject({ verdict: 'exhausted', states: 41_952, transitions: 89_412, terminalStates: 0 });
    expect(row.invariants.every((claim: { holds: boolean }) => claim.holds)).toBe(true);
  });

  it('is inconclusive when it may not go on', async () => {
    const { code, stdout } = await runHere(['explore', 'kernel', '--configuration', '3', '--max-states', '1000']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/inconclusive: more than 1000 states/);
  });

  it('gives the same with worker threads', async () => {
    const one = await runHere(['explore', 'channel', '--configuration', '2']);
    const two = await runHere(['explore', 'channel', '--configuration', '2', '--jobs', '2']);
    expect(two.stdout).toBe(one.stdout);
  });

  it('names what there is', async () => {
    const model = await runHere(['explore', 'channel', '--configuration', 'nothing']);
    expect(model.code).toBe(2);
    expect(model.stderr).toMatch(/1: 2 elements, 4 writes/);
    const other = await runHere(['explore', 'no-such-thing']);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/Models are kernel, channel/);
  });
});
