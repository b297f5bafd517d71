import { afterEach, describe, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';
import '../../src/ui/sluice-chat';
import { EngineError } from '../../src/core/errors';
import type { SluiceChat } from '../../src/ui/sluice-chat';
import { RECORDED_ANSWER, scriptedLoader, ScriptedEngine, type Script } from '../support/scripted-engine';
import { allWithin, button, expectAccessible, find, hasButton, mount, textOf, unmountAll, until } from '../support/ui-page';

afterEach(unmountAll);

function chatWith(script: Script = {}): { chat: SluiceChat; engine: ScriptedEngine } {
  const engine = new ScriptedEngine(script);
  const chat = document.createElement('sluice-chat');
  chat.engine = engine;
  return { chat: mount(chat), engine };
}

function eventsOf<Name extends 'sluice-token' | 'sluice-answer' | 'sluice-error' | 'sluice-ready'>(
  target: HTMLElement,
  name: Name,
): HTMLElementEventMap[Name]['detail'][] {
  const details: HTMLElementEventMap[Name]['detail'][] = [];
  target.addEventListener(name, (event) => details.push(event.detail));
  return details;
}

const lastTurn = (chat: SluiceChat) => chat.turns.at(-1);
const isDone = (chat: SluiceChat) => () => lastTurn(chat) !== undefined && !chat.isBusy;
const prompt = (chat: SluiceChat) => find(chat, 'textarea', HTMLTextAreaElement);

async function type(chat: SluiceChat, text: string): Promise<void> {
  await chat.updateComplete;
  prompt(chat).focus();
  await userEvent.keyboard(text);
}

describe('loading', () => {
  const loaded = (outcome: Parameters<typeof scriptedLoader>[0], msPerStep = 0, steps = 3): SluiceChat => {
    const chat = document.createElement('sluice-chat');
    chat.loader = scriptedLoader(outcome, steps, msPerStep);
    chat.setAttribute('model', 'demo');
    return chat;
  };

  test('a model attribute is loaded, with bytes, rate and time left on the way', async () => {
    const engine = new ScriptedEngine();
    const chat = loaded(() => engine, 60);
    const ready = eventsOf(chat, 'sluice-ready');
    mount(chat);
    await until(() => textOf(chat).includes('15.2 MB of 22.8 MB · 8.1 MB/s · 1 s left'), 'progress');
    expect(allWithin(chat, '[role=progressbar]')[0]?.getAttribute('aria-valuenow')).toBe('67');
    await until(() => ready.length === 1, 'ready');
    expect(ready[0]?.engine).toBe(engine);
    expect(allWithin(chat, '[role=progressbar]')).toEqual([]);
  });

  test('options of the attributes reach the loader', async () => {
    const chat = loaded(() => new ScriptedEngine());
    let seen: unknown;
    chat.loader = (source, { onProgress: _progress, signal: _signal, ...options }) => {
      seen = { source, options };
      return Promise.resolve(new ScriptedEngine());
    };
    for (const [name, value] of Object.entries({ backend: 'cpu', 'gpu-budget': '25%', store: 'memory', 'context-length': '512' }))
      chat.setAttribute(name, value);
    mount(chat);
    await until(() => chat.engine, 'engine');
    expect(seen).toEqual({ source: 'demo', options: { backend: 'cpu', store: 'memory', budget: { gpuBytes: '25%' }, contextLength: 512 } });
  });

  test('can be cancelled and begun again', async () => {
    const chat = mount(loaded(() => new ScriptedEngine(), 40));
    await until(() => hasButton(chat, 'Cancel'), 'cancel');
    button(chat, 'Cancel').click();
    await until(() => textOf(chat).includes('aborted'), 'notice');
    expect(chat.engine).toBeUndefined();
    button(chat, 'Load it').click();
    await until(() => chat.engine, 'engine');
    expect(textOf(chat)).not.toContain('aborted');
  });

  test('a failure shows code, message and hint, and can be tried again', async () => {
    let attempts = 0;
    const chat = loaded(() =>
      attempts++ === 0 ? new EngineError('source-network', 'The server answered 503.', 'Try again in a minute.') : new ScriptedEngine(),
    );
    const errors = eventsOf(chat, 'sluice-error');
    mount(chat);
    const notice = await until(() => allWithin(chat, '[role=alert]')[0], 'notice');
    expect(notice.textContent).toMatch(/The server answered 503\.\s+Try again in a minute\.\s+source-network/);
    expect(errors.map(({ error }) => error.code)).toEqual(['source-network']);
    expect(find(chat, '.send', HTMLButtonElement).disabled).toBe(true);
    button(chat, 'Try again').click();
    await until(() => chat.engine, 'engine');
    expect(allWithin(chat, '[role=alert]')).toEqual([]);
  });

  test('another model that fails leaves the present one working; one that loads replaces it', async () => {
    const [first, second] = [new ScriptedEngine(), new ScriptedEngine({ model: { name: 'second', source: 'https://host/b.gguf' } })];
    const chat = loaded((source) =>
      source === 'demo' ? first : source === 'https://host/b.gguf' ? second : new EngineError('not-gguf', 'No GGUF.', 'Choose another file.'),
    );
    mount(chat);
    await until(() => chat.engine === first, 'first');
    expect(await chat.load('https://host/bad.bin')).toBeUndefined();
    expect(textOf(chat)).toContain('not-gguf');
    expect(first.isDisposed).toBe(false);
    await chat.send('Hello');
    expect(lastTurn(chat)?.status).toBe('done');
    await chat.load('https://host/b.gguf');
    expect(chat.engine).toBe(second);
    expect(first.isDisposed).toBe(true);
    expect(chat.turns).toEqual([]);
  });

  test('leaving the page disposes the engine it loaded, and only that one', async () => {
    const own = new ScriptedEngine();
    const loading = mount(loaded(() => own));
    await until(() => loading.engine, 'engine');
    const { chat, engine } = chatWith();
    document.body.append(loading);
    await Promise.resolve();
    expect(own.isDisposed).toBe(false);
    loading.remove();
    chat.remove();
    await until(() => own.isDisposed, 'disposal');
    expect(engine.isDisposed).toBe(false);
  });

  test('an engine that dies says so and can be loaded again', async () => {
    const engines = [new ScriptedEngine(), new ScriptedEngine()];
    const chat = mount(loaded(() => engines.shift()!));
    const first = (await until(() => chat.engine, 'engine')) as ScriptedEngine;
    first.fail(new EngineError('device-lost', 'The GPU was lost.', 'Load the model again.'));
    await until(() => textOf(chat).includes('device-lost'), 'notice');
    button(chat, 'Load again').click();
    await until(() => chat.engine !== undefined && chat.engine !== first, 'second engine');
    await chat.updateComplete;
    expect(textOf(chat)).not.toContain('device-lost');
  });

  test('says that it runs on the CPU, or on a software adapter', async () => {
    const { chat } = chatWith({ model: { backend: 'cpu', fallbackReason: 'No WebGPU adapter' } });
    await chat.updateComplete;
    expect(textOf(chat)).toContain('No WebGPU adapter: running on the CPU');
    const { chat: other } = chatWith({ model: { isSoftwareAdapter: true, adapter: 'SwiftShader' } });
    await other.updateComplete;
    expect(textOf(other)).toContain('The WebGPU adapter is software: SwiftShader.');
  });
});

describe('answers', () => {
  test('Enter sends, the answer streams, events carry all of it', async () => {
    const { chat, engine } = chatWith({ msPerToken: 3 });
    const [pieces, answers] = [eventsOf(chat, 'sluice-token'), eventsOf(chat, 'sluice-answer')];
    await type(chat, 'Tell me a story{Enter}');
    await until(() => lastTurn(chat)?.status === 'streaming', 'stream');
    expect(hasButton(chat, 'Stop')).toBe(true);
    await until(isDone(chat), 'end');
    expect(lastTurn(chat)).toMatchObject({ answer: RECORDED_ANSWER, status: 'done', finishReason: 'stop' });
    expect(pieces.map(({ text }) => text).join('')).toBe(RECORDED_ANSWER);
    expect(pieces.flatMap(({ tokens }) => tokens.map(({ index }) => index))).toEqual(Array.from({ length: lastTurn(chat)!.tokenCount }, (_, index) => index));
    expect(answers).toEqual([expect.objectContaining({ text: RECORDED_ANSWER, finishReason: 'stop', stats: expect.anything() as unknown })]);
    expect(engine.chatRequests[0]).toMatchObject({
      messages: [{ role: 'user', content: 'Tell me a story' }],
      temperature: 0.7,
      top_k: 40,
      max_tokens: 200,
      stream: true,
    });
    await chat.updateComplete;
    expect(textOf(chat)).toMatch(/\d+ in · \d+ out · [\d.]+ tokens\/s/);
    expect(prompt(chat).value).toBe('');
  });

  test('tokens come to the page at most once per animation frame', async () => {
    const { chat } = chatWith();
    let frames = 0;
    const count = (): void => {
      frames++;
      if (!isDone(chat)()) requestAnimationFrame(count);
    };
    const pieces = eventsOf(chat, 'sluice-token');
    await chat.updateComplete;
    requestAnimationFrame(count);
    await chat.send('Hello');
    expect(lastTurn(chat)?.tokenCount).toBeGreaterThan(50);
    expect(pieces.length).toBeLessThanOrEqual(frames + 2);
  });

  test('Shift+Enter is a new line; nothing is sent while an answer is written', async () => {
    const { chat, engine } = chatWith({ msPerToken: 20 });
    await type(chat, 'one{Shift>}{Enter}{/Shift}two{Enter}');
    await until(() => chat.isBusy, 'start');
    expect(engine.chatRequests[0]?.messages[0]?.content).toBe('one\ntwo');
    await type(chat, 'three{Enter}');
    expect(engine.chatRequests).toHaveLength(1);
    expect(prompt(chat).value).toBe('three');
  });

  test('Stop keeps what was written; the conversation goes on with it', async () => {
    const { chat, engine } = chatWith({ msPerToken: 10 });
    await chat.updateComplete;
    void chat.send('first');
    await until(() => (lastTurn(chat)?.answer.length ?? 0) > 20, 'text');
    button(chat, 'Stop').click();
    await until(isDone(chat), 'end');
    const stopped = lastTurn(chat)!;
    expect(stopped.status).toBe('stopped');
    expect(RECORDED_ANSWER.startsWith(stopped.answer)).toBe(true);
    await until(() => chat.shadowRoot?.querySelector('.turn sluice-times') instanceof HTMLElement, 'where the time of the stopped answer went');
    void chat.send('second');
    await until(() => engine.chatRequests.length === 2, 'request');
    expect(engine.chatRequests[1]?.messages).toEqual([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: stopped.answer },
      { role: 'user', content: 'second' },
    ]);
    chat.stop();
  });

  test('completion mode sends the bare text, without the conversation', async () => {
    const { chat, engine } = chatWith();
    await chat.updateComplete;
    button(chat, 'Continue text').click();
    await type(chat, 'Klicken Sie{Enter}');
    await until(isDone(chat), 'end');
    expect(engine.textRequests[0]).toMatchObject({ prompt: 'Klicken Sie' });
    await chat.send('Hello', 'chat');
    expect(engine.chatRequests[0]?.messages).toHaveLength(1);
  });

  test('a model without a chat template only continues text', async () => {
    const { chat, engine } = chatWith({ model: { hasChatTemplate: false } });
    await chat.updateComplete;
    expect(button(chat, 'Chat').disabled).toBe(true);
    await chat.send('Once');
    expect(engine.textRequests).toHaveLength(1);
  });

  test('Regenerate replaces the last answer with another seed; a fixed seed stays', async () => {
    const { chat, engine } = chatWith();
    await chat.send('a');
    await chat.send('b');
    await chat.updateComplete;
    button(chat, 'Regenerate').click();
    await until(() => engine.chatRequests.length === 3 && isDone(chat)(), 'end');
    expect(chat.turns.map(({ prompt: text }) => text)).toEqual(['a', 'b']);
    expect(engine.chatRequests[2]?.messages).toHaveLength(3);
    expect(engine.chatRequests[2]?.seed).not.toBe(engine.chatRequests[1]?.seed);
    chat.settings = { ...chat.settings, seed: 7 };
    await chat.send('c');
    expect(engine.chatRequests[3]?.seed).toBe(7);
  });

  test('settings reach the request and stay in their range', async () => {
    const { chat, engine } = chatWith();
    await chat.updateComplete;
    button(chat, 'Settings').click();
    await chat.updateComplete;
    const field = (name: string) => allWithin(chat, `input[name=${name}]`)[0] as HTMLInputElement;
    for (const [name, value] of Object.entries({ temperature: '9', topP: '0.5', maxTokens: '10', seed: '3' })) {
      field(name).value = value;
      field(name).dispatchEvent(new Event('change'));
    }
    expect(field('temperature').value).toBe('2');
    await chat.send('Hello');
    expect(engine.chatRequests[0]).toMatchObject({ temperature: 2, top_p: 0.5, max_tokens: 10, seed: 3 });
    expect(lastTurn(chat)).toMatchObject({ tokenCount: 10, finishReason: 'length' });
  });

  test('an error in mid-answer is shown with what was written, and the next answer works', async () => {
    const error = new EngineError('record-corrupt', 'An expert cannot be read.', 'Load the model again.');
    const { chat, engine } = chatWith({ failAt: { index: 5, error } });
    const errors = eventsOf(chat, 'sluice-error');
    await chat.send('Hello');
    await chat.updateComplete;
    expect(lastTurn(chat)).toMatchObject({ status: 'failed', tokenCount: 5 });
    expect(textOf(chat)).toContain('An expert cannot be read.');
    expect(errors).toEqual([{ error }]);
    await chat.send('again');
    expect(engine.chatRequests[1]?.messages).toHaveLength(1);
  });

  test('Clear empties the conversation and offers the suggestions again', async () => {
    const { chat } = chatWith();
    chat.suggestions = [{ label: 'A story', prompt: 'Tell me.', kind: 'chat' }];
    await chat.updateComplete;
    button(chat, 'A story').click();
    await until(isDone(chat), 'end');
    button(chat, 'Clear').click();
    await chat.updateComplete;
    expect(chat.turns).toEqual([]);
    expect(textOf(chat)).toContain('Tell me.');
  });
});

