// Messages to a prompt, by the Jinja template that a GGUF brings along. A template comes from a stranger: its size, its work and its output are limited, and
// it sees nothing but the messages. What the messages say is guarded, so that it cannot end a turn or begin another one.

import { Environment, Interpreter, Template } from '@huggingface/jinja';
import type { ChatMessage } from '../core/api';
import { EngineError } from '../core/errors';
import type { GgufFile } from '../formats/gguf';
import type { Tokenizer } from './tokenizer';
import { readTokenId } from './vocabulary';

export interface ChatTemplate {
  /** As in the file. */
  readonly source: string;
  /** Throws 'invalid-argument' for messages that are none, 'invalid-template' when the template fails on them. */
  render(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt: boolean }): string;
}

const ROLES: ReadonlySet<string> = new Set<ChatMessage['role']>(['system', 'user', 'assistant']);

const MAX_TEMPLATE_LENGTH = 64 * 1024; // the longest in use have some 20,000 characters
const MAX_OUTPUT_LENGTH = 16 * 1024 * 1024;
const MAX_RANGE_LENGTH = 10_000;
/** Steps are evaluated nodes and items of the lists that they give. Templates look at the whole list several times for each message, hence the square. */
const maxSteps = (messageCount: number): number => 100_000 + 20 * messageCount ** 2;

/** Undefined when the file has no template. The template is parsed at its first use, so that a model whose template is bad can still continue plain text. */
export function createChatTemplate(file: GgufFile): ChatTemplate | undefined {
  const { metadata } = file;
  if (!metadata.has('tokenizer.chat_template')) return undefined;
  const source = metadata.string('tokenizer.chat_template');
  const texts = metadata.strings('tokenizer.ggml.tokens', []);
  const textOf = (name: string): string => texts[readTokenId(metadata, `tokenizer.ggml.${name}_token_id`, texts.length) ?? -1] ?? '';
  const variables = { bos_token: textOf('bos'), eos_token: textOf('eos') };
  let parsed: Template | undefined;
  return {
    source,
    render: (messages, { addGenerationPrompt }) => {
      checkMessages(messages);
      if (source.length > MAX_TEMPLATE_LENGTH) throw invalidTemplate(`it has ${source.length} characters; ${MAX_TEMPLATE_LENGTH} are the limit`);
      try {
        parsed ??= new Template(source);
        const copies = messages.map(({ role, content }) => ({ role, content }));
        return run(parsed, { ...variables, messages: copies, add_generation_prompt: addGenerationPrompt }, maxSteps(messages.length));
      } catch (cause) {
        throw invalidTemplate(cause instanceof Error ? cause.message : String(cause), cause);
      }
    },
  };
}

/** The prompt of a chat as token ids. Text in the messages that looks like a control token stays text. */
export function encodeChat(template: ChatTemplate, tokenizer: Tokenizer, messages: readonly ChatMessage[]): number[] {
  checkMessages(messages);
  const guarded = messages.map(({ role, content }) => ({ role, content: tokenizer.guard(content) }));
  const ids = tokenizer.encode(template.render(guarded, { addGenerationPrompt: true }), { special: true });
  // Some templates write the bos token themselves.
  return tokenizer.addBos && tokenizer.bosTokenId !== undefined && ids[0] !== tokenizer.bosTokenId ? [tokenizer.bosTokenId, ...ids] : ids;
}

function run(template: Template, variables: Readonly<Record<string, unknown>>, stepLimit: number): string {
  const environment = new Environment();
  const globals = { true: true, false: false, none: null, True: true, False: false, None: null, range, raise_exception: raiseException };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  const output: unknown = new LimitedInterpreter(environment, stepLimit).run(template.parsed).value;
  if (typeof output !== 'string') throw new Error('the output is not text');
  return output;
}

/** Stops a template that would run for ever, or write without end. Every loop and call goes through `evaluate`. */
class LimitedInterpreter extends Interpreter {
  readonly #stepLimit: number;
  #steps = 0;

  constructor(environment: Environment, stepLimit: number) {
    super(environment);
    this.#stepLimit = stepLimit;
  }

  override evaluate(...parameters: Parameters<Interpreter['evaluate']>): ReturnType<Interpreter['evaluate']> {
    this.#spend(1);
    const result = super.evaluate(...parameters);
    const value: unknown = result.value;
    if (Array.isArray(value)) this.#spend(value.length);
    else if (value instanceof Map) this.#spend(value.size);
    else if (typeof value === 'string' && value.length > MAX_OUTPUT_LENGTH) throw new Error(`it writes more than ${MAX_OUTPUT_LENGTH} characters`);
    return result;
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.#stepLimit) throw new Error(`it takes more than ${this.#stepLimit} steps`);
  }
}

/** Python's `range`, of a limited length. */
function range(startOrStop: number, stop?: number, step = 1): number[] {
  const [start, end] = stop === undefined ? [0, startOrStop] : [startOrStop, stop];
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (!(length <= MAX_RANGE_LENGTH)) throw new Error(`range() of ${length}; ${MAX_RANGE_LENGTH} is the limit`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function raiseException(message: string): never {
  throw new Error(message);
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length === 0) throw invalidMessages('The list of messages is empty.');
  messages.forEach((message: { readonly role: unknown; readonly content: unknown }, index) => {
    if (typeof message.role !== 'string' || !ROLES.has(message.role)) throw invalidMessages(`messages[${index}].role is "${String(message.role)}".`);
    if (typeof message.content !== 'string') throw invalidMessages(`messages[${index}].content is not text.`);
  });
}

function invalidMessages(message: string): EngineError {
  return new EngineError('invalid-argument', message, `Give at least one message, each with text as content and one of the roles ${[...ROLES].join(', ')}.`);
}

function invalidTemplate(problem: string, cause?: unknown): EngineError {
  return new EngineError(
    'invalid-template',
    `The chat template of the model cannot be used: ${problem.slice(0, 300)}.`,
    'Some templates ask for a certain order of roles. Otherwise use plain completion, which needs no template, or another conversion of the model.',
    cause,
  );
}
