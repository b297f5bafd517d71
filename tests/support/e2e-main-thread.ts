// How long the main thread of a page was busy at a stretch, in time of the processor: on a machine whose cores are all taken by the software adapter, time
// by the clock would measure the machine.

import type { Browser, Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the processor. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string; readonly src_file?: string; readonly src_func?: string };
}

export interface MainThreadTask {
  readonly cpuMs: number;
  /** Where the browser posted it from. */
  readonly from: string;
}

export async function watchMainThread(browser: Browser, page: Page): Promise<void> {
  await browser.startTracing(page, { categories: ['toplevel'] });
}

/** Where the parser runs the page's own script, which draws the page for the first time: until then there is nothing that could be held up. */
const FIRST_DRAWING = 'html_parser_script_runner.cc';

/** The tasks since `watchMainThread` but for the one that draws the page for the first time, longest first. */
export async function mainThreadTasks(browser: Browser): Promise<MainThreadTask[]> {
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const isThread = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return traceEvents
    .filter(({ name, ph, pid, tid }) => name === 'ThreadControllerImpl::RunTask' && ph === 'X' && isThread.has(`${pid} ${tid}`))
    .filter(({ args }) => !args?.src_file?.endsWith(FIRST_DRAWING))
    .map(({ tdur = 0, args }) => ({ cpuMs: tdur / 1000, from: `${args?.src_func ?? ''} (${args?.src_file ?? ''})` }))
    .sort((a, b) => b.cpuMs - a.cpuMs);
}
