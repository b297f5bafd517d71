// The terminal program: commands and their options, and how results and errors leave it. With --json standard output is one JSON document, whatever
// happens; everything else goes to standard error.

import { Command, CommanderError, Option } from 'commander';
import { version } from '../../package.json';
import { EngineError } from '../core/errors';
import { DEFAULT_POLICY, POLICY_NAMES } from '../scheduler/create-policy';
import { LAPTOP_COST } from '../scheduler/simulator';
import { budgetOption, bytesOption, choiceOption, collect, integerOption, invalidArgument, listOption, numberOption, parseTokens } from './arguments';
import { type BenchCommand, bench } from './bench';
import type { OpenEngine } from './engine-port';
import { type GenerateCommand, type LoadChoices, generate } from './generate';
import { inspect } from './inspect';
import type { TerminalIo } from './io';
import { logits } from './logits';
import { type MetricsCommand, printMetrics } from './metrics';
import { TRACE_HELP } from './open-trace';
import { type SimulateCommand, simulateTrace } from './simulate';
import { detokenize, tokenize } from './tokens';
import { type TraceCommand, recordTrace } from './trace';

const MAX_CONTEXT = 2 ** 20;
const MAX_LAYERS = 4096;

/** Runs one command. Resolves to the exit status: 0 only on success. Never rejects. */
export async function runTerminal(words: readonly string[], io: TerminalIo, openEngine: OpenEngine): Promise<0 | 1> {
  const json = words.includes('--json');
  try {
    await program(io, openEngine, json).parseAsync(words, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? usageError(thrown) : EngineError.from(thrown);
    const { code, message, hint, cause } = error.toPlain();
    if (json) io.out(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    io.err(`sluice: ${message}\n${hint}\n${code === 'internal' && cause !== undefined ? `${cause}\n` : ''}`);
    return 1;
  }
}

function program(io: TerminalIo, openEngine: OpenEngine, json: boolean): Command {
  const root = new Command('sluice')
    .description('Mixture-of-Experts language models on WebGPU, with only some of the experts in GPU memory.')
    .version(version)
    .exitOverride()
    // Errors are written by runTerminal.
    .configureOutput({ writeOut: (text) => (json ? io.err(text) : io.out(text)), writeErr: (text) => io.err(text), outputError: () => undefined })
    .showSuggestionAfterError();

  withLoadOptions(command(root, 'generate', 'write text that follows a prompt'))
    .option('--prompt <text>', 'what to ask; wrapped in the chat template of the model, if it has one')
    .option('--tokens <ids>', 'the prompt as token ids: 1,2,3', parseTokens)
    .option('--max-tokens <count>', 'stop after so many tokens', integerOption('--max-tokens', 1, MAX_CONTEXT), 256)
    .option('--temperature <number>', '0 takes the likeliest token', numberOption('--temperature', 0, 100))
    .option('--top-k <count>', 'draw from the likeliest so many; 0 is off', integerOption('--top-k', 0))
    .option('--top-p <share>', 'draw from the likeliest that make up this share; 1 is off', numberOption('--top-p', 0, 1))
    .option('--min-p <share>', 'drop tokens below this share of the likeliest; 0 is off', numberOption('--min-p', 0, 1))
    .option('--repetition-penalty <number>', 'above 1 avoids tokens already there; 1 is off', numberOption('--repetition-penalty', 0.01, 100))
    .option('--seed <number>', 'the same seed gives the same text', integerOption('--seed', 0))
    .option('--stop <text>', 'stop before this text; may be given several times', collect, [])
    .option('--no-chat', 'take the prompt as it is, without chat template')
    .option('--ignore-eos', 'go on after an end-of-text token', false)
    .action((options: GenerateCommand & Loading) => generate(options, loadChoices(options), io, openEngine));

  withLoadOptions(command(root, 'logits', 'logits of the last position, and the routes of all tokens'))
    .requiredOption('--tokens <ids>', 'token ids: 1,2,3', parseTokens)
    .action((options: { model: string; json: boolean; tokens: number[] } & Loading) => logits(options, loadChoices(options), io, openEngine));

  withModelOption(command(root, 'tokenize', 'the token ids of a text'))
    .requiredOption('--text <text>', 'the text')
    .option('--no-special', 'take control tokens such as <|im_start|> in the text as plain text')
    .action((options: { model: string; json: boolean; text: string; special: boolean }) => tokenize(options, io));

  withModelOption(command(root, 'detokenize', 'the text of token ids'))
    .requiredOption('--tokens <ids>', 'token ids: 1,2,3', parseTokens)
    .action((options: { model: string; json: boolean; tokens: number[] }) => detokenize(options, io));

  command(root, 'inspect', 'what a model file holds')
    .argument('[model]', MODEL_HELP)
    .option('--model <model>', MODEL_HELP)
    .action((argument: string | undefined, options: { model?: string; json: boolean }) => inspect(argument ?? options.model ?? 'demo', io, options.json));

  withLoadOptions(command(root, 'trace', 'write a text and keep which experts every token was routed to'))
    .requiredOption('--prompt <text>', 'what to ask; wrapped in the chat template of the model, if it has one')
    .requiredOption('--out <file>', 'where to write the trace')
    .option('--max-tokens <count>', 'stop after so many tokens', integerOption('--max-tokens', 1, MAX_CONTEXT), 256)
    .option('--temperature <number>', '0 takes the likeliest token', numberOption('--temperature', 0, 100))
    .option('--seed <number>', 'the same seed gives the same text', integerOption('--seed', 0))
    .option('--no-chat', 'take the prompt as it is, without chat template')
    .option('--ignore-eos', 'go on after an end-of-text token', false)
    .action((options: TraceCommand & Loading) => recordTrace(options, loadChoices(options), io, openEngine));

  withLoadOptions(command(root, 'bench', 'decoding with all experts on the GPU, with some, and with some and no looking ahead'))
    .option('--max-tokens <count>', 'tokens of each of seven answers', integerOption('--max-tokens', 2, MAX_CONTEXT), 64)
    .action((options: BenchCommand & Loading) => bench(options, loadChoices(options), io, openEngine));

  command(root, 'metrics', 'what a trace says of a model: whether it suits offloading, and how each layer uses its experts')
    .argument('<trace>', TRACE_HELP)
    .option('--against <trace>', 'another trace of the same model, for the divergence of the two')
    .option('--tokens <count>', 'of each sequence of the trace only the first so many', integerOption('--tokens', 1))
    .action((file: string, options: Omit<MetricsCommand, 'file'>) => printMetrics({ ...options, file }, io));

  command(root, 'simulate', 'replay a trace under cache policies and budgets')
    .argument('<trace>', TRACE_HELP)
    .option('--policy <names>', 'cache policies with commas between them, or all', listOption(String), [DEFAULT_POLICY])
    .option('--budget <sizes>', 'shares of all experts or bytes, with commas between them', listOption(budgetOption('--budget')), ['25%'])
    .option('--predictor <name>', 'prefetch what this predictor foresees')
    .option('--expert-bytes <size>', 'size of one expert', bytesOption('--expert-bytes'), 1_000_000)
    .option('--tokens <count>', 'of each sequence of the trace only the first so many', integerOption('--tokens', 1))
    .option('--read-rate <size>', 'bytes per second from disk or network', bytesOption('--read-rate'), LAPTOP_COST.readBytesPerSecond)
    .option('--upload-rate <size>', 'bytes per second to the GPU', bytesOption('--upload-rate'), LAPTOP_COST.uploadBytesPerSecond)
    .option('--layer-ms <number>', 'milliseconds that a layer of one token takes', numberOption('--layer-ms', 0, 1e6), LAPTOP_COST.computeMsPerLayer)
    .option('--halt-ms <number>', 'milliseconds that a halt costs besides its transfers', numberOption('--halt-ms', 0, 1e6), LAPTOP_COST.haltMs)
    .action((file: string, options: Omit<SimulateCommand, 'file'>) => simulateTrace({ ...options, file }, io));

  return root;
}

const MODEL_HELP = 'path of a .gguf file, an https:// address, hf:owner/repository/file.gguf, or demo';

interface Loading {
  readonly backend: LoadChoices['backend'];
  readonly gpuBudget?: NonNullable<LoadChoices['gpuBudget']>;
  readonly context?: number;
  readonly policy?: string;
  readonly lookAhead?: number;
  readonly store: LoadChoices['store'];
}

function loadChoices({ backend, gpuBudget, context, policy, lookAhead, store }: Loading): LoadChoices {
  return {
    ...{ backend, store },
    ...(gpuBudget !== undefined && { gpuBudget }),
    ...(context !== undefined && { contextLength: context }),
    ...(policy !== undefined && { policy }),
    ...(lookAhead !== undefined && { lookAheadLayers: lookAhead }),
  };
}

function command(root: Command, name: string, description: string): Command {
  return root.command(name).description(description).allowExcessArguments(false).option('--json', 'print one JSON document', false);
}

function withModelOption(made: Command): Command {
  return made.option('--model <model>', MODEL_HELP, 'demo');
}

function withLoadOptions(made: Command): Command {
  return withModelOption(made)
    .addOption(new Option('--backend <name>', 'webgpu, cpu, or auto').argParser(choiceOption('--backend', ['auto', 'webgpu', 'cpu'])).default('auto'))
    .option('--gpu-budget <size>', 'memory for experts on the GPU: bytes, or a share of all experts such as 25%', budgetOption('--gpu-budget'))
    .option('--context <count>', 'longest context in tokens', integerOption('--context', 1, MAX_CONTEXT))
    .option(
      '--look-ahead <layers>',
      'layers that a step looks ahead past a missing expert; unset: as far as it pays',
      integerOption('--look-ahead', 0, MAX_LAYERS),
    )
    .option('--policy <name>', `which experts keep their GPU slots: ${POLICY_NAMES.join(', ')}`)
    .addOption(new Option('--store <kind>', 'where experts are kept between uses').argParser(choiceOption('--store', ['auto', 'memory'])).default('auto'));
}

/** Commander's own complaints as ours. */
function usageError(error: CommanderError): EngineError {
  if (error.code === 'commander.help') return invalidArgument('No command was given.');
  return invalidArgument(error.message.replace(/^error: /, '').split('\n')[0] ?? error.message);
}