test('Clear while an answer is written silences it; the next prompt waits until the engine has stopped', async () => {
  const { chat, engine } = chatWith({ msPerToken: 60 });
  const [pieces, answers] = [eventsOf(chat, 'sluice-token'), eventsOf(chat, 'sluice-answer')];
  await chat.updateComplete;
  const first = chat.send('first');
  await until(() => pieces.length > 0, 'tokens');
  chat.clear();
  const heard = pieces.length;
  expect(chat.isBusy).toBe(false);
  void chat.send('second');
  expect(engine.chatRequests).toHaveLength(1);
  await first;
  await until(() => engine.chatRequests.length === 2, 'second request');
  expect(engine.chatRequests[1]?.messages).toEqual([{ role: 'user', content: 'second' }]);
  expect(pieces).toHaveLength(heard);
  expect(answers).toEqual([]);
  chat.stop();
});

describe('display', () => {
  test('Markdown is rendered and cannot bring in scripts, images or styles', async () => {
    const answer =
      '**bold** `code`\n\n<img src=x onerror="globalThis.isHacked = true"><script>globalThis.isHacked = true</script>\n\n' +
      '[bad](javascript:globalThis.isHacked=true) [good](https://example.org) <b style="position:fixed" onclick="x()">raw</b> ![i](https://example.org/a.png)';
    const { chat } = chatWith({ answer });
    await chat.send('Hello');
    await chat.updateComplete;
    const shown = find(chat, '.answer');
    expect(shown.querySelector('strong')?.textContent).toBe('bold');
    expect(shown.querySelector('img, script, style, [style], [onclick], [onerror]')).toBeNull();
    const links = [...shown.querySelectorAll('a')].map((link) => [link.textContent, link.getAttribute('href'), link.rel]);
    expect(links).toEqual([
      ['bad', null, 'noopener noreferrer nofollow'],
      ['good', 'https://example.org', 'noopener noreferrer nofollow'],
    ]);
    expect('isHacked' in globalThis).toBe(false);
  });

  test('finished paragraphs keep their elements while the next one is written', async () => {
    const { chat } = chatWith({ msPerToken: 8 });
    void chat.send('Hello');
    const first = await until(() => chat.shadowRoot?.querySelectorAll('.answer p')[1] && chat.shadowRoot.querySelector('.answer p'), 'two paragraphs');
    await until(isDone(chat), 'end');
    await chat.updateComplete;
    expect(find(chat, '.answer p')).toBe(first);
    expect(first.textContent).toMatch(/^Long ago.*smiled\.$/);
  });

  test('the status region speaks at start and end, not at every token', async () => {
    const { chat } = chatWith({ msPerToken: 4 });
    await chat.updateComplete;
    const said: string[] = [];
    const status = find(chat, '[role=status]');
    const observer = new MutationObserver(() => said.push(status.textContent ?? ''));
    observer.observe(status, { childList: true, characterData: true, subtree: true });
    await chat.send('Hello');
    await chat.updateComplete;
    await Promise.resolve();
    observer.disconnect();
    expect(said).toHaveLength(2);
    expect(said[0]).toBe('Writing an answer');
    expect(said[1]).toMatch(/^Answer complete: 82 tokens/);
  });

  test.each(['light', 'dark'] as const)('is accessible, %s', async (scheme) => {
    const chat = document.createElement('sluice-chat');
    chat.engine = new ScriptedEngine({
      model: { fallbackReason: 'No WebGPU adapter', backend: 'cpu' },
      failAt: { index: 60, error: new EngineError('internal', 'It broke.', 'Report it.') },
    });
    chat.suggestions = [{ label: 'A story', prompt: 'Tell me.', kind: 'chat' }];
    mount(chat, 640, scheme);
    await chat.updateComplete;
    await expectAccessible(chat);
    await chat.send('Hello');
    button(chat, 'Settings').click();
    await chat.updateComplete;
    await expectAccessible(chat);
  });

  test.each([320, 640])('nothing is wider than a page of %i px', async (width) => {
    const { chat } = chatWith({ answer: `${'x'.repeat(300)} https://example.org/${'y'.repeat(200)}\n\n\`\`\`\n${'z'.repeat(300)}\n\`\`\`` });
    chat.parentElement!.style.width = `${width}px`;
    await chat.send('w'.repeat(400));
    button(chat, 'Settings').click();
    await chat.updateComplete;
    const right = chat.getBoundingClientRect().right;
    const wide = allWithin(chat, '*').filter((element) => element.getBoundingClientRect().right > right + 1 && !element.closest('.strip, pre'));
    expect(wide.map((element) => element.outerHTML.slice(0, 100))).toEqual([]);
  });
});
