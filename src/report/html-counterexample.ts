import { policyLineLines, type TraceTextOptions, traceToText } from '../trace/text.ts';
import type { Trace } from '../trace/trace.ts';
import { htmlPage } from './html-page.ts';
import { escapeMarkup, escapeMarkupLines } from './markup.ts';
import { timelinePicture } from './picture/timeline.ts';

/** Id of a property's section; safe in an attribute and in a link. */
export const anchorOf = (property: string): string => property.replace(/[^A-Za-z0-9-]+/g, '-');

/** A counterexample for a page: why, the policy lines, the picture of what ran with its steps, how to run it again. */
export function counterexampleMarkup(trace: Trace, options: TraceTextOptions): string {
  const { outcome } = trace;
  const places = policyLineLines(trace.policy.path, outcome.policyLines, options.policyText);
  return [
    `<p class="refuted">${escapeMarkup(outcome.summary)}</p>`,
    ...outcome.explanation.map(line => `<p>${escapeMarkup(line)}</p>`),
    places.length === 0 ? '' : `<pre>${places.map(escapeMarkup).join('\n')}</pre>`,
    timelinePicture(outcome.timeline, anchorOf(trace.property)),
    `<p>Replay: <code>${escapeMarkup(options.replayCommand)}</code></p>`,
    `<details><summary>As text</summary><pre>${escapeMarkupLines(traceToText(trace, options))}</pre></details>`,
  ].join('\n');
}

/** One counterexample as a self-contained page. */
export function traceToHtml(trace: Trace, options: TraceTextOptions): string {
  const claim = options.claim === '' ? '' : `<p>${escapeMarkup(options.claim)}</p>`;
  const heading = `<h1>${escapeMarkup(trace.property)}</h1>`;
  return htmlPage(`muencheck: ${trace.property}`, [heading, claim, counterexampleMarkup(trace, options)]);
}
